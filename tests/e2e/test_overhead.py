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
    """CPU time a request with everything on against without; told, not judged (make bench does)."""
    service = services.Redis(t)
    pid = service.pids[0]

    def ns_a_request():
        before = schedstat(pid, pid)[0]
        done = t.run("redis-benchmark", "-s", service.socket, "-q", "-c", 16, "-n", 100000, "-t", "get", timeout=120)
        equal(done.returncode, 0, "redis-benchmark")
        return (schedstat(pid, pid)[0] - before) / 100000

    ns_a_request()
    plain = ns_a_request()
    tracer = t.trace("-p", pid)
    traced = ns_a_request()
    report = tracer.stop()
    service.check_alive()
    lost_pct, said_pct = 100 * (traced - plain) / traced, report["overhead"]["target_pct"]
    t.remark(f"{plain:.0f} ns a request untraced, {traced:.0f} traced: {lost_pct:.0f} %; the report says {said_pct:.1f} %")
    # The kernel's own measuring of BPF run time is in the figure: it may say too much, not too little.
    between(0.5 * lost_pct - 3, said_pct, 2.5 * lost_pct + 5, "target_pct")
