# SPDX-License-Identifier: GPL-2.0-only
"""Recorded traces: the slow and the failed ones travel whole, with what other threads do for them."""
import json
import pathlib

from harness import *

NO_SAMPLING = ("--no-cpu", "--no-offcpu", "--max-overhead", "100")
SPECS = ("-t", "submit(arg1:int,arg2:str)@ret<0:int,process@ret<0:int,lookup@ret<0:int")


def handoff(t, *outputs):
    w = t.workload("handoff")
    tracer = t.trace(*NO_SAMPLING, *outputs, "-p", w.pid, *SPECS)
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    return truth, report, tracer


def roots(report, name):
    return [t for t in report["traces"] if t["slices"][0]["name"] == name]


@case
def slow_and_failed_calls_are_kept_whole(t):
    truth, report, _ = handoff(t)
    nothing_lost(report)
    equal(path(report, "process", "lookup")["calls"], truth["requests"], "calls of lookup")
    equal(path(report, "process", "lookup")["errors"], truth["failed"], "errors of lookup")
    slow = [r for r in roots(report, "process") if "slow" in r["why"] and r["slices"][0]["duration_ns"] > 30e6]
    check(slow, "a slow call of process is kept")
    names = {s["name"]: s for s in slow[0]["slices"]}
    check("lookup" in names and "clock_nanosleep" in names, f"with what it did: {list(names)}")
    near(names["clock_nanosleep"]["duration_ns"], slow[0]["slices"][0]["duration_ns"], 0.1, "where its time went")
    parent = slow[0]["slices"][names["clock_nanosleep"]["parent"]]
    equal(parent["name"], "lookup", "whose system call it was")
    failed = [r for r in roots(report, "process") if "failed" in r["why"]]
    check(failed, "a failed call of process is kept")
    equal({s["error"] for s in failed[0]["slices"] if s["kind"] == "span"}, {"ret=-1"}, "errors of its spans")


@case
def arguments_are_recorded(t):
    _, report, _ = handoff(t)
    args = {r["slices"][0]["args"] for r in roots(report, "submit")}
    check(args and None not in args, f"arguments of submit: {args}")
    for text in args:
        number = int(text.split(",")[0].removeprefix("arg1="))
        if number >= 0:
            equal(text, f'arg1={number}, arg2="{"odd" if number % 2 else "even"}"', "arguments of submit")


@case
def work_is_followed_to_the_thread_that_is_woken(t):
    _, report, _ = handoff(t)
    linked = [r for r in roots(report, "process") if r["cause"]]
    check(linked, "a call of process has a cause")
    for r in linked:
        cause = report["traces"][r["cause"]["trace"]]
        equal(cause["slices"][0]["name"], "submit", "what woke the worker")
        equal(r["cause"]["kind"], "wakeup", "how")
        begin, span = cause["slices"][0], r["slices"][0]
        check(begin["start_ns"] <= r["cause"]["at_ns"] <= span["start_ns"], "in order")
        check(span["start_ns"] + span["duration_ns"] <= begin["start_ns"] + begin["duration_ns"] + 1000000, "within")


@case
def a_tree_in_the_text_and_files_for_other_viewers(t):
    text, chrome, perfetto = t.file("x.txt"), t.file("x.trace.json"), t.file("x.pftrace")
    handoff(t, "-o", text, "-o", chrome, "-o", perfetto)
    report = pathlib.Path(text).read_text()
    contains(report, "Timelines", "a section of the text report")
    contains(report, "T+0 ms", "a timed tree")
    contains(report, "[blocked]", "waits within it")
    events = json.loads(pathlib.Path(chrome).read_text())
    events = events["traceEvents"] if isinstance(events, dict) else events
    check({"submit", "process"} <= {e["name"] for e in events if e["ph"] == "X"}, "calls as complete events")
    check(pathlib.Path(perfetto).stat().st_size > 1000, "a Perfetto trace")
    check(b"submit" in pathlib.Path(perfetto).read_bytes(), "with the calls' names")
