# SPDX-License-Identifier: GPL-2.0-only
"""What the end-to-end cases stand on: a case gets a `Case`, by which it starts workloads and
pathbpf, reads what they say, and compares. Everything has a time limit, every process that a case
started is gone when it ends, and every file lies in the case's own folder."""
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATHBPF = os.environ.get("PATHBPF", str(ROOT / "pathbpf"))
WORKLOADS = pathlib.Path(os.environ.get("WORKLOADS", ROOT / ".output/workload"))
SOURCES = ROOT / "tests/workload"

# What steers the tests. Kept from pathbpf, for which PATHBPF_* are options, like this machine's file.
SETTINGS = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PATHBPF_")}
os.environ["PATHBPF_CONFIG"] = "none"
# Exact figures, of what a case asks for alone. Cases of the budget and of paths that are found by
# themselves say otherwise by flags, which win.
os.environ["PATHBPF_MAX_OVERHEAD"] = "100"
os.environ["PATHBPF_TRACE"] = "none"

READY_TIMEOUT = 30  # s, until every probe is live
STOP_TIMEOUT = 60  # s, from the end of the trace to the last byte of the report

CASES = []  # (name, function), in the order of definition


class Skip(Exception):
    """This machine lacks what the case needs."""


class Failure(Exception):
    """What was seen is not what had to be."""


def case(function):
    """Makes a function a case; its name is FILE.FUNCTION without test_."""
    module = function.__module__.removeprefix("test_")
    CASES.append((f"{module}.{function.__name__}", function))
    return function


# Comparing: each says what differs.


def check(condition, what):
    if not condition:
        raise Failure(what)


def equal(got, want, what):
    check(got == want, f"{what}: {got!r}, should be {want!r}")


def between(low, got, high, what):
    check(got is not None and low <= got <= high, f"{what}: {got}, should be {low} to {high}")


def near(got, want, share, what):
    """Equal up to a share of what is wanted."""
    check(
        got is not None and abs(got - want) <= abs(want) * share,
        f"{what}: {got}, should be {want} within {100 * share:g} % ({got / want - 1:+.2%})"
        if got is not None and want
        else f"{what}: {got}, should be {want}",
    )


def contains(text, part, what):
    check(part in text, f"{what}: {part!r} is not in {text[-2000:]!r}")


# Programs and features of this machine.


def need_program(name):
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def need_workload(name):
    path = WORKLOADS / name
    if not path.exists():
        raise Skip(f"workload {name} was not built")
    return str(path)


# /proc


def schedstat(pid, tid):
    """(time on CPU, time runnable but waiting) of a thread, in ns; exact while it sleeps."""
    with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
        run, wait, _ = f.read().split()
    return int(run), int(wait)


def threads(pid):
    return [int(t) for t in os.listdir(f"/proc/{pid}/task")]


def schedstats(pid):
    return {tid: schedstat(pid, tid) for tid in threads(pid)}


def process_state(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return None


def wait_until(condition, what, timeout=10.0):
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, f"{what}: not within {timeout} s")
        time.sleep(0.02)


class Workload:
    """A program that speaks the protocol of tests/workload/common.h."""

    def __init__(self, t, argv, **kwargs):
        self.what = pathlib.Path(argv[0]).name
        self.errors = t.file(f"{self.what}.stderr")
        self.process = t.spawn(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.errors, "wb"), **kwargs
        )
        self.pid = self.process.pid
        self.pending = b""
        self.ready = self.line(20).split()
        equal(self.ready[:1], ["ready"], f"first word of {self.what}")

    def line(self, timeout):
        end = time.monotonic() + timeout
        out = self.process.stdout.fileno()
        while b"\n" not in self.pending:
            left = end - time.monotonic()
            check(left > 0, f"{self.what} said nothing within {timeout} s")
            if select.select([out], [], [], left)[0]:
                data = os.read(out, 65536)
                check(data, f"{self.what} died: {self.error_text()}")
                self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode()

    def error_text(self):
        status = self.process.poll()
        return f"status {status}, {pathlib.Path(self.errors).read_text(errors='replace')[-1000:]!r}"

    def say(self, word):
        self.process.stdin.write(word.encode() + b"\n")
        self.process.stdin.flush()

    def go(self):
        self.say("go")

    def truth(self, timeout=60):
        return json.loads(self.line(timeout))

    def end(self, want=0, timeout=20):
        """Lets it exit: a target that was traced must end as if it had not been."""
        check(self.process.poll() is None, f"{self.what} died early: {self.error_text()}")
        self.say("end")
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.what} does not end") from None
        equal(status, want, f"exit status of {self.what} ({self.error_text()})")


class Tracer:
    """A running pathbpf. Its JSON report is read by report()."""

    def __init__(self, t, args, ready=True, json_report=True, prefix=(), **kwargs):
        self.t = t
        number = len(t.tracers)
        t.tracers.append(self)
        self.json_path = t.file(f"report{number}.json")
        self.out_path, self.err_path = t.file(f"out{number}"), t.file(f"err{number}")
        argv = [*prefix, PATHBPF]
        if json_report:
            argv += ["-o", self.json_path]
        read_end = write_end = None
        if ready:
            read_end, write_end = os.pipe()
            argv += ["--ready-fd", str(write_end)]
            kwargs["pass_fds"] = (write_end,)
        argv += [str(a) for a in args]
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", open(self.out_path, "wb"))
        kwargs.setdefault("stderr", open(self.err_path, "wb"))
        self.process = t.spawn(argv, **kwargs)
        self.pid = self.process.pid
        if ready:
            os.close(write_end)
            try:
                self.wait_ready(read_end)
            finally:
                os.close(read_end)

    def wait_ready(self, fd):
        got = b""
        end = time.monotonic() + READY_TIMEOUT
        while not got.endswith(b"\n"):
            left = end - time.monotonic()
            check(left > 0, f"pathbpf is not ready within {READY_TIMEOUT} s: {self.stderr()}")
            if select.select([fd], [], [], left)[0]:
                data = os.read(fd, 64)
                if not data:
                    self.process.wait(STOP_TIMEOUT)
                    raise Failure(f"pathbpf ended ({self.process.returncode}): {self.stderr()}")
                got += data
        equal(got, b"ready\n", "--ready-fd")

    def stderr(self):
        return pathlib.Path(self.err_path).read_text(errors="replace")

    def stdout(self):
        return pathlib.Path(self.out_path).read_text(errors="replace")

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, want=0, timeout=STOP_TIMEOUT):
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"pathbpf does not end: {self.stderr()}") from None
        equal(status, want, f"exit status of pathbpf ({self.stderr()[-1500:]!r})")
        return self

    def stop(self, number=signal.SIGINT, want=0):
        """Ends the trace as Ctrl-C does; the JSON report, if there is one."""
        check(self.process.poll() is None, f"pathbpf ended early: {self.stderr()}")
        self.send(number)
        self.wait(want)
        return self.report() if want == 0 else None

    def report(self):
        if not os.path.exists(self.json_path):
            return None
        with open(self.json_path) as f:
            return json.load(f)


class Case:
    def __init__(self, name):
        self.name = name
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"pathbpf-{name}-"))
        self.dir.chmod(0o755)
        self.processes, self.tracers, self.deferred = [], [], []
        self.remarks = []

    def file(self, name):
        return str(self.dir / name)

    def remark(self, text):
        """A figure worth seeing beside "ok"."""
        self.remarks.append(text)

    def spawn(self, argv, **kwargs):
        kwargs.setdefault("cwd", self.dir)
        process = subprocess.Popen([str(a) for a in argv], start_new_session=True, **kwargs)
        self.processes.append(process)
        return process

    def run(self, *argv, timeout=60, **kwargs):
        """Runs to its end; a CompletedProcess with text."""
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        process = self.spawn(argv, text=True, errors="replace", **kwargs)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{argv[0]} does not end within {timeout} s") from None
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def pathbpf(self, *args, want=0, timeout=60, **kwargs):
        """Runs pathbpf to its end and checks its exit status."""
        done = self.run(PATHBPF, *args, timeout=timeout, **kwargs)
        equal(done.returncode, want, f"exit status of pathbpf {' '.join(map(str, args))} ({done.stderr!r})")
        return done

    def workload(self, name, *args, **kwargs):
        return Workload(self, [need_workload(name), *map(str, args)], **kwargs)

    def trace(self, *args, **kwargs):
        return Tracer(self, args, **kwargs)

    def defer(self, function, *args):
        """Called when the case ends, last one first."""
        self.deferred.append((function, args))

    def done(self):
        for function, args in reversed(self.deferred):
            try:
                function(*args)
            except Exception as e:  # the other ones still have to run
                print(f"   {self.name}: cleaning up: {e}")
        for process in reversed(self.processes):
            self.kill(process)
        shutil.rmtree(self.dir, ignore_errors=True)

    @staticmethod
    def kill(process):
        """The process and whatever it left in its session's first group."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        for stream in (process.stdin, process.stdout, process.stderr):
            try:
                if stream:
                    stream.close()
            except OSError:
                pass


# Reading a report.


def paths(report):
    return {tuple(p["path"]): p for p in report.get("paths", [])}


def path(report, *names):
    found = paths(report).get(names)
    check(found, f"no path {' -> '.join(names)} among {sorted(paths(report))[:40]}")
    return found


def calls_of(report, name):
    """Finished calls of a node, over all paths."""
    return sum(n["calls"] for n in report["nodes"] if n["name"] == name)


def errors_of(report, name):
    return sum(p["errors"] for p in report["paths"] if p["path"][-1] == name)


def error_types_of(report, name):
    types = {}
    for p in report["paths"]:
        if p["path"][-1] == name:
            for kind, n in p["error_types"].items():
                types[kind] = types.get(kind, 0) + n
    return types


def folded(report, signal_name):
    return report["stacks"][signal_name]["folded"]


def weight(report, signal_name, frame):
    """Samples or microseconds of all stacks in which a frame stands (without its mark)."""
    return sum(n for stack, n in folded(report, signal_name) if frame in bare_frames(stack))


def bare_frames(stack):
    marks = ("_[k]", "_[i]", "_[p]")
    return [f[:-4] if f.endswith(marks) else f for f in stack.split(";")]


def target(report, pid):
    found = [x for x in report["targets"] if x["pid"] == pid]
    equal(len(found), 1, f"targets with PID {pid} among {[x['pid'] for x in report['targets']]}")
    return found[0]


def nothing_lost(report):
    equal({k: v for k, v in report["lost"].items() if v}, {}, "lost")
