# SPDX-License-Identifier: GPL-2.0-only
"""What the report says about the tracer's own cost, against what the target really lost."""
import os
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
    tracer = t.trace(*ONLY_SPANS, "-p", w.pid, "-t", "leaf_c,middle_b", json_report=False)
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
    tracer = t.trace("-p", service.pids[0])
    before = service.commands()
    service.load(6)
    commands = service.commands() - before
    report = tracer.stop()
    service.check_alive()
    overhead = report["overhead"]
    t.remark(f"{commands} commands; the report says {overhead['target_pct']:.1f} %")
    check(overhead["target_pct"] < 6, f"the first second included: {overhead}")
    contains([d["name"] for d in overhead["detached"]], "system calls", "what was looked at for moments")
    [reads] = [s for s in report["syscalls"] if s["name"] == "read"]
    check(reads["sampled"] and reads["seen_pct"] < 60, f"reads: {reads['seen_pct']}")
    near(reads["calls"], commands, 0.5, "read() by estimate")


@case
def a_storm_is_cut_before_it_costs(t):
    """A function that is called millions of times a second: the probe must go within moments."""
    w = t.workload("spans", "-t", 1, "-l", 1)
    time.sleep(0.5)
    tracer = t.trace(*ONLY_SPANS, "-p", w.pid, "-t", "leaf_c,middle_b")
    time.sleep(3)
    report = tracer.stop()
    w.process.kill()
    overhead = report["overhead"]
    check(overhead["detached"], f"nothing was cut: {overhead}")
    check(overhead["target_pct"] < 8, f"the first second included: {overhead}")
    t.remark(f"{overhead['target_pct']:.2f} %, {len(overhead['detached'])} functions for moments")
