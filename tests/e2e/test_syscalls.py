# SPDX-License-Identifier: GPL-2.0-only
"""System calls: exact against what the program did, and against strace on a second run."""
import re
import signal
import subprocess

from harness import *

ONLY_SYSCALLS = ("--no-cpu", "--no-offcpu", "--max-overhead", "100")


def by_name(report):
    names = [s["name"] for s in report["syscalls"]]
    equal(len(names), len(set(names)), f"distinct names among {names}")
    return {s["name"]: s for s in report["syscalls"]}


def errnos_run(t):
    w = t.workload("errnos", "-t", 3, "-n", 60)
    tracer = t.trace(*ONLY_SYSCALLS, "-p", w.pid)
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    return truth, report


@case
def counts_and_errors_are_exact(t):
    truth, report = errnos_run(t)
    seen = by_name(report)
    for name, (calls, errors) in truth["syscalls"].items():
        check(name in seen, f"{name} is not among {sorted(seen)}")
        s = seen[name]
        if calls:
            equal(s["calls"], calls, f"calls of {name}")
        equal(s["error_types"], errors, f"error types of {name}")
        equal(s["errors"], sum(errors.values()), f"errors of {name}")
        between(s["max_ns"], s["total_ns"], s["max_ns"] * s["calls"], f"times of {name}")
    nothing_lost(report)


@case
def unknown_numbers_are_counted(t):
    truth, report = errnos_run(t)
    unknown = [s for s in report["syscalls"] if "ENOSYS" in s["error_types"]]
    equal(sum(s["error_types"]["ENOSYS"] for s in unknown), truth["enosys"], "ENOSYS of unknown numbers")
    equal(len(unknown), 2, f"unknown system calls {[s['name'] for s in unknown]}")


@case
def a_restarted_call_is_no_failure_of_the_program(t):
    truth, report = errnos_run(t)
    s = by_name(report)["readv"]
    # The program called it so often, and succeeded each time; the kernel ran it up to twice.
    equal(s["calls"] - s["errors"], truth["restarted"], "successful calls of readv")
    between(truth["restarted"], s["calls"], 2 * truth["restarted"], "calls of readv")
    equal(s["error_types"].get("EINTR", 0), 0, "EINTR of readv, which the program never sees")


def strace_counts(text):
    """{name: (calls, errors)} of strace -c"""
    counts = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) in (5, 6) and re.fullmatch(r"[0-9.]+", words[0]) and words[-1] != "total":
            counts[words[-1]] = (int(words[3]), int(words[4]) if len(words) == 6 else 0)
    return counts


@case
def agrees_with_strace(t):
    need_program("strace")
    truth, report = errnos_run(t)
    w = t.workload("errnos", "-t", 3, "-n", 60)
    summary = t.file("strace")
    strace = t.spawn(["strace", "-c", "-f", "-p", w.pid, "-o", summary], stderr=subprocess.PIPE)
    wait_until(lambda: tracer_of(w.pid) == strace.pid, "strace attaches")
    for tid in threads(w.pid):
        wait_until(lambda: tracer_of(tid) == strace.pid, "strace attaches to all threads")
    w.go()
    w.truth()
    strace.send_signal(signal.SIGINT)
    strace.wait(20)
    w.end()
    with open(summary) as f:
        want = strace_counts(f.read())
    seen = by_name(report)
    for name in truth["syscalls"]:
        # futex, openat and mmap are made by the C library, too, by chance of timing.
        if truth["syscalls"][name][0]:
            got = (seen[name]["calls"], seen[name]["errors"])
            equal(got, want.get(name), f"calls and errors of {name} against strace")


def tracer_of(tid):
    with open(f"/proc/{tid}/status") as f:
        return int(re.search(r"^TracerPid:\s*(\d+)", f.read(), re.M)[1])


@case
def times_of_sleeping_calls(t):
    w = t.workload("sleepy", "-d", 1000)
    tracer = t.trace("--no-cpu", "--no-offcpu", "-p", w.pid)
    w.go()
    w.truth()
    report = tracer.stop()
    w.end()
    seen = by_name(report)
    for name, length_ns in (("nanosleep", 3e6), ("poll", 5e6)):
        s = seen[name]
        check(s["calls"] > 20, f"calls of {name}: {s['calls']}")
        between(length_ns, s["total_ns"] / s["calls"], length_ns * 1.5, f"mean time of {name}")
    equal(seen["poll"]["errors"], 0, "errors of poll")
