# SPDX-License-Identifier: GPL-2.0-only
"""Processes and threads that come and go while they are traced."""
import signal

from harness import *


def lifecycle_run(t, *options):
    w = t.workload("lifecycle", "-t", 20, "-n", 10)
    tracer = t.trace(*options, "-p", w.pid)
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    return truth, report


@case
def children_and_their_ends(t):
    truth, report = lifecycle_run(t)
    equal({x["pid"] for x in report["targets"]}, {truth["pid"]} | {e[0] for e in truth["ends"]}, "targets")
    for pid, code, number in truth["ends"]:
        want = {"signal": signal.Signals(number).name} if number else {"code": code}
        equal(target(report, pid)["exit"], want, f"end of child {pid}")
    check(target(report, truth["pid"])["exit"] is None, "the parent has not ended")
    nothing_lost(report)


@case
def names_follow_exec(t):
    truth, report = lifecycle_run(t)
    parent = target(report, truth["pid"])
    equal(parent["comm"], "lifecycle", "name of the parent")
    equal(parent["exe"], need_workload("lifecycle"), "executable of the parent")
    for pid, _, _ in truth["ends"][4:]:
        equal(target(report, pid)["comm"], "true", f"name of {pid} after exec")
        check(target(report, pid)["exe"].endswith("/true"), f"executable of {pid} after exec")
    for pid, _, _ in truth["ends"][:4]:
        equal(target(report, pid)["comm"], "lifecycle", f"name of {pid}, which did not exec")


@case
def without_following_there_is_one_target(t):
    truth, report = lifecycle_run(t, "--no-follow")
    equal([x["pid"] for x in report["targets"]], [truth["pid"]], "targets")


@case
def spans_in_children(t):
    """Children that are forked while traced have the probes, and their calls count."""
    truth, report = lifecycle_run(
        t, "--no-cpu", "--no-offcpu", "--no-syscalls", "--max-overhead", "100", "-t", "child_work,thread_work,child_run"
    )
    equal(calls_of(report, "child_work"), 4, "calls of child_work in four children")
    equal(calls_of(report, "thread_work"), truth["threads"], "calls of thread_work in short threads")
    equal(path(report, "child_run")["calls"], 4, "calls of child_run in the parent")


@case
def the_target_exits_by_itself(t):
    """The trace ends with its last target, and the report is written."""
    w = t.workload("busy", "-s", 300, "-x", 1)
    tracer = t.trace("-p", w.pid)
    w.go()
    truth = w.truth()
    equal(w.process.wait(20), 7, "exit status of the workload")
    report = tracer.wait(timeout=15).report()
    equal(target(report, truth["pid"])["exit"], {"code": 7}, "end of the target")
    check(weight(report, "cpu", "spin_heavy") > 5, "samples of a target that has gone are named")
