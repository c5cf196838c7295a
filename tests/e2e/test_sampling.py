# SPDX-License-Identifier: GPL-2.0-only
"""The CPU sampler: shares within statistical bounds, all threads, children, clean stacks."""
import math
import os

from harness import *

ONLY_CPU = ("--no-offcpu", "--no-syscalls")
HZ = 499


def check_share(report, frame, share, what):
    """A binomial share within four standard deviations and half a point."""
    n = report["stacks"]["cpu"]["samples"]
    check(n > 100, f"samples: {n}")
    got = weight(report, "cpu", frame) / n
    slack = 4 * math.sqrt(share * (1 - share) / n) + 0.005
    between(share - slack, got, share + slack, f"share of {frame} in {n} samples {what}")
    return got


def busy_run(t, *args, options=()):
    w = t.workload("busy", *args)
    tracer = t.trace(*ONLY_CPU, *options, "-F", HZ, "-p", w.pid)
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    return truth, report


def expected_samples(truth):
    """By the kernel's accounting, which leaves out interrupts that ticks fall into all the same,
    on a machine where either may be some per cent: compare within 12 %."""
    return truth["cpu_ns"] / 1e9 * HZ


@case
def shares_of_two_functions(t):
    truth, report = busy_run(t, "-s", 4000)
    share = truth["heavy_ns"] / (truth["heavy_ns"] + truth["light_ns"])
    got = check_share(report, "spin_heavy", share, "")
    check_share(report, "spin_heavy_inner", share, "(inner)")
    check_share(report, "spin_light", 1 - share, "(light)")
    n = report["stacks"]["cpu"]["samples"]
    near(n, expected_samples(truth), 0.12, "samples for the CPU time")
    equal(report["stacks"]["cpu"]["frequency_hz"], HZ, "frequency")
    t.remark(f"70 % seen as {100 * got:.1f} % in {n} samples")


@case
def every_thread_is_sampled(t):
    truth, report = busy_run(t, "-t", 4, "-s", 1000)
    near(report["stacks"]["cpu"]["samples"], expected_samples(truth), 0.12, "samples of four threads")
    share = truth["heavy_ns"] / (truth["heavy_ns"] + truth["light_ns"])
    check_share(report, "spin_heavy", share, "of four threads")


@case
def stacks_are_whole(t):
    truth, report = busy_run(t, "-s", 1500)
    cpu = report["stacks"]["cpu"]
    equal(sum(n for _, n in cpu["folded"]), cpu["samples"], "sum of all stacks")
    # The C library keeps no frame pointers: a sample in it may miss a caller, and must say so.
    marked = [(stack, n) for stack, n in cpu["folded"] if "[truncated]" in stack]
    equal(sum(n for _, n in marked), cpu["truncated"], "marked stacks")
    # So may one at a function's first instruction, before it has made its frame.
    own = sum(n for stack, n in marked if "clock_gettime" not in stack)
    between(0, own, cpu["samples"] * 0.01, "incomplete stacks of our own code")
    good = sum(
        n
        for stack, n in cpu["folded"]
        if stack.startswith("busy;") and {"worker_run", "workload_spin"} <= set(bare_frames(stack))
    )
    between(cpu["samples"] * 0.97, good, cpu["samples"], "stacks from busy through worker_run to workload_spin")
    deep = [s.split(";") for s, _ in cpu["folded"] if "spin_heavy_inner" in s]
    for frames in deep:
        order = [frames.index(f) for f in ("worker_run", "spin_heavy", "spin_heavy_inner")]
        equal(order, sorted(order), f"order of {frames}")


@case
def children_are_followed(t):
    truth, report = busy_run(t, "-s", 1000, "-c", 2)
    near(report["stacks"]["cpu"]["samples"], 3 * expected_samples(truth), 0.12, "samples of three processes")
    equal(len(report["targets"]), 3, "targets")
    for x in report["targets"]:
        if x["pid"] != truth["pid"]:
            equal(x["exit"], {"code": 0}, f"end of child {x['pid']}")


@case
def children_are_left_alone_on_request(t):
    truth, report = busy_run(t, "-s", 1000, "-c", 2, options=("--no-follow",))
    near(report["stacks"]["cpu"]["samples"], expected_samples(truth), 0.12, "samples of one process")
    equal([x["pid"] for x in report["targets"]], [truth["pid"]], "targets")


@case
def an_idle_target_gives_no_samples(t):
    w = t.workload("busy")
    tracer = t.trace(*ONLY_CPU, "-F", HZ, "-d", 1, "-p", w.pid)
    report = tracer.wait().report()
    between(0, report["stacks"]["cpu"]["samples"], 1, "samples of a process that sleeps")
    between(1.0e9, report["duration_ns"], 1.5e9, "duration")
    w.go()
    w.truth()
    w.end()


@case
def many_cpus_worth_of_threads_on_few(t):
    """More threads than CPUs: samples follow the CPU time, not the thread count."""
    n = 4 * (os.cpu_count() or 1)
    truth, report = busy_run(t, "-t", n, "-s", 300)
    near(report["stacks"]["cpu"]["samples"], expected_samples(truth), 0.12, f"samples of {n} threads")
