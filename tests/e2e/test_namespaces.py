# SPDX-License-Identifier: GPL-2.0-only
"""Targets in other namespaces: their PIDs, paths and files are not ours."""
import os
import re
import shutil

from harness import *

SPANS = ("--max-overhead", "100", "-t", "round_trip,leaf_c")


def child_of(pid):
    def look():
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as f:
                return f.read().split()
        except FileNotFoundError:
            return None

    return int(wait_until(look, f"child of {pid}")[0])


def traced_spans(t, argv, is_child=False):
    """Starts spans by a command line, traces it, checks its counts; the report."""
    w = Workload(t, [*argv, "-t", "2", "-n", "1500"])
    pid = child_of(w.pid) if is_child else w.pid
    tracer = t.trace(*SPANS, "-F", "997", "-p", pid)
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    equal(path(report, "round_trip", "leaf_c")["calls"], truth["leaf_calls"], "calls of leaf_c")
    check(weight(report, "cpu", "slow_d") > 0, "samples in slow_d are named")
    equal(target(report, pid)["comm"], "spans", "name of the target")
    return report


@case
def a_pid_namespace(t):
    unshare = need_program("unshare")
    traced_spans(t, [unshare, "--pid", "--mount", "--fork", "--kill-child", need_workload("spans")], is_child=True)


@case
def the_same_path_is_another_file_there(t):
    """In the target's mount namespace `view` is another folder: ours holds a decoy."""
    need_program("unshare")
    for name, program in (("real", "spans"), ("view", "busy")):
        os.mkdir(t.file(name))
        shutil.copy(need_workload(program), t.file(f"{name}/spans"))
    script = 'mount --bind "$1/real" "$1/view" && exec "$1/view/spans" "$2" "$3" "$4" "$5"'
    report = traced_spans(t, ["unshare", "--mount", "/bin/sh", "-c", script, "sh", str(t.dir)])
    equal(report["targets"][0]["exe"], t.file("view/spans"), "path as the target sees it")


def root_make(t):
    """A folder that is enough of a root file system for spans, under a path that we do not have."""
    root = t.dir / "root"
    (root / "opt/inside").mkdir(parents=True)
    shutil.copy(need_workload("spans"), root / "opt/inside/spans")
    for library in re.findall(r"(/\S+)", t.run("ldd", need_workload("spans")).stdout):
        (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(library), root / library[1:])
    return root


@case
def another_root(t):
    root = root_make(t)
    traced_spans(t, [need_program("chroot"), str(root), "/opt/inside/spans"])


@case
def debug_files_of_another_root(t):
    """A stripped program in a container whose debug file is in the container, too."""
    root = root_make(t)
    program = root / "opt/inside/spans"
    found = re.search(r"Build ID: (\w+)", t.run("readelf", "-n", str(program)).stdout)
    check(found, "the program has a build ID")
    debug = root / "usr/lib/debug/.build-id" / found[1][:2] / f"{found[1][2:]}.debug"
    debug.parent.mkdir(parents=True)
    equal(t.run("objcopy", "--only-keep-debug", str(program), str(debug)).returncode, 0, "objcopy")
    equal(t.run("strip", "--strip-all", str(program)).returncode, 0, "strip")
    traced_spans(t, [need_program("chroot"), str(root), "/opt/inside/spans"])


@case
def another_root_in_all_namespaces(t):
    need_program("unshare")
    root = root_make(t)
    argv = ["unshare", "--pid", "--mount", "--ipc", "--uts", "--fork", "--kill-child"]
    traced_spans(t, [*argv, "chroot", str(root), "/opt/inside/spans"], is_child=True)


@case
def a_program_whose_file_was_deleted(t):
    program = t.file("spans")
    shutil.copy(need_workload("spans"), program)
    w = Workload(t, [program, "-t", "2", "-n", "6000"])
    os.unlink(program)
    tracer = t.trace("-F", "997", "-p", w.pid)
    w.go()
    w.truth()
    report = tracer.stop()
    w.end()
    check(weight(report, "cpu", "slow_d") > 0, "samples of a deleted program are named")


@case
def a_program_whose_file_was_replaced(t):
    """An update put another program in its place: names must come from the one that runs."""
    program = t.file("spans")
    shutil.copy(need_workload("spans"), program)
    w = Workload(t, [program, "-t", "2", "-n", "6000"])
    os.unlink(program)
    shutil.copy(need_workload("busy"), program)
    tracer = t.trace("-F", "997", "-p", w.pid)
    w.go()
    w.truth()
    report = tracer.stop()
    w.end()
    check(weight(report, "cpu", "slow_d") > 0, "samples are named by the running program")
    equal(weight(report, "cpu", "spin_heavy"), 0, "samples named by its successor")


@case
def a_path_with_blanks_and_brackets(t):
    folder = t.dir / "a b;c [d]\n(e) (deleted)"
    folder.mkdir()
    shutil.copy(need_workload("spans"), folder / "spans")
    report = traced_spans(t, [str(folder / "spans")])
    for stack, _ in folded(report, "cpu"):
        check("\n" not in stack, f"line break in {stack!r}")
