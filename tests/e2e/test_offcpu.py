# SPDX-License-Identifier: GPL-2.0-only
"""Time off the CPU against the kernel's own accounting (schedstat), which is exact for threads
that sleep when it is read: total = threads x length of the trace - their time on a CPU."""
import os
import time

from harness import *


class Sleepy:
    """One traced run of sleepy.c, with what the kernel counted for each thread meanwhile."""

    def __init__(self, t, duration_ms, spinners, options=()):
        w = t.workload("sleepy", "-d", duration_ms, "-s", spinners)
        self.tids = threads(w.pid)
        tracer = t.trace("--no-syscalls", *options, "-p", w.pid)
        before = schedstats(w.pid)
        w.go()
        self.truth = w.truth()
        time_to_sleep()
        after = schedstats(w.pid)
        self.report = tracer.stop()
        self.run_ns = {tid: after[tid][0] - before[tid][0] for tid in self.tids}
        self.wait_ns = {tid: after[tid][1] - before[tid][1] for tid in self.tids}
        self.pid = w.pid
        w.end()

    def role(self, name):
        return [tid for role, tid in self.truth["threads"] if role == name]

    def micros(self, *frames):
        """Off-CPU microseconds of the stacks that hold all of the frames."""
        return sum(n for stack, n in folded(self.report, "offcpu") if set(frames) <= set(bare_frames(stack)))

    def expected_total(self):
        return len(self.tids) * self.report["duration_ns"] - sum(self.run_ns.values())


def time_to_sleep():
    time.sleep(0.1)


@case
def totals_of_sleepers(t):
    run = Sleepy(t, 1500, 0)
    off = run.report["stacks"]["offcpu"]
    near(off["total_ns"], run.expected_total(), 0.02, "off-CPU time of all threads")
    # Stacks of short intervals are sampled: their sum is an estimate.
    near(sum(n for _, n in off["folded"]) * 1000, off["total_ns"], 0.03, "sum of all stacks")
    t.remark(f"off by {off['total_ns'] / run.expected_total() - 1:+.3%}")


@case
def totals_with_more_spinners_than_cpus(t):
    run = Sleepy(t, 1500, 3 * (os.cpu_count() or 1))
    total = run.report["stacks"]["offcpu"]["total_ns"]
    near(total, run.expected_total(), 0.02, "off-CPU time of all threads")
    t.remark(f"off by {total / run.expected_total() - 1:+.3%}")


@case
def preempted_is_told_from_blocked(t):
    run = Sleepy(t, 1500, 3 * (os.cpu_count() or 1))
    waited = sum(run.wait_ns[tid] for tid in run.role("spin"))
    near(run.micros("role_spin") * 1000, waited, 0.05, "time that spinners were kept from a CPU")
    off = run.report["stacks"]["offcpu"]
    check("preempted_ns" in off and "blocked_ns" in off, f"no parts in {sorted(off)}")
    equal(off["blocked_ns"] + off["preempted_ns"], off["total_ns"], "parts of the off-CPU time")
    # Everybody's waiting for a CPU is at least the spinners', and at most what schedstat has:
    # a thread that blocked and then waits to run again counts as blocked until it runs.
    between(waited * 0.95, off["preempted_ns"], sum(run.wait_ns.values()) * 1.02, "preempted_ns")


@case
def stacks_name_who_waits(t):
    run = Sleepy(t, 1500, 0)
    worked_us = 1500e3
    for role in ("nanosleep", "poll", "futex"):
        near(run.micros(f"role_{role}"), worked_us, 0.1, f"microseconds below role_{role}")
    length_us = run.report["duration_ns"] / 1000
    near(run.micros("role_asleep"), length_us, 0.02, "microseconds of the thread that never woke")
    # role_cond and main() wait within the C library, which keeps no frame pointers: where their
    # frames are not found, the stack says that it is incomplete.
    inside = [(s, n) for s, n in folded(run.report, "offcpu") if "__futex_abstimed_wait_common" in s]
    near(sum(n for _, n in inside), length_us + worked_us, 0.1, "microseconds within the C library")
    for stack, _ in inside:
        check({"main", "role_cond", "[truncated]"} & set(bare_frames(stack)), f"no owner and no mark: {stack}")
    kernel = {f for s, _ in folded(run.report, "offcpu") for f in s.split(";") if f.endswith("_[k]")}
    check(any("nanosleep" in f for f in kernel), f"no kernel frame of nanosleep in {sorted(kernel)[:40]}")


@case
def cpu_time_agrees_with_schedstat(t):
    run = Sleepy(t, 1500, 2)
    seen = target(run.report, run.pid)
    check("cpu_ns" in seen, f"targets tell no CPU time: {sorted(seen)}")
    near(seen["cpu_ns"], sum(run.run_ns.values()), 0.02, "CPU time of the target")
