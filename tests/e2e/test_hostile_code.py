# SPDX-License-Identifier: GPL-2.0-only
"""Machine code of all kinds: builds by options, stripped, assembled by hand, changed or remapped
while it is traced. A probe never lies where it changes what the program does."""
from hostile import *

TREE = "tree_*"
TREE_GRAPH = {
    "tree_top": {None},
    "tree_early": {"tree_top"},
    "tree_frame": {"tree_top"},
    "tree_switch": {"tree_top", "tree_early"},
    "tree_float": {"tree_top"},
    "tree_variadic": {"tree_top"},
}


def build(kind, run_by=watched, suffix="", **kwargs):
    """A case of plain.c as built in one way."""

    def run(t):
        done = run_by(t, "plain_" + kind, TREE, **kwargs)
        if done.report:
            check_truth(done)
            check_graph(done.report, TREE_GRAPH)
            nothing_lost(done.report)

    run.__name__ = f"build_{kind}{suffix}"
    case(run)


for kind in "static static_pie no_pie cet lto nofp no_unwind patchable fentry thunks clash clang exported".split():
    build(kind)
for kind in ("static", "static_pie", "patchable"):
    build(kind, commanded, "_by_command")
build("asan", may_refuse=True)  # its library can switch stacks


@case
def build_stripped(t):
    """Without any symbol, functions are named after where they stand in the file."""
    run = watched(t, "plain_stripped", "plain_stripped+0x*")
    calls = {}
    for node in run.report["nodes"]:
        offset = offset_in(node["name"])
        check(offset is not None, f"a name without an offset: {node['name']}")
        calls[offset] = calls.get(offset, 0) + node["calls"]
    places = run.truth["offsets"]
    equal({n: calls.get(places[n]) for n in places}, {n: run.truth["calls"][n] for n in places}, "calls")


# Functions that a compiler could have written; the others may be refused, each by its name.
ASM_ORDINARY = {"asm_plain", "asm_red_zone", "asm_rip", "asm_flags", "asm_one_byte", "asm_data"}


def assembled(t, spec, untyped):
    """`untyped`: symbols that do not say that they are functions; nobody needs to find them."""
    run = watched(t, "asm", spec)
    found = {n["name"] for n in run.report["nodes"]}
    run.truth["calls"] = {n: c for n, c in run.truth["calls"].items() if n not in untyped or n in found}
    silent = set(run.truth["calls"]) - found - skipped(run.report)
    equal(silent, set(), "functions of which nothing is said")
    check_truth(run, refusable=set(run.truth["calls"]) - ASM_ORDINARY)
    t.remark(f"refused: {sorted(skipped(run.report))}")


@case
def assembled_by_hand(t):
    assembled(t, "asm_*,!asm_table,!asm_data_bytes", {"asm_no_type", "asm_table"})


@case
def data_among_the_text(t):
    """The program reads it: one probe there would change what it prints."""
    assembled(t, "asm_*", {"asm_no_type", "asm_table"})


@case
def another_object_at_the_same_place(t):
    libraries = [program(f"libsame_{x}.so") for x in "ab"]
    run = watched(t, "plug_swap", [f"{path}:place_*" for path in libraries])
    check(run.truth["same"], "the second library was where the first one had been")
    want, got = run.truth["calls"], {}
    for node in run.report["nodes"]:
        if node["name"] in ("place_call", "place_inner"):
            key = node["object"].rsplit("/", 1)[-1], node["name"]
            got[key] = got.get(key, 0) + node["calls"]
    names = ("place_call", "place_inner")
    equal(got, {(lib, name): want[lib] for lib in want for name in names}, "calls by object")
    nothing_lost(run.report)


TEXT = "text_neighbour,text_patched"


@case
def text_that_was_copied_before(t):
    check_truth(watched(t, "retext", TEXT, "-how", 0))


@case
def text_that_is_no_longer_the_files(t):
    """As those leave it that move their text to huge pages: no probe can be there, which is said."""
    run = watched(t, "retext", TEXT, "-how", 1, may_refuse=True)
    if run.report:
        check_truth(run, refusable=run.truth["calls"])


@case
def text_that_is_patched_meanwhile(t):
    check_truth(watched(t, "retext", TEXT, "-how", 2))


@case
def text_that_is_mapped_anew_meanwhile(t):
    check_truth(watched(t, "retext", TEXT, "-how", 3))


@case
def text_whose_protection_changes_meanwhile(t):
    check_truth(watched(t, "retext", TEXT, "-how", 4))


@case
def text_that_is_dropped_meanwhile(t):
    """The probes go with the page: the kernel does not tell, so the tracer has to look."""
    run = watched(t, "retext", TEXT, "-how", 5)
    check_truth(run, refusable=run.truth["calls"])


@case
def text_that_was_patched_before(t):
    """Probed, an instruction runs as the file has it, not as the memory does."""
    run = watched(t, "retext", TEXT, "-how", 6, may_refuse=True)
    if run.report:
        check_truth(run, refusable=run.truth["calls"])
