# SPDX-License-Identifier: GPL-2.0-only
"""Stacks of code without frame pointers: tall ones, other tables, copies of one program."""
import shutil

from harness import *

ONLY_CPU = ("--no-offcpu", "--no-syscalls", "--no-plugins")


def climbs(t, depth, program="climb", options=()):
    """The user frames of each distinct stack at the top, root first, with their weights."""
    w = t.workload(program, "-d", depth, "-s", 400)
    tracer = t.trace(*ONLY_CPU, *options, "-F", 499, "-p", w.pid)
    w.go()
    w.truth()
    report = tracer.stop()
    w.end()
    cpu = report["stacks"]["cpu"]
    stacks = []
    for text, n in cpu["folded"]:
        frames = [f for f in text.split(";")[1:] if not f.endswith("_[k]")]
        if "climb_top" in frames:
            stacks.append((frames, n))
    check(sum(n for _, n in stacks) > 50, f"samples at the top: {stacks[:1]}")
    return report, stacks


def expect_whole(report, stacks, depth):
    for frames, _ in stacks:
        equal(frames.count("climb_step"), depth, "steps")
        check("[truncated]" not in frames, f"complete: {frames[:4]} … {frames[-4:]}")
        equal(frames[0], "_start", "root")
    equal(report["stacks"]["cpu"]["truncated"], 0, "incomplete stacks")


@case
def a_thousand_frames(t):
    expect_whole(*climbs(t, 1000), 1000)


@case
def beyond_the_room_both_ends_are_kept(t):
    report, stacks = climbs(t, 3000)
    for frames, _ in stacks:
        check("main" in frames[:5] and frames[0] == "_start", f"root's end: {frames[:6]}")
        check("climb_top" in frames[-6:], f"leaf's end: {frames[-6:]}")
        equal(frames.count("[truncated]"), 1, "gaps")
        check(frames.count("climb_step") > 1900, f"steps: {frames.count('climb_step')}")
    cpu = report["stacks"]["cpu"]
    check(cpu["truncated"] >= sum(n for _, n in stacks), "told as incomplete")
    check(any("deeper" in c["why"] for c in report["stacks"]["cuts"]), f"reason: {report['stacks']['cuts']}")


@case
def beyond_every_bound_the_leaf_is_kept(t):
    _, stacks = climbs(t, 6000)
    for frames, _ in stacks:
        equal(frames[0], "[truncated]", "root")
        check("climb_top" in frames[-6:], f"leaf's end: {frames[-6:]}")


@case
def debug_frame_where_that_is_all_there_is(t):
    expect_whole(*climbs(t, 50, "climb_debugframe"), 50)


@case
def copies_of_a_program_share_their_tables(t):
    """As the same library does in several containers: another file each, equal contents."""
    programs = []
    for i in range(2):
        copy = t.file(f"climb{i}")
        shutil.copy(need_workload("climb"), copy)
        programs.append(Workload(t, [copy, "-d", "20", "-s", "400"]))
    tracer = t.trace(*ONLY_CPU, "-F", 499, "-p", ",".join(str(p.pid) for p in programs))
    for p in programs:
        p.go()
    for p in programs:
        p.truth()
    report = tracer.stop()
    for p in programs:
        p.end()
    equal(report["stacks"]["cpu"]["truncated"], 0, "incomplete stacks")


@case
def frame_pointers_where_that_is_all_there_is(t):
    expect_whole(*climbs(t, 50, "climb_frames"), 50)


@case
def a_caller_that_frame_pointers_miss_is_told(t):
    """The innermost function has neither a frame pointer nor unwind information."""
    w = t.workload("leafless", "-s", 800)
    tracer = t.trace(*ONLY_CPU, "-F", 499, "-p", w.pid)
    w.go()
    w.truth()
    report = tracer.stop()
    w.end()
    cpu = report["stacks"]["cpu"]
    seen = 0
    for text, n in cpu["folded"]:
        frames = bare_frames(text)[1:]
        if "leafless_leaf" in frames and "leafless_caller" not in frames:
            seen += n
            equal(frames[0], "[truncated]", f"the root of {frames}")
    check(seen > 100, f"samples of the leaf: {cpu['folded'][:3]}")
    check(any("may be missing" in c["why"] and c["frame"] == "leafless_leaf" for c in report["stacks"]["cuts"]), f"{report['stacks']['cuts']}")
