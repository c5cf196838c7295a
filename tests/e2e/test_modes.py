# SPDX-License-Identifier: GPL-2.0-only
"""The ways to say what is traced: -n, -- COMMAND, -a, -g, several PIDs."""
import json
import os
import shutil
import signal
import time

from harness import *

QUICK = ("--no-offcpu", "--no-syscalls", "-F", "499")
SPANS_ONLY = ("--no-cpu", "--no-offcpu", "--no-syscalls", "--max-overhead", "100")


def renamed(t, name, copy_of="busy"):
    path = t.file(name)
    shutil.copy(need_workload(copy_of), path)
    return path


@case
def by_name_now_and_later(t):
    path = renamed(t, f"pbn{os.getpid()}")
    other = t.workload("busy", "-s", 500)
    first = Workload(t, [path, "-s", 500])
    tracer = t.trace(*QUICK, "-n", f"pbn{os.getpid()}*")
    second = Workload(t, [path, "-s", 500])
    time.sleep(0.5)
    for w in (other, first, second):
        w.go()
        w.truth()
    report = tracer.stop()
    equal({x["pid"] for x in report["targets"]}, {first.pid, second.pid}, "targets")
    near(report["stacks"]["cpu"]["samples"], 499, 0.15, "samples of both")
    check(weight(report, "cpu", "spin_heavy") > 100, "samples are named")
    for w in (other, first, second):
        w.end()


@case
def spans_of_a_process_that_starts_later(t):
    path = renamed(t, f"pbs{os.getpid()}", "spans")
    first = Workload(t, [path, "-t", "1", "-n", "50"])
    tracer = t.trace(*SPANS_ONLY, "-n", f"pbs{os.getpid()}", "-t", "leaf_c")
    second = Workload(t, [path, "-t", "1", "-n", "70"])
    time.sleep(0.7)
    for w in (first, second):
        w.go()
        w.truth()
    report = tracer.stop()
    equal(calls_of(report, "leaf_c"), 7 * 120, "calls of leaf_c in both")
    for w in (first, second):
        w.end()


@case
def a_command_from_its_first_instruction(t):
    tracer = t.trace(*SPANS_ONLY, "-t", "main,round_trip,leaf_c", "--", need_workload("spans"), "-t", 2, "-n", 50)
    report = tracer.wait().report()
    equal(path(report, "main")["calls"], 1, "calls of main")
    equal(path(report, "round_trip", "leaf_c")["calls"], 700, "calls of leaf_c")
    equal(len(report["targets"]), 1, "targets")
    equal(report["targets"][0]["comm"], "spans", "name of the command")
    equal(report["targets"][0]["exit"], {"code": 0}, "end of the command")
    words = tracer.stdout().split("\n", 1)
    equal(words[0], "ready", "the command's own output")
    equal(json.loads(words[1])["leaf_calls"], 700, "the command's own count")


@case
def the_commands_status_is_ours(t):
    for script, want in (("exit 0", 0), ("exit 3", 3), ("kill -SEGV $$", 128 + 11), ("kill -KILL $$", 128 + 9)):
        tracer = t.trace(*QUICK, "--", "/bin/sh", "-c", script)
        tracer.wait(want)
        check(tracer.report(), f"a report after '{script}'")
        t.trace(*QUICK, "--no-exit-status", "--", "/bin/sh", "-c", script).wait(0)


@case
def a_command_that_is_not_there(t):
    done = t.pathbpf("--", "/nonexistent/program", want=1)
    contains(done.stderr, "/nonexistent/program", "message")
    equal(done.stdout, "", "standard output")


@case
def a_command_is_found_in_path(t):
    equal(t.pathbpf("-o", t.file("x.json"), "--", "echo", "one", "two").stdout, "one two\n", "output of echo")


@case
def a_command_inherits_nothing_of_ours(t):
    script = "ls -1 /proc/self/fd; grep -E '^Sig(Blk|Ign)' /proc/self/status"
    plain = t.run("/bin/sh", "-c", script)
    tracer = t.trace(*QUICK, "--", "/bin/sh", "-c", script)
    tracer.wait()
    equal(tracer.stdout(), plain.stdout, "descriptors, blocked and ignored signals of the command")


@case
def an_interrupted_command_still_gives_a_report(t):
    tracer = t.trace(*QUICK, "--", need_workload("busy"), "-s", 60000)
    time.sleep(0.7)
    tracer.send(signal.SIGINT)
    status = tracer.process.wait(STOP_TIMEOUT)
    check(status in (0, 130), f"exit status after Ctrl-C: {status}")
    check(tracer.report()["stacks"]["cpu"]["samples"] > 50, "samples until Ctrl-C")


@case
def the_whole_system(t):
    a, b = t.workload("busy", "-s", 1000), t.workload("sleepy", "-d", 1000)
    tracer = t.trace("-F", "499", "-a")
    for w in (a, b):
        w.go()
        w.truth()
    report = tracer.stop()
    for w in (a, b):
        w.end()
    check({a.pid, b.pid} <= {x["pid"] for x in report["targets"]}, "both workloads are targets")
    near(weight(report, "cpu", "spin_heavy"), 0.7 * 499, 0.2, "samples in spin_heavy")
    check(weight(report, "offcpu", "role_poll") > 0.9e6, "off-CPU time of role_poll")


def cgroup_new(t):
    with open("/proc/self/mounts") as f:
        mounts = [line.split() for line in f]
    roots = [m[1] for m in mounts if m[2] == "cgroup2"]
    if not roots:
        raise Skip("no cgroup v2 is mounted")
    path = f"{roots[0]}/pathbpf-test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        os.mkdir(path)
    except OSError as e:
        raise Skip(f"no cgroup can be made: {e}") from None
    t.defer(cgroup_remove, path)
    return path


def cgroup_remove(path):
    with open(f"{path}/cgroup.procs") as f:
        pids = [int(p) for p in f]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not open(f"{path}/cgroup.procs").read(), "the cgroup is empty")
    os.rmdir(path)


def cgroup_add(path, pid):
    with open(f"{path}/cgroup.procs", "w") as f:
        f.write(str(pid))


@case
def a_cgroup(t):
    path = cgroup_new(t)
    inside, outside, late = (t.workload("busy", "-s", 800) for _ in range(3))
    cgroup_add(path, inside.pid)
    tracer = t.trace(*QUICK, "-g", path)
    cgroup_add(path, late.pid)
    time.sleep(0.3)
    for w in (inside, outside, late):
        w.go()
        w.truth()
    report = tracer.stop()
    equal({x["pid"] for x in report["targets"]}, {inside.pid, late.pid}, "targets")
    near(report["stacks"]["cpu"]["samples"], 2 * 0.8 * 499, 0.15, "samples of the cgroup")
    for w in (inside, outside, late):
        w.end()


@case
def a_cgroup_below_the_one_that_was_named(t):
    path = cgroup_new(t)
    os.mkdir(f"{path}/inner")
    t.defer(os.rmdir, f"{path}/inner")
    t.defer(lambda: wait_until(lambda: not open(f"{path}/inner/cgroup.procs").read(), "inner is empty"))
    w = t.workload("busy", "-s", 500)
    t.defer(Case.kill, w.process)
    cgroup_add(f"{path}/inner", w.pid)
    tracer = t.trace(*QUICK, "-g", path)
    w.go()
    w.truth()
    report = tracer.stop()
    equal([x["pid"] for x in report["targets"]], [w.pid], "targets")
    w.end()


@case
def a_cgroup_that_is_not_there(t):
    done = t.pathbpf("-d", "1", "-g", "/sys/fs/cgroup/pathbpf-nonexistent", want=1)
    contains(done.stderr, "pathbpf-nonexistent", "message")


@case
def several_processes(t):
    ws = [t.workload("busy", "-s", 400) for _ in range(3)]
    tracer = t.trace(*QUICK, "-p", ",".join(str(w.pid) for w in ws[:2]))
    for w in ws:
        w.go()
        w.truth()
    report = tracer.stop()
    equal({x["pid"] for x in report["targets"]}, {w.pid for w in ws[:2]}, "targets")
    near(report["stacks"]["cpu"]["samples"], 2 * 0.4 * 499, 0.15, "samples")
    for w in ws:
        w.end()
