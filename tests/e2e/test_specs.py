# SPDX-License-Identifier: GPL-2.0-only
"""What -t can name besides functions, what counts as an error by itself, and the plan that funcs prints."""
import json
import os
import subprocess

from harness import *

SPANS_ONLY = ("--no-cpu", "--no-offcpu", "--no-syscalls", "--max-overhead", "100")


@case
def system_calls_are_spans_below_their_callers(t):
    w = t.workload("spans", "-t", 2, "-n", 500)
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", "round_trip,slow_d", "-t", "sys:clock_nanosleep,openat")
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    nap = path(report, "round_trip", "slow_d", "clock_nanosleep")
    equal(nap["calls"], truth["slow_calls"], "sleeps below slow_d")
    check(nap["total_ns"] <= path(report, "round_trip", "slow_d")["total_ns"], "their time is part of its")
    equal(next(n["kind"] for n in report["nodes"] if n["name"] == "clock_nanosleep"), "syscall", "kind of the node")
    check("syscalls" not in report, "the signal itself was left out")


@case
def failing_system_calls_name_their_errno(t):
    w = t.workload("errnos")
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", "sys:openat,read,close")
    w.go()
    w.truth()
    report = tracer.stop()
    w.end()
    types = {k for p in report["paths"] for k in p["error_types"]}
    check(types and all(k.startswith("E") for k in types), f"errors by errno: {types}")


@case
def static_probes_are_points(t):
    w = t.workload("throwing", "-n", 900)
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", "catcher", "-t", "usdt:libstdc++*:libstdcxx:throw,catch")
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    equal(calls_of(report, "libstdcxx:throw"), truth["caught"], "hits of libstdcxx:throw")
    equal(calls_of(report, "libstdcxx:catch"), truth["caught"], "hits of libstdcxx:catch")
    check(any(p["path"] == ["catcher(unsigned long)", "libstdcxx:catch"] for p in report["paths"]), "below its caller")


@case
def types_tell_what_an_error_is(t):
    """leaf_c returns int, find_p a pointer: nobody says what an error of theirs is but DWARF."""
    w = t.workload("spans", "-t", 1, "-n", 400)
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", "leaf_c,find_p,wide_w@never,code_e@never")
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    equal(errors_of(report, "leaf_c"), truth["leaf_failed"], "errors of leaf_c")
    equal(errors_of(report, "find_p"), truth["find_failed"], "errors of find_p")
    equal(errors_of(report, "code_e") + errors_of(report, "wide_w"), 0, "errors that were asked not to be")


@case
def names_that_match_nothing_are_told(t):
    w = t.workload("spans", "-t", 1, "-n", 10)
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", "leaf_c,laef_d")
    w.go()
    w.truth()
    tracer.stop()
    w.end()
    contains(tracer.stderr(), "nothing matches 'laef_d'", "a warning")


def funcs(*args, want=0):
    done = subprocess.run([PATHBPF, "funcs", *map(str, args)], capture_output=True, text=True, timeout=60)
    equal(done.returncode, want, f"exit status of funcs ({done.stderr!r})")
    return done


@case
def the_plan_is_shown_without_probing(t):
    w = t.workload("spans")
    text = funcs("-p", w.pid, "leaf_c,find_p,_init").stdout
    for part in ("FUNCTION", "leaf_c", "return-probe", "Skipped:", "_init"):
        contains(text, part, "the table")
    plan = json.loads(funcs("--format", "json", "-p", w.pid, "leaf_c,find_p,_init").stdout)
    rows = {row["name"]: row for row in plan}
    for name in ("leaf_c", "find_p"):
        equal(rows[name]["skipped"], None, f"{name} is not skipped")
        check(rows[name]["site_offset"] >= rows[name]["offset"], "the site lies in it")
        between(50, rows[name]["cost_ns"], 100000, "its cost")
    check(rows["_init"]["skipped"], "and why one is left out")
    with open(f"/proc/{w.pid}/maps") as f:
        check("[uprobes]" not in f.read(), "nothing is probed")
    w.go()
    w.truth()
    w.end()


@case
def the_plan_tells_why_returns_are_seen_otherwise(t):
    w = t.workload("throwing")
    text = funcs("-p", w.pid, "catcher").stdout
    contains(text, "sites", "how returns are seen")
    contains(text, "catches exceptions", "why")
    funcs("-p", w.pid, "nobody_has_this", want=1)
    funcs("catcher", want=2)
    w.end_by_death() if hasattr(w, "end_by_death") else w.process.kill()


@case
def an_executable_goes_by_the_name_it_was_run_as(t):
    link, out = t.file("renamed"), t.file("x.json")
    os.symlink(need_workload("spans"), link)
    done = subprocess.run(
        [PATHBPF, *SPANS_ONLY, "-t", "renamed:leaf_c", "-o", out, "--", link, "-t", "1", "-n", "10"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )
    equal(done.returncode, 0, f"exit status ({done.stderr!r})")
    with open(out) as f:
        equal(calls_of(json.load(f), "leaf_c"), 70, "calls of leaf_c")
