# SPDX-License-Identifier: GPL-2.0-only
"""What the report says about the tracer's own cost, against what the target really lost."""
import json
import os
import signal
import time

import services
from harness import *

ONLY_SPANS = ("--no-cpu", "--no-offcpu", "--no-syscalls")


def process_cpu_ns(pid):
    """Of all threads, also those that have gone; in clock ticks."""
    with open(f"/proc/{pid}/stat") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) * 1e9 / os.sysconf("SC_CLK_TCK")


def work_cpu_ns(t, name, args, options):
    """(CPU time of a workload's work, report): traced when there are options for it."""
    w = t.workload(name, *args)
    tracer = t.trace(*options, "-p", w.pid) if options else None
    before = process_cpu_ns(w.pid)
    w.go()
    w.truth()
    cpu = process_cpu_ns(w.pid) - before
    report = tracer.stop() if tracer else None
    w.end()
    return cpu, report


def check_honest(t, name, args, options):
    """The same work with and without the tracer: target_pct is the share that the tracer took."""
    plain, _ = work_cpu_ns(t, name, args, None)
    traced, report = work_cpu_ns(t, name, args, options)
    lost_pct = 100 * (traced - plain) / traced
    said_pct = report["overhead"]["target_pct"]
    t.remark(f"lost {lost_pct:.0f} % of its CPU time, the report says {said_pct:.1f} %")
    check(lost_pct > 10, f"the workload is no storm: {lost_pct:.1f} %")
    between(0.5 * lost_pct, said_pct, 1.5 * lost_pct, "target_pct")


@case
def the_report_says_what_spans_cost(t):
    check_honest(t, "spans", ("-t", 1, "-n", 40000), (*ONLY_SPANS, "--max-overhead", "100", "-t", "leaf_c,middle_b"))


@case
def a_storm_of_calls_is_survived_and_told(t):
    w = t.workload("spans", "-t", 2, "-l", 1)
    tracer = t.trace(*ONLY_SPANS, "--max-overhead", 1, "-p", w.pid, "-t", "leaf_c,middle_b", json_report=False)
    time.sleep(2)
    tracer.stop()
    contains(tracer.stdout(), "budget", "text report of a run over its budget")
    w.go()
    w.say("end")
    w.truth()
    equal(w.process.wait(20), 0, "exit status of the workload")


@case
def the_default_run_of_redis(t):
    """What costs too much is looked at for moments, and the whole is estimated; what the target
    loses is for make bench to tell, which needs a quiet machine."""
    service = services.Redis(t)
    tracer = t.trace("--max-overhead", 1, "-t", "auto", "-p", service.pids[0])
    before = service.commands()
    service.load(6)
    commands = service.commands() - before
    report = tracer.stop()
    service.check_alive()
    overhead = report["overhead"]
    t.remark(f"{commands} commands; the report says {overhead['target_pct']:.1f} %")
    check(overhead["target_pct"] < 8, f"the first second included: {overhead}")
    contains([d["name"] for d in overhead["detached"]], "system calls", "what was looked at for moments")
    [reads] = [s for s in report["syscalls"] if s["name"] == "read"]
    check(reads["sampled"] and reads["seen_pct"] < 60, f"reads: {reads['seen_pct']}")
    near(reads["calls"], commands, 0.5, "read() by estimate")


@case
def a_storm_is_cut_before_it_costs(t):
    """A function that is called millions of times a second: the probe must go within moments."""
    w = t.workload("spans", "-t", 1, "-l", 1)
    time.sleep(0.5)
    tracer = t.trace(*ONLY_SPANS, "--max-overhead", 1, "-p", w.pid, "-t", "leaf_c,middle_b")
    time.sleep(3)
    report = tracer.stop()
    w.process.kill()
    overhead = report["overhead"]
    check(overhead["detached"], f"nothing was cut: {overhead}")
    check(overhead["target_pct"] < 15, f"the first second included: {overhead}")
    t.remark(f"{overhead['target_pct']:.2f} %, {len(overhead['detached'])} functions for moments")


# pathbpf overhead: the A/B experiment


def experiment(t, pid, *args, want=0, seconds=15):
    """The JSON of `pathbpf overhead`; options of the traced run stand behind --."""
    done = t.pathbpf("overhead", "--format", "json", "-d", seconds, "-p", pid, *args, want=want, timeout=180)
    return json.loads(done.stdout)


def change(report):
    """(estimate, low, high) in per cent of the untraced CPU time a unit."""
    cpu = report["unit"]["cpu"]
    return cpu["change_pct"], cpu["low_pct"], cpu["high_pct"]


def tracers_of(pid):
    """Processes that trace it, by their command line."""
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{p}/cmdline").read().split("\0")
        except OSError:
            continue
        if words[:2] == ["pathbpf", "record"] and str(pid) in words:
            found.append(int(p))
    return found


SPANS = (*ONLY_SPANS, "--max-overhead", "100", "-t", "leaf_c,middle_b")


@case
def an_experiment_finds_what_spans_cost(t):
    """Against the same work with and without, measured by ourselves. slow_d() sleeps once in 64 rounds."""
    rounds = ("-t", 1, "-n", 40000)
    plain = sum(work_cpu_ns(t, "spans", rounds, None)[0] for _ in range(2))
    traced = sum(work_cpu_ns(t, "spans", rounds, SPANS)[0] for _ in range(2))
    truth = 100 * (traced / plain - 1)
    w = t.workload("spans", "-t", 1, "-l", 1)
    # Certainly more than 1 %, so that a budget of that is exceeded.
    report = experiment(t, w.pid, "--unit", "sys:clock_nanosleep", "--max-overhead", 1, "--", *SPANS, want=1)
    value, low, high = change(report)
    t.remark(f"{truth:.0f} % by ourselves, {value:.0f} % ({low:.0f} to {high:.0f} %) by the experiment")
    check(truth > 20, f"the workload is no storm: {truth:.1f} %")
    equal(report["verdict"], "costs", "verdict")
    equal(report["budget"], "exceeded", "budget")
    equal(report["unit"]["name"], "sys:clock_nanosleep", "unit")
    check(not report["unit_chosen"], "the unit was asked for")
    between(low / 1.4, truth, high * 1.4, "what the experiment must have in its interval, give or take the machine")
    equal([b["traced"] for b in report["blocks"]].count(True), len(report["blocks"]) / 2, "traced blocks")
    equal(tracers_of(w.pid), [], "tracers left")
    w.go()
    w.say("end")
    w.truth()
    equal(w.process.wait(20), 0, "exit status of the workload")


@case
def an_experiment_with_next_to_no_tracer_finds_nothing(t):
    """Two programs that are hardly ever run: what is found must be about 0."""
    w = t.workload("spans", "-t", 1, "-l", 1)
    report = experiment(t, w.pid, "--unit", "sys:clock_nanosleep", "--", *ONLY_SPANS)
    value, low, high = change(report)
    t.remark(f"{value:+.2f} % ({low:+.2f} to {high:+.2f} %)")
    check(low <= value <= high, "the estimate lies in its interval")
    check(low < 1 and high > -1, f"about nothing: {low:+.2f} to {high:+.2f} %")
    equal(report["ended_by"], "duration", "ended by")
    between(-2, report["duration_ns"] / 1e9 - 15, 15, "seconds beyond -d")


@case
def an_experiment_counts_calls_of_a_function(t):
    """slow_d() sleeps once a call: as many calls as waits, in each block."""
    w = t.workload("spans", "-t", 2, "-l", 1)
    report = experiment(t, w.pid, "--unit", "path:slow_d", "--clock", "on-cpu", "--", *ONLY_SPANS, seconds=8)
    equal(report["unit"]["name"], "path:slow_d", "unit")
    equal(report["clock"], "on-cpu", "clock")
    for b in report["blocks"]:
        check(b["units"]["named"] > 20, f"calls in a block: {b}")
        # A wait may be over before the CPU is given up.
        near(b["units"]["named"], b["units"]["switches"], 0.1, "calls and waits")
        # Half a millisecond of CPU time a call, on at most two CPUs.
        check(b["cpu_ns"] > 500000 * b["units"]["named"] * 0.97, f"CPU time for the calls: {b}")
        check(b["cpu_ns"] < 2 * b["wall_ns"] * 1.02, f"CPU time of two threads: {b}")


def check_offspring(t, kind, clock):
    """The CPU time of children that have ended is part of what the work cost."""
    w = t.workload("offspring", "-k", kind, "-u", 1500)
    report = experiment(
        t, w.pid, "--unit", "path:raise_child", "--clock", clock, "--block", 0.5, "--", *ONLY_SPANS, seconds=8
    )
    each_ms = report["unit"]["untraced_cpu_ns"] / 1e6
    t.remark(f"{each_ms:.2f} ms of CPU time a child that computes for 1.5 ms")
    # fork() and exit are dear in a virtual machine.
    between(1.5, each_ms, 4.5 if kind == 0 else 2.5, "CPU time a child, ms")
    equal(report["lost_threads"], 0, "lost threads")
    w.go()
    w.truth()
    w.end()


@case
def an_experiment_counts_processes_that_end(t):
    check_offspring(t, 0, "scheduler")


@case
def an_experiment_counts_threads_that_end(t):
    check_offspring(t, 1, "scheduler")


@case
def an_experiment_counts_time_on_cpu_of_threads_that_end(t):
    check_offspring(t, 1, "on-cpu")


@case
def an_experiment_on_redis_chooses_its_unit(t):
    service = services.Redis(t)
    bench = t.spawn(
        ["redis-benchmark", "-s", service.socket, "-l", "-q", "-c", 8, "-t", "get"],
        stdout=open(os.devnull, "wb"),
        stderr=open(os.devnull, "wb"),
    )
    report = experiment(t, service.pids[0], "--seed", 7)
    t.kill(bench)
    value, low, high = change(report)
    t.remark(f"{value:+.1f} % ({low:+.1f} to {high:+.1f} %) by {report['unit']['name']}")
    check(report["unit_chosen"], "the unit was chosen")
    check(report["unit"]["name"] in ("sends", "receives", "calls", "switches"), f"unit {report['unit']['name']}")
    equal(report["seed"], 7, "seed")
    names = [u["name"] for u in report["units"]]
    check("sends" in names and "receives" in names and "accepts" not in names, f"units with enough work: {names}")
    for b in report["blocks"]:
        # GET: a request is read and answered once.
        near(b["units"]["sends"], b["units"]["receives"], 0.05, "sends and receives in a block")
        check(b["units"]["calls"] >= b["units"]["sends"] + b["units"]["receives"], f"calls: {b}")
    first = [b["traced"] for b in report["blocks"]][::2]
    check(all(a != b for a, b in zip(first[::2], first[1::2])), f"of two pairs one of each order: {first}")
    service.check_alive()


@case
def an_experiment_by_name_in_words(t):
    """The text report, and processes found by their name."""
    w = t.workload("spans", "-t", 1, "-l", 1)
    out = t.pathbpf("overhead", "-n", "span?", "--unit", "sys:clock_nanosleep", "-d", 5, "--", *SPANS, timeout=180).stdout
    check(out.startswith(("Tracing costs ", "What tracing costs ")), out)
    for part in ("a call of clock_nanosleep", "throughput", "attaching", "detaching", "pairs of", "Student's t", "cancels"):
        contains(out, part, "text")
    check(all(len(line) <= 80 for line in out.splitlines()), out)
    equal(w.process.poll(), None, "the workload runs")


@case
def an_experiment_whose_target_ends_says_so(t):
    w = t.workload("spans", "-t", 1, "-l", 1)
    tracer = t.spawn(
        [PATHBPF, "overhead", "-p", w.pid, "-d", 60], stdout=open(t.file("out"), "wb"), stderr=open(t.file("err"), "wb")
    )
    time.sleep(2)
    w.process.kill()
    w.process.wait()
    status = tracer.wait(30)
    text = open(t.file("err")).read()
    if status == 0:  # there were pairs enough
        contains(open(t.file("out")).read(), "until the target ended", "text")
    else:
        equal(status, 1, f"exit status ({text!r})")
        contains(text, "the target has ended: ", "message")
        equal(len(text.splitlines()), 1, f"lines of {text!r}")


@case
def an_experiment_that_is_interrupted_tells_what_it_has(t):
    w = t.workload("spans", "-t", 1, "-l", 1)
    words = ["--block", 0.2, "--unit", "sys:clock_nanosleep", "--format", "json", "--", *ONLY_SPANS]
    tracer = t.spawn(
        [PATHBPF, "overhead", "-p", w.pid, "-d", 600, *words],
        stdout=open(t.file("out"), "wb"),
        stderr=open(t.file("err"), "wb"),
    )
    time.sleep(15)
    tracer.send_signal(signal.SIGINT)
    equal(tracer.wait(30), 0, f"exit status ({open(t.file('err')).read()!r})")
    report = json.load(open(t.file("out")))
    equal(report["ended_by"], "user", "ended by")
    check(len(report["blocks"]) >= 6, "pairs")
    equal(tracers_of(w.pid), [], "tracers left")


@case
def an_experiment_that_is_killed_leaves_no_tracer(t):
    w = t.workload("spans", "-t", 1, "-l", 1)
    tracer = t.spawn([PATHBPF, "overhead", "-p", w.pid, "-d", 600, "--block", 5])
    wait_until(lambda: tracers_of(w.pid), "a tracer runs", 20)
    tracer.kill()
    tracer.wait(10)
    wait_until(lambda: not tracers_of(w.pid), "the tracer is gone", 10)
    w.go()
    w.say("end")
    w.truth()
    equal(w.process.wait(20), 0, "exit status of the workload")


@case
def an_experiment_without_work_or_sense_is_refused_in_one_line(t):
    w = t.workload("sleepy", "-n", 1)

    def refused(status, part, *args):
        done = t.pathbpf("overhead", "-p", w.pid, "-d", 3, "--block", 0.1, *args, want=status, timeout=120)
        contains(done.stderr, part, "message")
        equal(len(done.stderr.splitlines()), 1, f"lines of {done.stderr!r}")
        equal(done.stdout, "", "standard output")

    refused(1, "worked too little", "--", *ONLY_SPANS)
    refused(1, "the target did nothing of 'sys:futex'", "--unit", "sys:futex", "--", *ONLY_SPANS)
    refused(2, "unknown option '--bogus'", "--", "--bogus")
    refused(1, "no function matches 'nobody'", "--", "-t", "nobody")
    refused(1, "no function matches 'nobody'", "--unit", "path:nobody")
    refused(2, "a command cannot be measured", "--", "--", "ls")
    w.go()
    w.truth()
    w.end()
