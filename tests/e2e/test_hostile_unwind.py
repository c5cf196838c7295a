# SPDX-License-Identifier: GPL-2.0-only
"""Calls that end by other ways than a return: exceptions, panics, jumps, cancellation, the death
of their thread. Each target ends as it does by itself, each such call is counted with its end."""
from hostile import *


def u64(name):
    return f"{name}(unsigned long)"


@case
def exceptions_through_frames_and_thrown_again(t):
    run = watched(
        t, "exceptions", "thrower*,pass_*,in_cleanup*,catches_inside*,catcher*,throws_*,translates*,again_catcher*"
    )
    check_truth(run)
    callers = {
        "pass_2": ["pass_3", "catcher"],
        "pass_1": ["pass_2", "catcher", "translates"],
        "pass_3": ["catcher"],
        "thrower": ["pass_1", "catcher", "catches_inside", "throws_again", "throws_kept"],
        "in_cleanup": ["pass_2", "throws_again"],
        "catches_inside": ["pass_2"],
        "throws_again": ["again_catcher"],
        "throws_kept": ["again_catcher"],
        "translates": ["again_catcher"],
    }
    graph = {u64(name): {u64(c) for c in names} for name, names in callers.items()}
    graph[u64("catcher")] = graph[u64("again_catcher")] = {None}
    check_graph(run.report, graph)
    nothing_lost(run.report)


@case
def exceptions_with_only_some_frames_traced(t):
    run = watched(t, "exceptions", "pass_2*,catcher*")
    run.truth["calls"] = {n: c for n, c in run.truth["calls"].items() if n in (u64("pass_2"), u64("catcher"))}
    check_truth(run)
    check_graph(run.report, {u64("catcher"): {None}, u64("pass_2"): {u64("catcher")}})


@case
def exceptions_with_all_signals_on(t):
    run = watched(t, "exceptions", "thrower*,pass_*,catcher*", options=("--max-overhead", "100"))
    run.truth["calls"] = {
        n: c for n, c in run.truth["calls"].items() if n.startswith(("thrower", "pass_", "catcher"))
    }
    check_truth(run)


RUST = "rust_top,rust_middle,rust_bottom,rust_dropped"


@case
def rust_panics_that_are_caught(t):
    run = watched(t, "panics", RUST)
    check_truth(run)
    check_graph(
        run.report,
        {
            "rust_top": {None},
            "rust_middle": {"rust_top"},
            "rust_bottom": {"rust_middle"},
            "rust_dropped": {"rust_middle"},
        },
    )


@case
def rust_panic_that_aborts(t):
    run = watched(t, "panics_abort", "rust_middle,rust_bottom,rust_dropped", "abort", dies=True)
    check_calls(run.report, run.truth["calls"])
    for name in ("rust_middle", "rust_bottom"):
        equal(errors_of(run.report, name), 1, f"errors of {name}, which was open at the end")
        kinds = set(error_types_of(run.report, name))
        check(kinds <= {"panic", "signal SIGABRT"}, f"error types of {name}: {kinds}")


@case
def threads_that_are_cancelled_or_exit(t):
    run = watched(t, "thread_ends", "cancelled_*,exits_*,bare_*,cleanup_k")
    check_truth(run)
    check_graph(
        run.report,
        {
            "cancelled_inner": {"cancelled_outer"},
            "cleanup_k": {"cancelled_outer"},
            "exits_inner": {"exits_outer"},
            "bare_inner": {"bare_outer"},
            **{f"{kind}_outer": {None} for kind in ("cancelled", "exits", "bare")},
        },
    )


@case
def jumps_over_frames_and_out_of_handlers(t):
    run = watched(t, "jumps", "land_*,jump_*,plain_after,handler_inner,on_jump,interrupted")
    check_truth(run)
    check_graph(
        run.report,
        {
            "plain_after": {None},
            "land_far": {None},
            "land_signal": {None},
            "interrupted": {"land_signal"},
            "on_jump": {"interrupted"},
            "handler_inner": {"on_jump"},
            "jump_level": {"land_far", "jump_other"},
            "jump_other": {"jump_level"},
        },
    )


DEATH = "dies_outer,dies_inner,waits_meanwhile"


@case
def deaths_in_the_middle_of_calls(t):
    run = watched(t, "death", DEATH)
    # Which thread "dies" of a signal that ends them all is the kernel's affair.
    check_truth(run, free_errors=("waits_meanwhile",))
    check_graph(run.report, {"dies_inner": {"dies_outer"}, "dies_outer": {None}, "waits_meanwhile": {None}})


def death_of_the_target(t, number):
    run = watched(t, "death", DEATH, "-self", int(number), dies=True)
    check_truth(run)
    equal([x["exit"] for x in run.report["targets"]], [{"signal": number.name}], "how the target ended")


@case
def the_target_dies_of_sigsegv(t):
    death_of_the_target(t, signal.SIGSEGV)


@case
def the_target_dies_of_sigkill(t):
    death_of_the_target(t, signal.SIGKILL)


@case
def a_command_dies_of_sigabrt(t):
    check_truth(commanded(t, "death", DEATH, "-self", int(signal.SIGABRT)))
