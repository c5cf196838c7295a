# SPDX-License-Identifier: GPL-2.0-only
"""Stacks that are deep, many, moved, switched or reused: recursion, tail calls, fibers, goroutines,
signal stacks. Exact, or refused with a line where that is said; alive in any case."""
from hostile import *


@case
def recursion_to_ten_thousand(t):
    run = watched(t, "recursion", "dive_d,plain_after")
    run.truth["calls"] = {n: run.truth["calls"][n] for n in ("dive_d", "plain_after")}
    check_truth(run)
    equal(set(paths(run.report)), {("dive_d",), ("plain_after",)}, "paths")
    equal(path(run.report, "dive_d").get("depth_max"), run.truth["depth"], "depth_max of dive_d")


@case
def recursion_that_is_jumped_out_of(t):
    run = watched(t, "recursion", "fall_f,plain_after")
    run.truth["calls"] = {n: run.truth["calls"][n] for n in ("fall_f", "plain_after")}
    # Nobody knows how calls ended that are deeper than the kernel keeps return probes for.
    left = path(run.report, "fall_f")["unwound"]
    between(1, left, run.truth["unwound"]["fall_f"], "calls of fall_f that were left")
    run.truth["unwound"]["fall_f"] = left
    check_truth(run)
    equal(set(paths(run.report)), {("fall_f",), ("plain_after",)}, "paths")


@case
def mutual_recursion_to_ten_thousand(t):
    run = watched(t, "recursion", "ping_m,pong_m,plain_after")
    run.truth["calls"] = {n: run.truth["calls"][n] for n in ("ping_m", "pong_m", "plain_after")}
    check_truth(run)
    equal(path(run.report, "plain_after")["calls"], run.truth["calls"]["plain_after"], "calls of plain_after, a root")
    check_graph(run.report, {"ping_m": {None, "pong_m"}, "pong_m": {"ping_m"}})


@case
def recursion_below_the_limit_loses_nothing(t):
    run = watched(t, "recursion", "ping_m,pong_m,dive_d,fall_f,plain_after", "-d", 40, "-n", 50)
    check_truth(run)
    nothing_lost(run.report)


TAIL = "even_t,odd_t,three_*,by_pointer,sometimes,caller"
TAIL_GRAPH = {
    "caller": {None},
    "even_t": {"caller", "odd_t", "sometimes"},
    "odd_t": {"even_t"},
    "three_a": {"caller", "three_c"},
    "three_b": {"three_a", "by_pointer"},
    "three_c": {"three_b"},
    "by_pointer": {"caller"},
    "sometimes": {"caller"},
}


@case
def mutual_tail_calls(t):
    run = watched(t, "mutual_tail", TAIL)
    check_truth(run)
    check_graph(run.report, TAIL_GRAPH)
    nothing_lost(run.report)


@case
def a_thousand_tail_calls_in_one_frame(t):
    run = watched(t, "mutual_tail", TAIL, "-n", 40, "-d", 1000)
    check_truth(run)
    check_graph(run.report, {**TAIL_GRAPH, "even_t": TAIL_GRAPH["even_t"] | {None}})


@case
def a_hundred_nested_functions(t):
    run = watched(t, "nest", "nest_*")
    check_truth(run)
    pairs = {f"nest_{i:02}": {f"nest_{i - 1:02}"} for i in range(1, 100)}
    check_graph(run.report, {**pairs, "nest_00": {None}})


@case
def sixty_nested_functions_lose_nothing(t):
    run = watched(t, "nest", "nest_*", "-from", 1)
    check_truth(run)
    nothing_lost(run.report)


def fibers(t, name, spec, graph):
    run = watched(t, name, spec, may_refuse=True)
    if run.report:
        check_truth(run, refusable=run.truth["calls"])
        check_graph(run.report, graph)


@case
def fibers_that_change_threads(t):
    graph = {"fiber_outer": {None}, "fiber_inner": {"fiber_outer"}, "fiber_yield": {"fiber_inner"}}
    fibers(t, "moving_fibers", "fiber_outer,fiber_inner,fiber_yield", graph)


BOOST_GRAPH = {
    "boost_outer": {None},
    "boost_inner": {"boost_outer"},
    "boost_yield(boost::context::fiber&&)": {"boost_inner"},
}


@case
def boost_context(t):
    fibers(t, "boost_shared", "boost_outer,boost_inner,boost_yield*", BOOST_GRAPH)


@case
def boost_context_linked_statically(t):
    fibers(t, "boost_archive", "boost_outer,boost_inner,boost_yield*", BOOST_GRAPH)


@case
def a_stack_switch_of_its_own(t):
    fibers(t, "own_switch", "own_outer,own_inner", {"own_outer": {None}, "own_inner": {"own_outer"}})


GO = "main.handle,main.grow,main.parked,main.fails,main.custom,main.guard,main.panics,main.faults,main.leaves,main.inDefer"
GO_GRAPH = {
    "main.handle": {None},
    "main.leaves": {None},
    "main.grow": {"main.handle"},
    "main.parked": {"main.handle"},
    "main.fails": {"main.handle"},
    "main.custom": {"main.handle"},
    "main.guard": {"main.handle"},
    "main.panics": {"main.guard"},
    "main.faults": {"main.guard"},
    "main.inDefer": {"main.panics"},
}


@case
def goroutines_with_growing_stacks(t):
    run = watched(t, "goroutines", GO, free=("total",))
    check_truth(run)
    check_graph(run.report, GO_GRAPH)


@case
def goroutines_by_command_with_all_signals(t):
    run = commanded(t, "goroutines", GO, options=("--max-overhead", "100"), free=("total",))
    check_truth(run)


@case
def signal_storm(t):
    run = watched(t, "signal_storm", "on_storm,handler_leaf,busy_top,busy_leaf", "-hz", 3000, free=("calls",))
    check_truth(run)
    check_graph(
        run.report,
        {
            "busy_top": {None},
            "busy_leaf": {"busy_top"},
            "on_storm": {None, "busy_top", "busy_leaf"},
            "handler_leaf": {"on_storm"},
        },
    )
    t.remark(f"{run.truth['calls']['on_storm']} signals among {run.truth['calls']['busy_leaf']} calls")
