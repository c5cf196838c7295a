# SPDX-License-Identifier: GPL-2.0-only
"""Spans: every call counted once, on the right path, with its time and its error."""
import time

from harness import *

NO_SAMPLING = ("--no-cpu", "--no-offcpu", "--no-syscalls", "--max-overhead", "100")
TREE = (
    "round_trip,outer_a,middle_b,leaf_c@ret<0:int,other_x,find_p@ret==null,code_e@ret!=0:int,"
    "fail_errno@ret<0:int,wide_w@ret<0:int,recurse_r,static_s,slow_d,never_called,held_h,open_o"
)
TOP = "round_trip"


def tree_run(t, threads=4, rounds=1000, options=NO_SAMPLING):
    """Traces the tree from before its first call to its end, with open_o() still running."""
    w = t.workload("spans", "-t", threads, "-n", rounds)
    tracer = t.trace(*options, "-p", w.pid, "-t", TREE)
    w.go()
    truth = w.truth()
    time.sleep(0.3)  # open_o() is entered right after the truth
    report = tracer.stop()
    w.end()
    return truth, report


def check_counts(report, truth):
    n = truth["threads"] * truth["rounds"]
    want = {
        (TOP,): n,
        (TOP, "outer_a"): n,
        (TOP, "outer_a", "middle_b"): 2 * n,
        (TOP, "outer_a", "middle_b", "leaf_c"): 6 * n,
        (TOP, "other_x"): n,
        (TOP, "other_x", "leaf_c"): n,
        (TOP, "find_p"): n,
        (TOP, "code_e"): n,
        (TOP, "fail_errno"): n,
        (TOP, "wide_w"): n,
        (TOP, "static_s"): n,
        (TOP, "slow_d"): truth["slow_calls"],
        ("open_o",): 0,
    }
    want[(TOP, "recurse_r")] = 5 * n  # a path folds a node that directly repeats
    equal({k: p["calls"] for k, p in paths(report).items()}, want, "calls by path")
    for name in ("leaf_c", "recurse_r", TOP, "slow_d"):
        total = sum(c for p, c in want.items() if p[-1] == name)
        equal(calls_of(report, name), total, f"calls of node {name}")
    equal(truth["leaf_calls"], 7 * n, "leaf calls by the workload's own count")


def check_errors(report, truth):
    equal(errors_of(report, "leaf_c"), truth["leaf_failed"], "errors of leaf_c")
    equal(error_types_of(report, "leaf_c"), {"ret=-1": truth["leaf_failed"]}, "error types of leaf_c")
    equal(errors_of(report, "find_p"), truth["find_failed"], "errors of find_p")
    equal(sum(error_types_of(report, "find_p").values()), truth["find_failed"], "error types of find_p")
    codes = {f"ret={i}": truth["codes"][i] for i in (1, 2, 3)}
    equal(error_types_of(report, "code_e"), codes, "error types of code_e")
    equal(errors_of(report, "fail_errno"), truth["errno_failed"], "errors of fail_errno")
    kinds = error_types_of(report, "fail_errno")
    check(
        kinds in ({"EAGAIN": truth["errno_failed"]}, {"ret=-11": truth["errno_failed"]}),
        f"error types of fail_errno: {kinds}",
    )
    equal(errors_of(report, "wide_w"), 0, "errors of wide_w, whose value is no negative int")
    equal(errors_of(report, TOP), 0, "errors of a function without a predicate")


@case
def exact(t):
    truth, report = tree_run(t)
    check_counts(report, truth)
    check_errors(report, truth)
    nothing_lost(report)
    equal(path(report, "open_o")["open"], 1, "open calls of open_o")
    equal(sum(p["open"] for p in report["paths"]), 1, "open calls of all")
    check("never_called" in {u["name"] for u in report["unused"]}, "never_called is not among unused")
    check("leaf_c" not in {u["name"] for u in report["unused"]}, "leaf_c is among unused")


@case
def times_are_bounded_by_the_targets_own_clocks(t):
    truth, report = tree_run(t)
    slow = path(report, TOP, "slow_d")
    between(truth["slow_wall"][0], slow["total_ns"], truth["slow_wall"][1], "total_ns of slow_d")
    check(slow["cpu_ns"] is not None, "cpu_ns of slow_d is not known")
    # A span's CPU time is its length less its time off the CPU: interrupts and what a hypervisor
    # takes are in it, and not in the thread's own clock. It sleeps for as long as it computes.
    between(0.95 * truth["slow_cpu"][0], slow["cpu_ns"], 1.6 * truth["slow_cpu"][1], "cpu_ns of slow_d")
    near(slow["cpu_ns"] + slow["offcpu_ns"], slow["total_ns"], 0.01, "CPU and off-CPU time of slow_d")
    for p in report["paths"]:
        if not p["calls"]:
            continue
        name = ";".join(p["path"])
        between(0, p["self_ns"], p["total_ns"], f"self_ns of {name}")
        between(p["min_ns"] * p["calls"], p["total_ns"], p["max_ns"] * p["calls"], f"total_ns of {name}")
        order = [p[k] for k in ("min_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns")]
        equal(order, sorted(order), f"order of percentiles of {name}")
    between(500000 * 1.9 * 0.9, slow["p50_ns"], slow["max_ns"], "median of slow_d")
    top = path(report, TOP)
    inner = sum(p["total_ns"] for k, p in paths(report).items() if len(k) == 2 and k[0] == TOP)
    equal(top["self_ns"], top["total_ns"] - inner, "self time: own less that of direct callees")


@case
def a_second_trace_of_the_same_process_counts_the_same(t):
    w = t.workload("spans", "-t", 2, "-n", 200)
    first = t.trace(*NO_SAMPLING, "-p", w.pid, "-t", TREE)
    report = first.stop()
    equal(sum(p["calls"] for p in report["paths"]), 0, "calls before go")
    second = t.trace(*NO_SAMPLING, "-p", w.pid, "-t", TREE)
    w.go()
    truth = w.truth()
    time.sleep(0.3)
    report = second.stop()
    check_counts(report, truth)
    w.end()


@case
def with_all_signals_on_counts_stay_exact(t):
    truth, report = tree_run(t, threads=8, rounds=300, options=("--max-overhead", "100"))
    check_counts(report, truth)
    check_errors(report, truth)
    nothing_lost(report)


@case
def attach_in_mid_run_does_not_invent_paths(t):
    threads = 2
    w = t.workload("spans", "-t", threads, "-l", 1)
    tracer = t.trace(*NO_SAMPLING, "-p", w.pid, "-t", TREE)
    time.sleep(1)
    report = tracer.stop()
    counts = {k: p["calls"] + p["open"] for k, p in paths(report).items()}
    whole = counts.get((TOP, "outer_a"), 0)
    check(whole > 100, f"calls of outer_a while the tree runs: {whole}")
    # What a thread was in the middle of when the probes came alive begins below the top.
    beheaded = {k: n for k, n in counts.items() if k[0] not in (TOP, "open_o", "held_h")}
    between(0, sum(beheaded.values()), 30 * threads, f"calls without their callers {beheaded}")
    between(2 * whole - 4 * threads, counts[(TOP, "outer_a", "middle_b")], 2 * whole, "calls of middle_b")
    between(
        6 * whole - 12 * threads, counts[(TOP, "outer_a", "middle_b", "leaf_c")], 6 * whole, "calls of leaf_c"
    )
    nothing_lost(report)
    w.go()
    w.say("end")
    check(w.truth()["leaf_calls"] > 0, "the workload works on")
    equal(w.process.wait(20), 0, "exit status of the workload")


@case
def two_processes_add_up(t):
    a, b = (t.workload("spans", "-t", 2, "-n", n) for n in (100, 300))
    tracer = t.trace(*NO_SAMPLING, "-p", f"{a.pid},{b.pid}", "-t", "leaf_c,round_trip")
    for w in (a, b):
        w.go()
        w.truth()
    report = tracer.stop()
    equal(calls_of(report, "leaf_c"), 7 * 2 * 400, "calls of leaf_c in both")
    equal({x["pid"] for x in report["targets"]}, {a.pid, b.pid}, "targets")
    for w in (a, b):
        w.end()


@case
def another_process_of_the_same_program_does_not_count(t):
    mine, other = (t.workload("spans", "-t", 2, "-n", n) for n in (100, 300))
    tracer = t.trace(*NO_SAMPLING, "-p", mine.pid, "-t", "leaf_c")
    for w in (mine, other):
        w.go()
        w.truth()
    report = tracer.stop()
    equal(calls_of(report, "leaf_c"), 7 * 2 * 100, "calls of leaf_c")
    for w in (mine, other):
        w.end()


@case
def globs_and_exclusions(t):
    w = t.workload("spans", "-t", 1, "-n", 10)
    tracer = t.trace(*NO_SAMPLING, "-p", w.pid, "-t", "*_[abc],!middle_*", "-t", "spans:code_?")
    w.go()
    w.truth()
    report = tracer.stop()
    called = {n["name"] for n in report["nodes"] if n["calls"]}
    equal(called, {"outer_a", "leaf_c", "code_e"}, "nodes with calls")
    equal(path(report, "outer_a", "leaf_c")["calls"], 60, "calls of leaf_c below outer_a")
    w.end()


@case
def functions_of_the_c_library(t):
    w = t.workload("errnos", "-t", 2, "-n", 20)
    tracer = t.trace(*NO_SAMPLING, "-p", w.pid, "-t", "libc.so.6:dup3@ret<0:int,ppoll@ret<0:int")
    w.go()
    truth = w.truth()
    report = tracer.stop()
    for name in ("dup3", "ppoll"):
        equal(calls_of(report, name), truth["rounds"], f"calls of libc's {name}")
        equal(errors_of(report, name), truth["rounds"], f"errors of libc's {name}")
    w.end()


@case
def a_library_that_is_opened_later(t):
    w = t.workload("lifecycle", "-t", 1, "-n", 100)
    # By its path: the file is probed before it is mapped, so that its first call counts.
    plugin = str(WORKLOADS / "libplug.so")
    tracer = t.trace(*NO_SAMPLING, "-p", w.pid, "-t", plugin + ":plug_*@ret<0:int")
    w.go()
    truth = w.truth()
    report = tracer.stop()
    equal(calls_of(report, "plug_enter"), truth["plug_calls"], "calls of plug_enter")
    inner = path(report, "plug_enter", "plug_inner")
    equal(inner["calls"], truth["plug_calls"], "calls of plug_inner")
    equal(inner["errors"], truth["plug_failed"], "errors of plug_inner")
    w.end()
