#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Judges what tests/vm/init saw in the machines that tools/vmtest booted: every count that a
workload knows must be in the report. Prints a line a check and kernel, and a table.

usage: check.py RESULTS KERNEL...      RESULTS/KERNEL holds what the machine sent"""
import json
import pathlib
import sys

ROUND = "kernel_round"
CHECKS = []  # (name, function), in the order of definition
NEEDS_SITES = (6, 6)  # probes on return instructions and static probes need uprobe_multi


class Failure(Exception):
    pass


class Skip(Exception):
    pass


def check(function):
    CHECKS.append((function.__name__, function))
    return function


def equal(got, want, what):
    if got != want:
        raise Failure(f"{what}: {got!r}, should be {want!r}")


class Machine:
    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        if not (folder / "kernel").exists():
            raise Failure(f"it sent no results: see {folder}/console")
        self.kernel = self.text("kernel").strip()
        self.version = tuple(int(n) for n in self.kernel.split("-")[0].split("+")[0].split(".")[:2])
        self.too_old = self.version < (5, 18)
        # It leaves out runs of a program that another task was preempted in.
        self.preempts = self.version >= (7, 0)

    def text(self, name):
        path = self.folder / name
        return path.read_text(errors="replace") if path.exists() else ""

    def has(self, feature):
        """What pathbpf doctor says of it in there."""
        return f"  ok  {feature}  " in self.text("doctor.truth")

    def run(self, name, status=0):
        """A traced run that must have ended so: (the workload's truth, the report)."""
        equal(self.text(f"{name}.status").strip(), str(status), f"status ({self.text(name + '.stderr')!r})")
        if self.text(f"{name}.exit").strip() not in ("", "0"):
            raise Failure(f"the workload ended with {self.text(name + '.exit').strip()}")
        lines = self.text(f"{name}.truth").split("\n")
        truth = next((line for line in lines if line.startswith("{")), None)
        if truth is None:
            raise Failure("the workload told no truth: it died")
        return json.loads(truth), json.loads(self.text(f"{name}.json"))


def calls(report, *path):
    """Calls that ended, open ones among them where a path was still running."""
    return sum(p["calls"] for p in report["paths"] if tuple(p["path"]) == path)


def row(report, *path):
    found = [p for p in report["paths"] if tuple(p["path"]) == path]
    if not found:
        raise Failure(f"no path {';'.join(path)}")
    return found[0]


def counted(m, report, got, want, what):
    """Exact; on kernels that preempt our programs all but what the report says is lost."""
    if m.preempts and 0 <= want - got <= report["lost"]["spans"] + report["lost"]["events"]:
        return
    equal(got, want, what)


def nothing_lost(m, report, *but):
    but += ("spans", "events") if m.preempts else ()
    lost = {what: n for what, n in report["lost"].items() if n and what not in but}
    equal(lost, {}, "lost")


def was_refused(report, name):
    return name in {s["what"] for s in report["skipped"]}


@check
def starts(m):
    """Where pathbpf cannot run it says so in one line; elsewhere it runs a program."""
    lines = m.text("plain.stderr").strip().split("\n")
    if m.too_old:
        equal(m.text("plain.status").strip(), "3", "status")
        equal(len(lines), 1, "lines that say why")
        if not lines[0].startswith("pathbpf: "):
            raise Failure(f"it says {lines[0]!r}")
        equal(m.text("doctor.status").strip(), "3", "status of doctor")
    else:
        equal(m.text("plain.status").strip(), "0", f"status ({lines})")
        equal(m.text("doctor.status").strip(), "0", "status of doctor")


def tree(m, name):
    truth, report = m.run(name)
    n = truth["threads"] * truth["rounds"]
    want = {
        ("round_trip",): n,
        ("round_trip", "outer_a"): n,
        ("round_trip", "outer_a", "middle_b"): 2 * n,
        ("round_trip", "outer_a", "middle_b", "leaf_c"): 6 * n,
        ("round_trip", "leaf_c"): n,
        ("round_trip", "recurse_r"): 5 * n,
        ("round_trip", "slow_d"): truth["slow_calls"],
    }
    equal({tuple(p["path"]): p["calls"] for p in report["paths"]}, want, "calls by path")
    failed = sum(p["errors"] for p in report["paths"] if p["path"][-1] == "leaf_c")
    equal(failed, truth["leaf_failed"], "errors of leaf_c")
    total = row(report, "round_trip", "slow_d")["total_ns"]
    if not truth["slow_wall"][0] <= total <= truth["slow_wall"][1]:
        raise Failure(f"time of slow_d: {total}, should be in {truth['slow_wall']}")
    return report


@check
def user_functions(m):
    nothing_lost(m, tree(m, "spans"))


@check
def user_functions_with_all_signals(m):
    nothing_lost(m, tree(m, "all"), "events")


@check
def a_trace_is_changed_while_it_runs(m):
    _, report = m.run("control")
    said = m.text("control.ctl")
    if "status" in said:
        raise Failure(f"ctl: {said!r}")
    kernel = any(m.has(x) for x in ("fentry", "kprobe", "kprobe_multi"))
    want = {"step_a": 25, "step_b": 30, "step_c": 23, "write": 4}
    want.update({"vfs_write": 4} if kernel else {})
    for name, n in want.items():
        got = sum(x["calls"] for x in report["nodes"] if x["name"] == name)
        counted(m, report, got, n, f"calls of {name}")
    snapshot = json.loads(m.text("control.snapshot"))
    got = sum(x["calls"] for x in snapshot["nodes"] if x["name"] == "step_a")
    counted(m, snapshot, got, 23, "calls of step_a in the snapshot")
    if not any("emergency stop" in x for x in report["notes"]) or not report["paused_ns"]:
        raise Failure(f"the report does not tell what was done: {report['notes']}")


@check
def plugins(m):
    """By default. Loads everywhere; executions where entries can be probed."""
    truth, report = m.run("plugins")
    [p] = report["plugins"]
    equal((p["id"], p["loads"], p["unloads"]), ("plain.so", 1, 1), "its life")
    if m.version < NEEDS_SITES:
        equal([x["what"] for x in report["missing"] if x["what"].startswith("plugin")], ["plugin executions"], "missing")
        equal((p["executions"], p["traced"], report["skipped"]), (0, False, []), "executions")
        return
    counted(m, report, p["executions"], truth["executions"], "executions")
    counted(m, report, p["errors"], truth["errors"], "errors")


@check
def loads_that_fail(m):
    truth, report = m.run("loads")
    equal([e["error"] for e in report["plugin_events"]], truth["errors"], "the loader's words")


@check
def exceptions_pass_through(m):
    truth, report = m.run("throwing")
    if m.version < NEEDS_SITES:
        equal(len(report["skipped"]), 3, "functions that are left alone")
        return
    path = ("catcher(unsigned long)", "passes_through(unsigned long)", "thrower(unsigned long)")
    for depth in (1, 2, 3):
        equal(calls(report, *path[:depth]), truth["calls"], f"calls of {path[depth - 1]}")
    raised = {"exception std::runtime_error": truth["caught"]}
    equal(row(report, *path)["error_types"], raised, "errors of thrower")
    nothing_lost(m, report)


@check
def static_probes(m):
    if m.version < NEEDS_SITES:
        raise Skip("static probes need Linux 6.6")
    truth, report = m.run("usdt")
    for name in ("libstdcxx:throw", "libstdcxx:catch"):
        equal(calls(report, "catcher(unsigned long)", name), truth["caught"], f"calls of {name}")
    nothing_lost(m, report)


@check
def system_calls_as_spans(m):
    truth, report = m.run("syscalls")
    n = truth["threads"] * truth["rounds"]
    counted(m, report, calls(report, ROUND, "ask_parent", "getppid"), n, "calls of getppid")
    failed = row(report, ROUND, "read_empty", "read")
    equal(set(failed["error_types"]), {"EAGAIN"}, "errors of read")
    got = failed["error_types"]["EAGAIN"]
    if got != truth["again"] and not (m.preempts and truth["again"] - got <= report["lost"]["events"]):
        raise Failure(f"errors of read: {got}, should be {truth['again']}")


def user_side(truth, report, m):
    n = truth["threads"] * truth["rounds"]
    for path in ((), ("ask_parent",), ("read_empty",), ("write_pipe",), ("drain_pipe",)):
        equal(calls(report, ROUND, *path), n, f"calls of {(ROUND, *path)[-1]}")
    return n


def errors(m, report, path, want):
    """All calls of it failed with EAGAIN, or none did."""
    types = row(report, *path)["error_types"]
    equal(set(types), {"EAGAIN"} if want else set(), "errors")
    counted(m, report, sum(types.values()), want, "errors")


def kernel_side(truth, report, m, reading=(), writing=()):
    """vfs_read() and vfs_write() below the functions that call them, by way of others."""
    n = user_side(truth, report, m)
    empty, drain = (ROUND, "read_empty", *reading, "vfs_read"), (ROUND, "drain_pipe", *reading, "vfs_read")
    write = (ROUND, "write_pipe", *writing, "vfs_write")
    for path in (empty, drain, write):
        counted(m, report, calls(report, *path), n, f"calls of {path}")
        errors(m, report, path, truth["again"] if path == empty else 0)
        if row(report, *path)["total_ns"] > row(report, *path[:2])["total_ns"]:
            raise Failure(f"{path} took longer than what called it")
    sleep = (ROUND, *(() if was_refused(report, "nap") else ("nap",)), "hrtimer_nanosleep")
    counted(m, report, calls(report, *sleep), truth["naps"], "calls of hrtimer_nanosleep")
    low, high = truth["nap_wall"]
    if not low <= row(report, *sleep)["total_ns"] <= high and not m.preempts:
        raise Failure(f"time of hrtimer_nanosleep: {row(report, *sleep)['total_ns']}, should be in {(low, high)}")
    kinds = {node["kind"] for node in report["nodes"] if node["name"] == "vfs_read"}
    equal(kinds, {"kernel"}, "kind of vfs_read")
    if not m.preempts:
        equal(sum(p["untimed"] for p in report["paths"]), 0, "calls without a time")


@check
def few_kernel_functions(m):
    truth, report = m.run("kernel_few")
    kernel_side(truth, report, m)
    nothing_lost(m, report)


READ = ("__x64_sys_read", "ksys_read")
WRITE = ("__x64_sys_write", "ksys_write")


def many(m, name, *but, syscalls=()):
    truth, report = m.run(name)
    if not m.has("kprobe_multi") and any("more than 64" in s["why"] for s in report["skipped"]):
        raise Skip("more than 64 functions need kprobe_multi")
    kernel_side(truth, report, m, READ, WRITE)
    ask = (ROUND, "ask_parent", *syscalls, "__x64_sys_getppid")
    counted(m, report, calls(report, *ask), truth["threads"] * truth["rounds"], "calls of __x64_sys_getppid")
    nothing_lost(m, report, *but)


@check
def many_kernel_functions(m):
    many(m, "kernel_many")


@check
def many_kernel_functions_by_the_kernels_list(m):
    many(m, "kernel_tracefs")


@check
def kernel_functions_below_system_calls(m):
    many(m, "kernel_all", "events", syscalls=("getppid",))


@check
def arguments_of_kernel_functions(m):
    truth, report = m.run("kernel_args")
    counted(m, report, calls(report, ROUND, "write_pipe", "vfs_write"), truth["rounds"], "calls of vfs_write")
    slices = [piece for trace in report["traces"] for piece in trace["slices"]]
    values = {piece["args"] for piece in slices if piece["name"] == "vfs_write"}
    # One byte to the pipe; the workload's lines, at the root, are longer.
    if "arg3=1" not in values or any(not v or not v.startswith("arg3=") for v in values):
        raise Failure(f"third argument of vfs_write: {values}")


@check
def functions_that_tracing_itself_calls(m):
    """Locks, map operations and the like: much is lost and said so, and nothing breaks."""
    truth, report = m.run("kernel_storm")
    n = truth["threads"] * truth["rounds"]
    missing = n - calls(report, ROUND)
    if not 0 <= missing <= report["lost"]["spans"]:
        raise Failure(f"{missing} of {n} calls of {ROUND} are missing: more than it says")


@check
def kernel_functions_alone(m):
    truth, report = m.run("kernel_only")
    n = truth["threads"] * truth["rounds"]
    counted(m, report, calls(report, "vfs_write"), n + 2, "calls of vfs_write: the pipes', and of two lines")


@check
def no_such_kernel_function(m):
    equal(m.text("kernel_none.status").strip(), "1", "status")
    if "no function matches 'k:no_such_function'" not in m.text("kernel_none.stderr"):
        raise Failure(f"it says {m.text('kernel_none.stderr')!r}")


@check
def what_spans_cost(m):
    """Traced functions cost something in every pair, whatever the machine."""
    _, report = m.run("overhead")
    equal(report["verdict"], "costs", f"verdict on {report['unit']['cpu']}")
    blocks = report["blocks"]
    if any(b["units"]["named"] < 5 or not 0 < b["cpu_ns"] <= 1.05 * b["wall_ns"] for b in blocks):
        raise Failure(f"blocks: {blocks}")


@check
def calls_of_a_function_as_work(m):
    _, report = m.run("overhead_path")
    for b in report["blocks"]:
        calls, waits = b["units"]["named"], b["units"]["switches"]
        # A wait may be over before the CPU is given up.
        if not waits or not 0.7 * calls <= waits <= 1.1 * calls:
            raise Failure(f"{calls} calls of what waits, {waits} waits")


@check
def kernel_is_unharmed(m):
    bad = [line for line in m.text("dmesg").split("\n") if line and "ommand line" not in line]
    equal(bad, [], "complaints of the kernel")


def judge(m, name, function):
    if m.too_old and name not in ("starts", "kernel_is_unharmed"):
        return "-", ""
    try:
        function(m)
    except Skip as skip:
        return "skip", str(skip)
    except (Failure, KeyError, ValueError) as failure:
        return "FAIL", f"{type(failure).__name__}: {failure}"
    return "ok", ""


def main():
    results = pathlib.Path(sys.argv[1])
    table, passed, failed, skipped = {}, 0, 0, 0
    for kernel in sys.argv[2:]:
        try:
            m = Machine(results / kernel, kernel)
        except Failure as failure:
            print(f"FAIL  {kernel}: {failure}")
            failed += 1
            continue
        table[kernel] = {}
        for name, function in CHECKS:
            state, why = judge(m, name, function)
            table[kernel][name] = state
            passed += state == "ok"
            failed += state == "FAIL"
            skipped += state == "skip"
            if why:
                print(f"{state:5} {m.kernel}: {name}: {why}")
    width = max(len(name) for name, _ in CHECKS)
    print(" " * width, *(f"{kernel:>5}" for kernel in table))
    for name, _ in CHECKS:
        print(f"{name:{width}}", *(f"{table[kernel][name]:>5}" for kernel in table))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


sys.exit(main())
