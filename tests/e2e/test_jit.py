# SPDX-License-Identifier: GPL-2.0-only
"""Code that is compiled at run time by whatever writes for perf: names by perf maps and JIT dumps."""
import os

from harness import *

ONLY_CPU = ("--no-offcpu", "--no-syscalls", "--no-plugins")


def jitter(t, *options):
    w = t.workload("jitter", *options, cwd=t.dir)
    tracer = t.trace(*ONLY_CPU, "-F", 499, "-p", w.pid)
    w.go()
    truth = w.truth()
    return w, tracer, truth


def samples(report, name):
    return sum(n for stack, n in folded(report, "cpu") if name in stack.split(";"))


def expect_parts(report, truth, first, second, share):
    total = samples(report, "run")
    near(samples(report, first), total * truth["first"] / (truth["first"] + truth["second"]), share, "samples of the first function")
    near(samples(report, second), total * truth["second"] / (truth["first"] + truth["second"]), share, "samples of the second function")
    check(samples(report, first) + samples(report, second) >= 0.9 * total, f"one of both: {folded(report, 'cpu')}")
    equal(report["stacks"]["cpu"]["truncated"], 0, "incomplete stacks")


@case
def a_dump_tells_what_lay_there_at_that_time(t):
    w, tracer, truth = jitter(t, "-s", 1500)
    report = tracer.stop()
    w.end()
    expect_parts(report, truth, "jit_first (script.x)_[p]", "jit_second (script.x)_[p]", 0.1)
    caller = [s for s, _ in folded(report, "cpu") if ";main;run;jit_first" in s]
    check(caller, f"callers: {folded(report, 'cpu')}")


@case
def a_perf_map_is_read_on(t):
    w, tracer, truth = jitter(t, "-m", 1, "-s", 1500)
    report = tracer.stop()
    w.end()
    os.unlink(f"/tmp/perf-{w.pid}.map")
    expect_parts(report, truth, "jit_first", "jit_second", 0.1)


@case
def a_dump_that_was_removed_and_a_process_that_has_gone(t):
    w = t.workload("jitter", "-s", 1000, cwd=t.dir)
    tracer = t.trace(*ONLY_CPU, "-F", 499, "-p", w.pid)
    os.unlink(t.file(f"jit-{w.pid}.dump"))
    w.go()
    truth = w.truth()
    w.end()
    tracer.wait()
    report = tracer.report()
    expect_parts(report, truth, "jit_first (script.x)_[p]", "jit_second (script.x)_[p]", 0.12)
