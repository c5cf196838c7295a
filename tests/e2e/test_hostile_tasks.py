# SPDX-License-Identifier: GPL-2.0-only
"""Processes and threads by the hundred, under seccomp, under their own tracer, with other rights."""
import shutil

from hostile import *


@case
def vfork_and_spawn(t):
    run = watched(t, "vforks", "in_new_program,in_vfork,runs_program,vforks_*,spawns,forks_and_runs")
    check_truth(run)
    callers = {name: {None} for name in ("vforks_and_ends", "vforks_and_runs", "spawns", "forks_and_runs")}
    check_graph(run.report, {**callers, "in_new_program": {None}})


@case
def fork_storm(t):
    run = watched(t, "fork_storm", "child_top,child_leaf,child_ends")
    check_truth(run)
    check_graph(run.report, {"child_top": {None}, "child_leaf": {"child_top"}, "child_ends": {None}})
    check_every_process_has_ended(run)


def check_every_process_has_ended(run):
    """The children, of which one in eight has a child; the program itself is alive still."""
    ended = [x for x in run.report["targets"] if x["exit"]]
    equal(len(ended), run.truth["calls"]["child_ends"], "processes whose end was seen")


@case
def fork_storm_with_all_signals_on(t):
    run = watched(t, "fork_storm", "child_top,child_leaf,child_ends", options=("--max-overhead", "100"))
    check_truth(run)


@case
def forks_in_the_middle_of_calls(t):
    """A call is entered once, by the parent; that the child returns from it too is no call."""
    run = watched(t, "fork_storm", "child_*,forks_top,forks_leaf", "-inside", 1, "-n", 200)
    check_truth(run)
    equal(path(run.report, "forks_top", "forks_leaf")["calls"], 200, "calls of forks_leaf on its path")


@case
def forks_that_are_not_followed(t):
    run = watched(t, "fork_storm", "child_*,forks_*", "-inside", 1, options=(*SPANS_ONLY, "--no-follow"))
    want = {n: c if n.startswith("forks_") else 0 for n, c in run.truth["calls"].items()}
    equal({n: calls_of(run.report, n) for n in want}, want, "calls")


@case
def thread_storm(t):
    run = watched(t, "thread_storm", "storm_main,storm_top,storm_leaf")
    check_truth(run)
    check_graph(run.report, {"storm_main": {None}, "storm_top": {"storm_main"}, "storm_leaf": {"storm_top"}})
    nothing_lost(run.report)


@case
def seccomp(t):
    run = watched(t, "seccomp", "enters_jail,jailed_top,jailed_leaf")
    check_truth(run)
    check_graph(run.report, {"jailed_leaf": {"jailed_top"}, "jailed_top": {None}, "enters_jail": {None}})


DROPPER = "before_drop,after_drop,drops"


@case
def a_command_that_gives_up_root(t):
    check_truth(commanded(t, "dropper", DROPPER))


@case
def a_process_that_gives_up_root(t):
    check_truth(watched(t, "dropper", DROPPER))


@case
def a_set_user_id_program(t):
    copy = t.file("dropper")
    shutil.copy(program("dropper"), copy)
    os.chown(copy, 65534, 65534)
    os.chmod(copy, 0o4755)
    run = commanded(t, copy, DROPPER)
    equal((run.truth["begin"], run.truth["end"]), (65534, 65534), "effective user IDs")
    run.truth["calls"].setdefault("drops", 0)
    check_truth(run)


@case
def a_target_that_traces_and_is_traced(t):
    run = watched(t, "traceme", "tracer_pid,has_trap,stepped_top,stepped_leaf")
    check_truth(run)


@case
def a_command_that_traces_and_is_traced(t):
    check_truth(commanded(t, "traceme", "tracer_pid,has_trap,stepped_top,stepped_leaf"))
