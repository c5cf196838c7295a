# SPDX-License-Identifier: GPL-2.0-only
"""A tracer that is killed, comes late, goes early; a target that is stopped and moved about. What
follows is exact again, and the target has noticed nothing."""
import threading

from hostile import *

ALL = "free_*,exact_*,held_*"
EXACT_GRAPH = {"exact_top": {None}, "exact_leaf": {"exact_top"}}


def phases(t, *args):
    return Workload(t, [program("phases"), *map(str, args)])


def end_load(w):
    w.go()
    equal(w.truth(), {"loaded": 0}, "wrong results under load")


def exact_phase(w):
    w.go()
    truth = w.truth()
    equal(truth["wrong"], 0, "wrong results of exact calls")
    return truth


def check_exact(report, truth):
    """What was entered before the attach is no call of this trace."""
    want = {name: truth["calls"][name] for name in ("exact_top", "exact_leaf")}
    equal({name: calls_of(report, name) for name in want}, want, "calls")
    equal([calls_of(report, name) for name in ("held_outer", "held_inner")], [0, 0], "calls entered before")
    check_graph(report, EXACT_GRAPH)
    equal(open_calls(report), {}, "calls that are open")


@case
def killed_under_load_then_attached_again(t):
    w = phases(t)
    for _ in range(2):
        first = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", ALL)
        time.sleep(0.2)
        first.send(signal.SIGKILL)
        first.wait(want=-signal.SIGKILL)
    second = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", ALL)
    end_load(w)
    truth = exact_phase(w)
    report = second.stop()
    check_exact(report, truth)
    w.end()


@case
def killed_while_it_attaches(t):
    w = phases(t)
    for i in range(8):
        tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", ALL, ready=False)
        time.sleep(0.015 * (i + 1))
        tracer.send(signal.SIGKILL)
        tracer.process.wait(10)
    check(w.process.poll() is None, f"the target died: {w.error_text()}")
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", ALL)
    end_load(w)
    truth = exact_phase(w)
    check_exact(tracer.stop(), truth)
    w.end()


@case
def attached_and_detached_under_load(t):
    w = phases(t)
    for _ in range(4):
        tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", ALL)
        time.sleep(0.1)
        report = tracer.stop()
        check(calls_of(report, "free_top") > 0, "calls under load")
        # A thread stands in free_top at most; what it was in when the probes came has no caller.
        check_graph(report, {"free_leaf": {None, "free_top"}, "free_top": {None}})
        between(0, sum(p["calls"] for k, p in paths(report).items() if k == ("free_leaf",)), 8, "calls without caller")
    end_load(w)
    exact_phase(w)
    w.end()


@case
def attached_in_the_middle_of_calls(t):
    w = phases(t)
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", "held_*,exact_*")
    end_load(w)
    truth = exact_phase(w)
    report = tracer.stop()
    check_exact(report, truth)
    nothing_lost(report)
    w.end()


@case
def detached_in_the_middle_of_calls(t):
    w = phases(t, "-n", 30000, "-flip", 1)
    end_load(w)
    w.go()
    for _ in range(3):
        tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", ALL)
        time.sleep(0.05)
        tracer.stop()
    equal(w.truth()["wrong"], 0, "wrong results")
    w.end()


@case
def stopped_and_continued(t):
    w = phases(t, "-n", 20000)
    end_load(w)
    w.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: process_state(w.pid) == "T", "the target stops")
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", ALL)
    w.go()
    for _ in range(10):
        w.process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
        w.process.send_signal(signal.SIGSTOP)
        time.sleep(0.01)
    w.process.send_signal(signal.SIGCONT)
    truth = w.truth()
    check_exact(tracer.stop(), truth)
    w.end()


@case
def moved_between_processors(t):
    """By itself in the middle of its calls, and by others."""
    w = phases(t, "-n", 3000, "-flip", 1)
    end_load(w)
    tracer = t.trace(*SPANS_ONLY, "-p", w.pid, "-t", ALL)
    done = threading.Event()

    def push():
        cpus, i = sorted(os.sched_getaffinity(0)), 0
        while not done.is_set():
            for tid in threads(w.pid):
                i += 1
                try:
                    os.sched_setaffinity(tid, {cpus[i % len(cpus)]})
                except ProcessLookupError:
                    pass
            time.sleep(0.0005)

    pusher = threading.Thread(target=push)
    pusher.start()
    try:
        truth = exact_phase(w)
    finally:
        done.set()
        pusher.join()
    report = tracer.stop()
    check_exact(report, truth)
    nothing_lost(report)
    w.end()
