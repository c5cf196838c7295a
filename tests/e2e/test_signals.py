# SPDX-License-Identifier: GPL-2.0-only
"""However the tracer ends, the target lives and nothing stays behind."""
import json
import signal
import time

from harness import *


def our_programs(t):
    """BPF programs of a pathbpf in this kernel."""
    done = t.run(need_program("bpftool"), "-j", "prog", "show")
    if done.returncode:
        raise Skip(f"bpftool: {done.stderr}")
    return {p["id"]: p.get("name") for p in json.loads(done.stdout) if p.get("name", "").startswith("pb_")}


def traced_spans(t):
    w = t.workload("spans", "-t", 2, "-n", 2000)
    tracer = t.trace("--max-overhead", 100, "-p", w.pid, "-t", "round_trip,leaf_c")
    return w, tracer


@case
def interrupt_and_terminate_give_a_report(t):
    for number in (signal.SIGINT, signal.SIGTERM):
        w, tracer = traced_spans(t)
        w.go()
        truth = w.truth()
        report = tracer.stop(number)
        equal(calls_of(report, "leaf_c"), truth["leaf_calls"], f"calls of leaf_c after signal {number}")
        w.end()


@case
def nothing_stays_in_the_kernel(t):
    before = our_programs(t)
    w, tracer = traced_spans(t)
    check(len(our_programs(t)) > len(before), "programs are loaded while it traces")
    tracer.stop()
    wait_until(lambda: our_programs(t).keys() <= before.keys(), "all programs are gone")
    w.go()
    w.truth()
    w.end()


@case
def kill_leaves_the_target_running(t):
    before = our_programs(t)
    w, tracer = traced_spans(t)
    w.go()
    time.sleep(0.01)
    tracer.send(signal.SIGKILL)
    tracer.process.wait(20)
    truth = w.truth()
    equal(truth["leaf_calls"], 2 * 2000 * 7, "calls that the target made")
    w.end()
    wait_until(lambda: our_programs(t).keys() <= before.keys(), "all programs are gone")


@case
def a_stopped_tracer_does_not_stop_the_target(t):
    w = t.workload("errnos", "-t", 3, "-n", 200)
    tracer = t.trace("--max-overhead", 100, "-p", w.pid)
    tracer.send(signal.SIGSTOP)
    w.go()
    truth = w.truth()
    tracer.send(signal.SIGCONT)
    report = tracer.stop()
    seen = {s["name"]: s["calls"] for s in report["syscalls"]}
    equal(seen["getppid"], truth["rounds"], "calls of getppid, which the kernel counts")
    w.end()


@case
def two_tracers_at_once(t):
    w = t.workload("spans", "-t", 2, "-n", 200)
    tracers = [t.trace("--max-overhead", 100, "-p", w.pid, "-t", "leaf_c") for _ in range(2)]
    w.go()
    truth = w.truth()
    for tracer in tracers:
        equal(calls_of(tracer.stop(), "leaf_c"), truth["leaf_calls"], "calls of leaf_c")
    w.end()


@case
def duration_ends_the_trace(t):
    w = t.workload("busy", "-s", 3000)
    tracer = t.trace("-d", "0.5", "-p", w.pid)
    w.go()
    report = tracer.wait().report()
    between(0.5e9, report["duration_ns"], 0.8e9, "duration_ns")
    w.truth()
    w.end()
