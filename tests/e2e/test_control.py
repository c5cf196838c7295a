# SPDX-License-Identifier: GPL-2.0-only
"""Control of a running trace: ps, ctl, snapshots, pauses, and an end that needs no main loop."""
import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request

import services
from harness import *

ONLY_SPANS = ("--no-cpu", "--no-offcpu", "--no-syscalls")
RUN_DIR = pathlib.Path("/run/pathbpf")
NOBODY = 65534


def ctl(t, tracer, *args, want=0, **kwargs):
    return t.pathbpf("ctl", tracer.pid, *args, want=want, **kwargs)


def ps(t):
    return {row["pid"]: row for row in json.loads(t.pathbpf("ps", "--format", "json").stdout)}


def listed(t, tracer):
    """{function: row} of what is traced"""
    data = json.loads(ctl(t, tracer, "list", "--format", "json").stdout)
    return {row["name"]: row for row in data["nodes"]}


def probes_of(pid):
    """How many descriptors of a process hold a probe."""
    n = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            what = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue
        n += what.startswith("anon_inode:") and ("bpf" in what and "link" in what or "perf_event" in what)
    return n


def do(w, line):
    """A step of the workload `steps`; the calls so far."""
    w.say(line)
    return w.truth()


def socket_of(tracer):
    return RUN_DIR / f"{tracer.pid}.sock"


def say(path, data, timeout=10):
    """What a trace answers to some bytes, parsed; None: nothing."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        s.connect(str(path))
        s.sendall(data)
        got = b""
        while not got.endswith(b"\n"):
            piece = s.recv(65536)
            if not piece:
                break
            got += piece
    return json.loads(got) if got else None


# Who runs


@case
def traces_are_listed(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "step_*", "-p", w.pid)
    row = wait_until(lambda: (r := ps(t).get(tracer.pid)) and r["probes"] == 3 and r, "its row is complete")
    equal(row["state"], "running", "state")
    equal(row["pids"], [w.pid], "its targets")
    equal(row["process"], "steps", "name of the first")
    equal(row["lost"], 0, "lost")
    text = t.pathbpf("ps").stdout
    contains(text, "TARGET", "header of ps")
    contains(text, f"-p {w.pid} (steps)", "target in ps")
    tracer.stop()
    check(tracer.pid not in ps(t), "a trace that has ended is not listed")
    check(not socket_of(tracer).exists(), "its socket is gone")
    do(w, "run 1")


@case
def what_a_killed_trace_leaves_is_cleaned_up(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "step_*", "-p", w.pid)
    check(socket_of(tracer).exists(), "there is a socket")
    equal(oct(socket_of(tracer).stat().st_mode & 0o777), "0o600", "its mode")
    equal(oct(RUN_DIR.stat().st_mode & 0o077), "0o0", "mode of its folder, for others")
    tracer.send(signal.SIGKILL)
    tracer.process.wait(10)
    check(socket_of(tracer).exists(), "a killed trace leaves its socket")
    check(tracer.pid not in ps(t), "but it is not listed")
    check(not socket_of(tracer).exists(), "and the socket is removed")
    done = t.pathbpf("ctl", tracer.pid, "list", want=1)
    contains(done.stderr, "no trace runs with PID", "ctl of a trace that is gone")


@case
def a_traced_process_is_not_its_trace(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "step_*", "-p", w.pid)
    wait_until(lambda: ps(t).get(tracer.pid, {}).get("pids"), "it knows its target")
    done = t.pathbpf("ctl", w.pid, "list", want=1)
    contains(done.stderr, f"by pathbpf {tracer.pid}", "ctl with the target's PID")
    for words in (("list",), ("12x", "list"), (tracer.pid, "lsit"), (tracer.pid, "add"), (tracer.pid, "list", "x")):
        t.pathbpf("ctl", *words, want=2)


@case
def calls_so_far_are_told(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "step_*,round_r", "-p", w.pid)
    truth = do(w, "run 137")
    rows = listed(t, tracer)
    for name in ("round_r", "step_a", "step_b", "step_c"):
        equal(rows[name]["calls"], truth[name], f"calls of {name}")
        equal(rows[name]["state"], "probed", f"state of {name}")
    contains(ctl(t, tracer, "list").stdout, "step_b", "list as text")


# Functions come and go


@case
def functions_are_added_and_removed_with_exact_counts(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "step_c", "-p", w.pid)
    do(w, "run 100")
    contains(ctl(t, tracer, "add", "step_a,step_b@ret<0").stdout, "2 functions added", "add")
    do(w, "run 10")
    contains(ctl(t, tracer, "remove", "step_b").stdout, "1 function removed", "remove")
    equal(listed(t, tracer)["step_b"]["state"], "removed", "state of what was removed")
    do(w, "run 5")
    contains(ctl(t, tracer, "add", "step_b").stdout, "1 function added", "add again")
    truth = do(w, "run 3")
    report = tracer.stop()
    equal(calls_of(report, "step_c"), truth["step_c"], "calls of what was traced all the time")
    equal(calls_of(report, "step_a"), 18, "calls of what was added")
    equal(calls_of(report, "step_b"), 26, "calls of what came and went")
    equal(path(report, "step_a", "step_b")["calls"], 26, "below its caller")
    equal(errors_of(report, "step_b"), 5 + 1, "errors, by the first predicate: nobody gave another")
    check(any("step_b" == d["name"] and "removed on request" in d["reason"] for d in report["overhead"]["detached"]), "the report tells what was removed")
    check(any("step_a,step_b@ret<0" in n and "added on request" in n for n in report["notes"]), "and what was added")


@case
def what_cannot_be_added_is_refused_in_one_line(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "step_c", "-p", w.pid)
    for spec, part in (
        ("step_x", "there are: step_"),
        ("step_c", "traced already"),
        ("step_(", "no function"),
        ("@ret<0", "name is missing"),
        ("k:do_*", "without kernel functions"),
        ("usdt:libc.so.6:libc:setjmp", "without static probes"),
        ("sys:read", "without system calls"),
    ):
        done = ctl(t, tracer, "add", spec, want=1)
        contains(done.stderr, part, f"add {spec}")
        equal(done.stderr.count("\n"), 1, f"lines of what is said to {spec}")
    contains(ctl(t, tracer, "remove", "step_a", want=1).stderr, "nothing that it names is traced", "remove of the unknown")
    contains(ctl(t, tracer, "add", "libnowhere.so:f").stdout, "waiting", "add of what is not mapped yet")
    truth = do(w, "run 7")
    equal(calls_of(tracer.stop(), "step_c"), truth["step_c"], "calls of step_c")


@case
def calls_in_progress_survive_a_removal(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "hold_h,step_c", "-p", w.pid)
    do(w, "hold")
    ctl(t, tracer, "remove", "hold_h")
    do(w, "release")
    do(w, "hold")
    do(w, "release")
    do(w, "run 5")
    report = tracer.stop()
    p = path(report, "hold_h")
    equal((p["calls"], p["open"]), (0, 1), "calls and open ones of what was removed while it was called")
    equal(p["total_ns"], 0, "no time is made up")
    equal(calls_of(report, "step_c"), 5, "calls of the other")


@case
def redis_is_added_to_and_removed_from(t):
    service = services.Redis(t)

    def requests(command, n):
        done = t.run("redis-benchmark", "-s", service.socket, "-q", "-c", 1, "-n", n, "-t", command, timeout=120)
        equal(done.returncode, 0, "redis-benchmark")

    tracer = t.trace(*ONLY_SPANS, "-t", "getCommand", "-p", service.pids[0])
    requests("get", 1000)
    ctl(t, tracer, "add", "setCommand")
    requests("set", 500)
    ctl(t, tracer, "remove", "getCommand")
    requests("get", 300)
    requests("set", 20)
    report = tracer.stop()
    equal(calls_of(report, "getCommand"), 1000, "calls of getCommand, until it was removed")
    equal(calls_of(report, "setCommand"), 520, "calls of setCommand")
    service.check_alive()


# Pauses


@case
def a_pause_is_exact_and_told(t):
    w = t.workload("steps")
    tracer = t.trace("-t", "step_*,hold_h", "-p", w.pid)
    do(w, "run 100")
    do(w, "hold")
    contains(ctl(t, tracer, "pause").stdout, "paused", "pause")
    equal(ps(t)[tracer.pid]["state"], "paused", "state")
    equal(probes_of(tracer.pid), 0, "probes that are left")
    do(w, "run 50")
    do(w, "release")
    contains(ctl(t, tracer, "pause", want=1).stderr, "paused already", "pause of a paused one")
    time.sleep(1)
    contains(ctl(t, tracer, "resume").stdout, "traced again", "resume")
    contains(ctl(t, tracer, "resume", want=1).stderr, "not paused", "resume of a running one")
    do(w, "run 30")
    report = tracer.stop()
    for name, n in (("step_a", 130), ("step_b", 260), ("step_c", 130)):
        equal(calls_of(report, name), n, f"calls of {name}")
    equal(calls_of(report, "hold_h"), 0, "calls of what was in progress")
    equal(report["lost"]["spans"], 1, "it counts as lost")
    between(1e9, report["paused_ns"], 20e9, "the pause")
    check(any("paused on request, 1 time" in n for n in report["notes"]), "it is told")
    traced = report["duration_ns"] - report["paused_ns"]
    row = target(report, w.pid)
    between(0, row["cpu_ns"] + row["runq_ns"] + row["blocked_ns"], 2.02 * traced + 2e7, "times of the two threads")
    between(0, report["stacks"]["offcpu"]["total_ns"], 2.02 * traced + 2e7, "their time off CPU")
    equal(row["threads"], 2, "threads")
    for p in report["paths"]:
        between(0, p["max_ns"], 1e9, f"longest call of {p['path']}")


@case
def who_is_born_in_a_pause_is_traced_after_it(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "step_c", "-p", w.pid)
    do(w, "run 10")
    ctl(t, tracer, "pause")
    do(w, "fork")
    do(w, "child 1000")
    ctl(t, tracer, "resume")
    child = do(w, "child 7")["child"]
    do(w, "run 4")
    report = tracer.stop()
    equal(calls_of(report, "step_c"), 10 + 7 + 4, "calls, the child's too")
    check(any(x["pid"] == child for x in report["targets"]), "the child is a target")
    nothing_lost(report)


@case
def a_trace_ends_well_while_it_is_paused(t):
    w = t.workload("steps")
    tracer = t.trace("-t", "step_c", "-p", w.pid)
    do(w, "run 10")
    ctl(t, tracer, "pause")
    do(w, "run 10")
    time.sleep(0.3)
    report = tracer.stop()
    equal(calls_of(report, "step_c"), 10, "calls before the pause")
    check(report["paused_ns"] >= 0.25e9, "the pause lasts to the end")
    nothing_lost(report)


@case
def goroutines_are_paused_too(t):
    w = t.workload("goserver")

    def requests(n):
        for _ in range(n):
            with urllib.request.urlopen(f"http://127.0.0.1:{w.ready[1]}/work", timeout=10) as answer:
                answer.read()

    tracer = t.trace(*ONLY_SPANS, "-t", "main.computePrice,main.(\\*shop).handleWork,main.growStack", "-p", w.pid)
    requests(20)
    ctl(t, tracer, "pause")
    requests(50)
    ctl(t, tracer, "resume")
    requests(7)
    ctl(t, tracer, "snapshot", "-o", "go.json")
    requests(3)
    snapshot, report = json.loads((t.dir / "go.json").read_text()), tracer.stop()
    equal(calls_of(snapshot, "main.computePrice"), 27, "calls of main.computePrice in the snapshot")
    equal(calls_of(report, "main.computePrice"), 30, "calls of main.computePrice")
    check(calls_of(report, "main.growStack") >= 30 * 65, "calls of main.growStack, whose stack moves meanwhile")


# Snapshots


@case
def a_snapshot_has_what_was_recorded_so_far(t):
    w = t.workload("steps")
    tracer = t.trace("-t", "step_*,hold_h", "-p", w.pid)
    do(w, "run 100")
    do(w, "hold")
    time.sleep(0.5)
    ctl(t, tracer, "snapshot", "-o", "first.json")
    first = json.loads((t.dir / "first.json").read_text())
    for name, n in (("step_a", 100), ("step_b", 200), ("step_c", 100), ("hold_h", 0)):
        equal(calls_of(first, name), n, f"calls of {name} in the snapshot")
    equal(path(first, "hold_h")["open"], 1, "calls in progress")
    check(any("a snapshot" in n for n in first["notes"]), "it says what it is")
    row = target(first, w.pid)
    between(0.5 * first["duration_ns"], row["blocked_ns"] / 2, 1.05 * first["duration_ns"], "waits that last are in it")
    check(first["stacks"]["offcpu"]["total_ns"] > 0.5 * first["duration_ns"], "with their stacks")
    do(w, "release")
    do(w, "run 20")
    report = tracer.stop()
    nothing_lost(report)
    nothing_lost(first)
    for name, n in (("step_a", 120), ("step_b", 240), ("step_c", 120), ("hold_h", 1)):
        equal(calls_of(report, name), n, f"calls of {name} at the end")
    equal(path(report, "hold_h")["open"], 0, "calls in progress at the end")
    later = target(report, w.pid)
    for key in ("cpu_ns", "runq_ns", "blocked_ns", "threads"):
        check(later[key] >= row[key], f"{key} of a later report: {later[key]}, of the snapshot: {row[key]}")
    equal(later["threads"], 2, "nobody is counted twice")
    check(report["stacks"]["offcpu"]["total_ns"] >= first["stacks"]["offcpu"]["total_ns"], "off-CPU time of a later report")
    for name, syscall in {s["name"]: s for s in first["syscalls"]}.items():
        after = next(s for s in report["syscalls"] if s["name"] == name)
        check(after["calls"] >= syscall["calls"], f"calls of {name}")


@case
def snapshots_come_in_every_format(t):
    w = t.workload("steps")
    tracer = t.trace("-t", "step_*", "-p", w.pid)
    do(w, "run 100")
    for suffix in (".txt", ".json", ".folded", ".html", ".svg", ".csv", ".pb.gz", ".pftrace", ".trace.json"):
        ctl(t, tracer, "snapshot", "-o", f"x{suffix}")
        check((t.dir / f"x{suffix}").stat().st_size > 50 or suffix == ".folded", f"there is something in x{suffix}")
    check((t.dir / "x.offcpu.folded").exists(), "the second file of folded stacks")
    contains(ctl(t, tracer, "snapshot", "-o", "-").stdout, "Where it waits", "a snapshot on standard output")
    contains(ctl(t, tracer, "snapshot", "-o", "-", "--format", "csv").stdout, "step_b", "one in another format")
    contains(ctl(t, tracer, "snapshot", "-o", "x.what", want=2).stderr, "suffix", "a suffix that says nothing")
    contains(ctl(t, tracer, "snapshot", "-o", "/nowhere/x.txt", want=1).stderr, "No such file", "a file that cannot be")
    ctl(t, tracer, "snapshot", want=2)
    check(not list(t.dir.glob("*.part")), "no half files are left")
    equal(calls_of(tracer.stop(), "step_c"), 100, "calls of step_c")


@case
def who_does_not_read_a_snapshot_holds_up_nobody(t):
    w = t.workload("steps")
    tracer = t.trace("-t", "step_*", "-p", w.pid)
    do(w, "run 100")
    fifo = t.file("fifo")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, 1031, 4096)  # F_SETPIPE_SZ: a report does not fit
    asks = t.spawn([PATHBPF, "ctl", tracer.pid, "snapshot", "-o", fifo, "--format", "html"], stderr=subprocess.PIPE)
    time.sleep(1)
    equal(listed(t, tracer)["step_c"]["calls"], 100, "the trace answers meanwhile")
    contains(ctl(t, tracer, "snapshot", "-o", "x.txt", want=1).stderr, "another snapshot", "a second one")
    contains(ctl(t, tracer, "pause", want=1).stderr, "snapshot is being written", "a pause")
    check(not (t.dir / "x.txt").exists(), "nothing is left of what was refused")
    truth = do(w, "run 20")
    report = tracer.stop()  # it waits some seconds for the reader, not for ever
    equal(calls_of(report, "step_c"), truth["step_c"], "calls of step_c")
    equal(asks.wait(10), 1, "exit status of whoever asked")
    os.close(reader)


# Others


@case
def other_users_are_refused(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "step_*", "-p", w.pid)
    need_program("setpriv")
    other = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    binary = t.file("pathbpf")
    pathlib.Path(binary).write_bytes(pathlib.Path(PATHBPF).read_bytes())
    os.chmod(binary, 0o755)
    done = t.run(*other, binary, "ps", "--format", "json")
    equal(json.loads(done.stdout), [], "traces that another user sees")
    done = t.run(*other, binary, "ctl", tracer.pid, "emergency-stop")
    equal(done.returncode, 1, "exit status of another user's ctl")
    # Even where the file's mode would let him in, the kernel tells who he is.
    mode = RUN_DIR.stat().st_mode & 0o777
    RUN_DIR.chmod(0o711)
    t.defer(RUN_DIR.chmod, mode)
    socket_of(tracer).chmod(0o666)
    code = (
        "import socket,sys\n"
        "s=socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])\n"
        "try: s.sendall(b'{\"pathbpf\":1,\"do\":\"emergency-stop\"}\\n')\n"
        "except OSError: pass\n"  # it was refused before it had said anything
        "print(s.recv(4096).decode())"
    )
    done = t.run(*other, "python3", "-c", code, socket_of(tracer))
    contains(done.stdout, "another user's", "what another user is told")
    truth = do(w, "run 9")
    equal(calls_of(tracer.stop(), "step_c"), truth["step_c"], "calls of step_c: the trace went on")


@case
def two_traces_of_one_target_know_of_each_other(t):
    w = t.workload("spans", "-t", 1, "-l", 1)
    one = t.trace(*ONLY_SPANS, "-t", "leaf_c", "-p", w.pid)
    two = t.trace("-p", w.pid)

    def both():
        rows = ps(t)
        return all(rows[x.pid]["others"] == 1 and (rows[x.pid]["others_pct"] or 0) > 0 for x in (one, two))

    wait_until(both, "each knows of the other, and what it costs", 20)
    contains(ctl(t, two, "list").stdout, "Other traces of these targets: 1", "list tells it")
    stranger = t.workload("steps")
    three = t.trace(*ONLY_SPANS, "-t", "step_c", "-p", stranger.pid)
    time.sleep(2.5)
    equal(ps(t)[three.pid]["others"], 0, "others of a trace of another process")
    for x in (one, two, three):
        report = x.stop()
        told = any("other traces of these targets" in n for n in report["notes"])
        equal(told, x is not three, "the report tells it")
    w.go()
    w.say("end")
    w.truth()


@case
def a_stuck_trace_holds_up_no_other(t):
    w = t.workload("steps")
    stuck = t.trace(*ONLY_SPANS, "-t", "step_c", "-p", w.pid)
    stuck.send(signal.SIGSTOP)
    t.defer(stuck.send, signal.SIGCONT)
    tracer = t.trace(*ONLY_SPANS, "-t", "step_a", "-p", w.pid)
    time.sleep(3)
    start = time.monotonic()
    equal(listed(t, tracer)["step_a"]["calls"], 0, "it answers")
    between(0, time.monotonic() - start, 3, "s, that it took")
    start = time.monotonic()
    contains(t.pathbpf("ps").stderr, f"trace {stuck.pid}: it does not answer", "ps of a stuck trace")
    between(0, time.monotonic() - start, 5, "s, that ps took")
    equal(calls_of(tracer.stop(), "step_a"), do(w, "run 0")["step_a"], "calls of step_a")
    stuck.send(signal.SIGCONT)
    stuck.stop()


@case
def limits_are_shown_and_set(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "step_c", "--max-overhead", 100, "-p", w.pid)
    equal(ctl(t, tracer, "limits").stdout, "max-overhead=100%\nduration=off\n", "limits")
    contains(ctl(t, tracer, "limits", "max-overhead=3.5").stdout, "max-overhead=3.5%", "a limit that was set")
    contains(ctl(t, tracer, "limits", "max-overhead=300", want=1).stderr, "0 to 100", "one out of bounds")
    contains(ctl(t, tracer, "limits", "nothing=3", want=1).stderr, "no limit 'nothing'", "one that is not there")
    ctl(t, tracer, "limits", "nothing", want=2)
    equal(ctl(t, tracer, "limits").stdout, "max-overhead=3.5%\nduration=off\n", "after what was refused")
    ctl(t, tracer, "limits", "duration=1")
    tracer.wait()
    equal(tracer.report()["overhead"]["budget_pct"], 3.5, "the budget in the report")


@case
def hostile_peers_are_of_no_consequence(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "step_c", "-p", w.pid)
    path = socket_of(tracer)
    for data, part in (
        (b"\n", "no JSON object"),
        (b"\0\xff\xfe\n", "no JSON object"),
        (b"[1]\n", "no JSON object"),
        (b"{}\n", "no message of pathbpf's"),
        (b'{"pathbpf":2,"do":"list"}\n', "version 2"),
        (b'{"pathbpf":1}\n', "nothing that this version can do"),
        (b'{"pathbpf":1,"do":"dance"}\n', "nothing that this version can do"),
        (b'{"pathbpf":1,"do":"add"}\n', "text is missing"),
        (b'{"pathbpf":1,"do":"add","text":"' + b"x" * 9000 + b'"}\n', "too long"),
        (b'{"pathbpf":1,"do":"limits","settings":[1]}\n', "settings are wrong"),
        (b'{"pathbpf":1,"do":"snapshot","text":"json"}\n', "no file"),
        (b"[" * 60000 + b"\n", "no JSON object"),
        (b"x" * 100000, "too long"),
    ):
        try:
            contains(say(path, data)["error"], part, f"what is said to {data[:40]!r}")
        except BrokenPipeError:
            check(len(data) > 65536, "it hung up on something short")
    silent = []
    for _ in range(60):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(str(path))
        except BlockingIOError:
            pass
        silent.append(s)
    start = time.monotonic()
    truth = do(w, "run 1000")
    equal(listed(t, tracer)["step_c"]["calls"], truth["step_c"], "calls of step_c")
    between(0, time.monotonic() - start, 8, "s, that an answer took beside sixty who are silent")
    # One that asks and does not read.
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(b'{"pathbpf":1,"do":"list"}\n')
        equal(listed(t, tracer)["step_c"]["calls"], truth["step_c"], "another one's answer")
    for s in silent:
        s.close()
    report = tracer.stop()
    nothing_lost(report)
    equal(calls_of(report, "step_c"), truth["step_c"], "calls of step_c")


# The end


@case
def stop_is_as_ctrl_c(t):
    w = t.workload("steps")
    tracer = t.trace(*ONLY_SPANS, "-t", "step_c", "-p", w.pid)
    truth = do(w, "run 11")
    contains(ctl(t, tracer, "stop").stdout, "has ended", "stop")
    equal(tracer.process.poll(), 0, "it has ended when ctl says so: exit status")
    equal(calls_of(tracer.report(), "step_c"), truth["step_c"], "calls of step_c")
    tracer = t.trace(*ONLY_SPANS, "-t", "sleep*", "--", "sleep", 60)
    ctl(t, tracer, "stop")
    tracer.wait(130)  # the command's own end, by SIGINT
    one = t.trace(*ONLY_SPANS, "-t", "step_c", "-p", w.pid)
    two = t.trace(*ONLY_SPANS, "-t", "step_a", "-p", w.pid)
    # Not "all": other cases, and people, may trace on this machine.
    for x in (one, two):
        ctl(t, x, "stop")
        x.wait()
    do(w, "run 1")


def emergency(t, glob, n, how):
    """An emergency stop of n functions."""
    w = t.workload("bench/watch")
    tracer = t.trace(*ONLY_SPANS, "--max-overhead", 100, "-t", glob, "-p", w.pid)
    equal(len([x for x in listed(t, tracer).values() if x["state"] == "probed"]), min(n, 2000), "functions that are probed")
    wait_until(lambda: sum(x["calls"] for x in listed(t, tracer).values()) > 0, "there are calls to be counted")
    start = time.monotonic()
    if how == "ctl":
        said = ctl(t, tracer, "emergency-stop").stdout
        contains(said, "all programs are inert", "what ctl says")
        took = time.monotonic() - start
    else:
        tracer.send(signal.SIGUSR2)
        wait_until(lambda: not os.path.exists(f"/proc/{tracer.pid}/fd") or not probes_of(tracer.pid), "its probes are gone", 20)
        took = time.monotonic() - start
    tracer.wait()
    report = tracer.report()
    note = [x for x in report["notes"] if "emergency stop" in x]
    check(note, "the report tells of it")
    contains(note[0], "SIGUSR2" if how != "ctl" else "pathbpf ctl", "who asked")
    ms = float(note[0].split(" in ")[-1].split()[0])
    t.remark(f"{n} functions by {how}: {ms:.0f} ms, seen from outside {1000 * took:.0f} ms")
    between(0, ms, 10000, "ms, that it took")
    check(sum(x["calls"] for x in report["nodes"]) > 0, "what was recorded before is in the report")
    equal(report["overhead"]["budget_pct"], 100, "budget")
    w.say("end")
    equal(w.process.wait(20), 0, "exit status of the target")


@case
def emergency_stop_of_1000_functions_by_ctl(t):
    emergency(t, "fn_0*", 1000, "ctl")


@case
def emergency_stop_of_1000_functions_by_signal(t):
    emergency(t, "fn_0*", 1000, "SIGUSR2")


@case
def emergency_stop_of_10000_functions_by_ctl(t):
    emergency(t, "fn_*", 10000, "ctl")


@case
def emergency_stop_of_10000_functions_by_signal(t):
    emergency(t, "fn_*", 10000, "SIGUSR2")


class Hung:
    """A trace whose main loop hangs: it writes to standard error, which is a pipe that is full."""

    def __init__(self, t, w):
        self.read_end, write_end = os.pipe()
        t.defer(os.close, self.read_end)
        self.tracer = t.trace(*ONLY_SPANS, "-v", "-t", "step_c", "-p", w.pid, stderr=write_end)
        self.truth = do(w, "run 10")
        os.set_blocking(write_end, False)
        try:
            while True:
                os.write(write_end, b"x" * 512)
        except BlockingIOError:
            pass
        os.set_blocking(write_end, True)
        os.close(write_end)
        # A request that the main loop tells of, with -v.
        self.asks = t.spawn([PATHBPF, "ctl", self.tracer.pid, "add", "step_a"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.5)
        check(ps(t)[self.tracer.pid]["turn_ns"] > 1e9, "its main loop hangs")

    def go_on(self):
        while os.read(self.read_end, 65536).strip(b"x") == b"":
            pass

    def check_gone(self, w):
        equal(probes_of(self.tracer.pid), 0, "probes that are left")
        do(w, "run 1000")  # must not be seen


@case
def emergency_stop_while_the_main_loop_hangs(t):
    for how in ("ctl", "SIGUSR2"):
        w = t.workload("steps")
        hung = Hung(t, w)
        if how == "ctl":
            contains(ctl(t, hung.tracer, "emergency-stop").stdout, "inert", "what ctl says")
        else:
            hung.tracer.send(signal.SIGUSR2)
            wait_until(lambda: not probes_of(hung.tracer.pid), "its probes are gone")
        hung.check_gone(w)
        hung.go_on()
        hung.tracer.wait()
        report = hung.tracer.report()
        equal(calls_of(report, "step_c"), hung.truth["step_c"], "calls before the stop")
        equal(calls_of(report, "step_a"), 0, "calls after it")


@case
def a_hung_main_loop_is_noticed(t):
    w = t.workload("steps")
    hung = Hung(t, w)
    wait_until(lambda: not probes_of(hung.tracer.pid), "the watchdog removes the probes", 30)
    hung.check_gone(w)
    hung.go_on()
    hung.tracer.wait(1)
    report = hung.tracer.report()
    equal(calls_of(report, "step_c"), hung.truth["step_c"], "calls before")
    check(any("main loop does not run" in n for n in report["notes"]), "the report tells why")


@case
def a_main_loop_that_never_comes_back_ends_the_program(t):
    w = t.workload("steps")
    hung = Hung(t, w)
    hung.tracer.send(signal.SIGUSR2)
    wait_until(lambda: not probes_of(hung.tracer.pid), "its probes are gone")
    equal(hung.tracer.process.wait(90), 1, "exit status")
    do(w, "run 1")


@case
def an_emergency_stop_during_the_start_is_one_too(t):
    w = t.workload("bench/watch")
    tracer = t.trace(*ONLY_SPANS, "--max-overhead", 100, "-t", "fn_*", "-p", w.pid, ready=False)
    wait_until(lambda: socket_of(tracer).exists(), "there is a socket")
    tracer.send(signal.SIGUSR2)
    tracer.wait()
    check(any("emergency stop" in n for n in tracer.report()["notes"]), "the report tells of it")
    w.say("end")
    equal(w.process.wait(20), 0, "exit status of the target")
