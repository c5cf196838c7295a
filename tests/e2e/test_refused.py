# SPDX-License-Identifier: GPL-2.0-only
"""Programs that a careless return probe kills or confuses: exceptions, fibers, Go, longjmp,
signal stacks, tail calls. Each must end as if nobody had watched; spans are exact, or refused."""
import threading
import urllib.request

from harness import *

SPANS_ONLY = ("--no-cpu", "--no-offcpu", "--no-syscalls", "--max-overhead", "100")


def trace_or_refusal(t, w, spec):
    """A tracer; or None when it refused to trace any of this, in one line."""
    done = t.run(PATHBPF, "--max-overhead", "100", "-d", "0.2", "-o", t.file("try.json"), "-p", w.pid, "-t", spec)
    if done.returncode == 0:
        return t.trace("--max-overhead", "100", "-p", w.pid, "-t", spec)
    equal(done.returncode, 1, f"exit status ({done.stderr!r})")
    equal(len(done.stderr.splitlines()), 1, f"lines that say so: {done.stderr!r}")
    contains(done.stderr, "not traced", "message")
    t.remark(done.stderr.strip())
    return None


def refused_or_exact(t, name, spec, want, status=0):
    """Traces a workload; want(truth) is {function: calls}. Status 1: all functions are refused."""
    w = t.workload(name)
    tracer = trace_or_refusal(t, w, spec)
    w.go()
    truth = w.truth()
    report = tracer.stop() if tracer else None
    w.end()
    if report:
        check_refusal(t, tracer, report, want(truth))


def check_refusal(t, tracer, report, want):
    refused = {s["what"] for s in report.get("skipped", [])}
    if calls := {n["name"]: n["calls"] for n in report.get("nodes", []) if n["calls"]}:
        equal(calls, want, "calls of functions that were not refused")
        return
    check(refused, f"no calls, and nothing was refused: {tracer.stderr()!r}")
    equal(len(tracer.stderr().splitlines()), 1, f"lines that say so: {tracer.stderr()!r}")
    check(all(s["why"] for s in report["skipped"]), "every refusal has its reason")
    t.remark(f"refused: {report['skipped'][0]['why']}")


@case
def cxx_exceptions(t):
    refused_or_exact(
        t,
        "throwing",
        "thrower*,passes_through*,catcher*",
        lambda truth: {
            "thrower(unsigned long)": truth["calls"],
            "passes_through(unsigned long)": truth["calls"],
            "catcher(unsigned long)": truth["calls"],
        },
    )


@case
def fibers(t):
    refused_or_exact(
        t, "fibers", "hand_over,fiber_step", lambda truth: {}, status=1
    )


@case
def go(t):
    w = Workload(t, [need_workload("goserver")])
    port = int(w.ready[1])
    tracer = trace_or_refusal(t, w, "main.*")

    def load():
        for _ in range(50):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/work", timeout=10).read()

    loaders = [threading.Thread(target=load) for _ in range(4)]
    for loader in loaders:
        loader.start()
    for loader in loaders:
        loader.join(60)
    report = tracer.stop() if tracer else None
    w.say("end")
    served = w.truth()["served"]
    equal(served, 200, "requests that the Go server answered")
    equal(w.process.wait(10), 0, "exit status of the Go server")
    if report:
        refused = [s["why"] for s in report.get("skipped", [])]
        check(refused or calls_of(report, "main.computePrice") == served, "Go functions are exact, or refused")


@case
def longjmp(t):
    w = t.workload("longjmp")
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", "lander,jumped_over,jumper,plain_after")
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    n, jumps = truth["calls"], truth["jumps"]
    ended = {"lander": n, "plain_after": n, "jumped_over": n, "jumper": n}
    equal({name: calls_of(report, name) for name in ended}, ended, "calls that ended, by return or by longjmp")
    unwound = path(report, "lander", "jumped_over", "jumper")
    equal(unwound["unwound"], jumps, "calls of jumper that were left by longjmp")
    equal(set(paths(report)), {("lander",), ("lander", "jumped_over"), ("lander", "jumped_over", "jumper"), ("plain_after",)}, "paths")


@case
def signal_stacks(t):
    w = t.workload("sigstack")
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", "interrupted,on_signal,in_handler")
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    for names in (("interrupted",), ("interrupted", "on_signal"), ("interrupted", "on_signal", "in_handler")):
        equal(path(report, *names)["calls"], truth["calls"], f"calls of {names[-1]}")
    equal(sum(p["unwound"] for p in report["paths"]), 0, "calls that did not return")
    nothing_lost(report)


@case
def tail_calls(t):
    w = t.workload("tail")
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", "tail_first,tail_second,tail_third@ret<0,tail_maybe")
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    n = truth["calls"]
    want = {"tail_first": n, "tail_second": n, "tail_third": n + n // 2, "tail_maybe": n}
    equal({name: calls_of(report, name) for name in want}, want, "calls")
    chain = path(report, "tail_first", "tail_second", "tail_third")
    equal(chain["errors"], truth["failed"], "errors at the end of the chain")


@case
def many_pending_returns(t):
    """Deeper recursion than the kernel keeps return probes for: counted, not shifted."""
    w = t.workload("deep", "-n", 20, "-d", 200)
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", "deep_d,after_a")
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    equal(path(report, "after_a")["calls"], truth["rounds"], "calls of after_a, on a path of its own")
    seen = sum(p["calls"] for p in report["paths"] if p["path"][-1] == "deep_d")
    equal(seen + report["lost"]["spans"], truth["rounds"] * truth["depth"], "calls of deep_d, seen or counted as lost")


@case
def a_library_that_throws_comes_later(t):
    """Return probes are exchanged for probes that exceptions may pass, and the gap is told."""
    w = t.workload("late")
    tracer = t.trace("--no-cpu", "--no-offcpu", "-p", w.pid, "-t", "work@ret<0:int")
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    between(truth["calls"] * 0.7, calls_of(report, "work"), truth["calls"], "calls that were seen")
    seen = calls_of(report, "work") + report["lost"]["spans"]
    between(truth["calls"] * 0.9, seen, truth["calls"] * 1.1, "calls that were seen or count as lost")
    check(any("exchanged" in note for note in report["notes"]), f"the gap is told: {report['notes']}")
