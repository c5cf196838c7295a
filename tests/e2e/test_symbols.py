# SPDX-License-Identifier: GPL-2.0-only
"""Names of native code: inlined functions and lines, files that are gone, debug files that only a
server has."""
import http.server
import os
import shutil
import socket
import subprocess
import threading
import time

from harness import *

OPTIONS = ("--no-offcpu", "--no-syscalls", "-F", 499)


def build_id(path):
    notes = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=True)
    return next(l.split()[-1] for l in notes.stdout.splitlines() if "Build ID" in l)


def stripped(t, name):
    """A stripped copy of a workload, and its debug file."""
    need_program("objcopy")
    program, debug = t.file(name), t.file(f"{name}.debug")
    subprocess.run(["objcopy", "--strip-all", need_workload(name), program], check=True)
    subprocess.run(["objcopy", "--only-keep-debug", need_workload(name), debug], check=True)
    os.chmod(program, 0o755)
    return program, debug


def trace_workload(t, program, env=None, gone=False):
    """Traces a run of `inlined`: the report, what the tracer said, the program's truth."""
    w = Workload(t, [program, "-s", "600"])
    tracer = t.trace(*OPTIONS, "-p", w.pid, env={**os.environ, "DEBUGINFOD_URLS": "", **(env or {})})
    if gone:
        os.unlink(program)
    w.go()
    truth = w.truth()
    w.end()
    report = tracer.wait().report()
    return report, tracer.stderr(), truth


def share(report, *frames):
    """Of the samples of user code, those in stacks that end with these frames."""
    user = [(s.split(";"), n) for s, n in folded(report, "cpu") if not s.endswith("_[k]")]
    all_of_them = sum(n for _, n in user)
    check(all_of_them > 100, f"samples of user code: {all_of_them}")
    return sum(n for s, n in user if s[-len(frames) :] == list(frames)) / all_of_them


def named(report):
    return share(report, "order", "price_[i]", "tax_[i]")


@case
def inlined_functions_are_frames_of_their_own(t):
    report, _, truth = trace_workload(t, need_workload("inlined"))
    between(0.97, named(report), 1, "share of order; price_[i]; tax_[i]")
    hottest = max(report["stacks"]["cpu"]["lines"], key=lambda x: x["self"])
    check(hottest["file"].endswith("/tests/workload/inlined.c"), f"file of {hottest}")
    equal(hottest["line"], truth["loop"], f"line of {hottest}")


@case
def without_debug_information_there_are_no_wrong_names(t):
    program, _ = stripped(t, "inlined")
    report, _, _ = trace_workload(t, program)
    for stack, _ in folded(report, "cpu"):
        for name in ("order", "price", "tax", "main"):
            check(name not in bare_frames(stack), f"{name} in {stack} of a stripped program")
    places = [f for s, _ in folded(report, "cpu") for f in bare_frames(s)]
    check(any(f.startswith("[inlined+0x") for f in places), "no place in the stripped program")


@case
def names_of_a_program_that_is_gone(t):
    """The file has no name any more while it is traced, and no process at the end."""
    program = t.file("short-lived")
    shutil.copy(need_workload("inlined"), program)
    report, _, _ = trace_workload(t, program, gone=True)
    between(0.97, named(report), 1, "share of order; price_[i]; tax_[i]")


class Server:
    """What debuginfod serves: /buildid/ID/debuginfo."""

    def __init__(self, t, files):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                path = files.get(self.path)
                self.send_response(200 if path else 404)
                body = pathlib.Path(path).read_bytes() if path else b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        thread.start()
        t.defer(thread.join, 5)
        t.defer(self.http.shutdown)

    def env(self, t):
        return {"DEBUGINFOD_URLS": self.url, "DEBUGINFOD_CACHE_PATH": t.file("cache")}


def need_debuginfod():
    found = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin"})
    if "libdebuginfod.so.1" not in found.stdout:
        raise Skip("libdebuginfod is not installed")


@case
def names_come_from_a_debuginfod_server(t):
    need_debuginfod()
    program, debug = stripped(t, "inlined")
    path = f"/buildid/{build_id(program)}/debuginfo"
    server = Server(t, {path: debug})
    report, errors, _ = trace_workload(t, program, server.env(t))
    between(0.97, named(report), 1, "share of order; price_[i]; tax_[i]")
    equal(server.asked.count(path), 1, "questions for the program")
    check("debuginfod" not in errors, errors)
    # Once more: from the library's cache.
    report, _, _ = trace_workload(t, program, server.env(t))
    between(0.97, named(report), 1, "share of order; price_[i]; tax_[i], from the cache")
    equal(server.asked.count(path), 1, "questions for the program")


@case
def no_server_is_asked_without_the_variable(t):
    need_debuginfod()
    program, debug = stripped(t, "inlined")
    server = Server(t, {f"/buildid/{build_id(program)}/debuginfo": debug})
    report, _, _ = trace_workload(t, program, {"DEBUGINFOD_CACHE_PATH": t.file("cache")})
    equal(server.asked, [], "questions")
    equal(named(report), 0, "share of names that only the server knows")
    check(not os.path.exists(t.file("cache")), "a cache was made")


@case
def a_wrong_file_of_a_server_gives_no_names(t):
    need_debuginfod()
    program, _ = stripped(t, "inlined")
    server = Server(t, {f"/buildid/{build_id(program)}/debuginfo": need_workload("busy")})
    report, _, _ = trace_workload(t, program, server.env(t))
    check(server.asked, "no question")
    frames = {f for s, _ in folded(report, "cpu") for f in bare_frames(s)}
    for name in ("order", "main", "worker_run", "spin_heavy", "slice_ns"):
        check(name not in frames, f"{name} among {frames}")


@case
def a_server_that_does_not_answer_is_given_up(t):
    need_debuginfod()
    program, _ = stripped(t, "inlined")
    deaf = socket.create_server(("127.0.0.1", 0))
    t.defer(deaf.close)
    env = {
        "DEBUGINFOD_URLS": f"http://127.0.0.1:{deaf.getsockname()[1]}",
        "DEBUGINFOD_CACHE_PATH": t.file("cache"),
    }
    start = time.monotonic()
    report, _, _ = trace_workload(t, program, env)
    between(0, time.monotonic() - start, 15, "seconds with a deaf server")
    equal(len([n for n in report["notes"] if "debuginfod" in n]), 1, f"notes about it among {report['notes']}")


@case
def a_server_that_is_not_there_is_one_note(t):
    need_debuginfod()
    program, _ = stripped(t, "inlined")
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    env = {"DEBUGINFOD_URLS": f"http://127.0.0.1:{port}", "DEBUGINFOD_CACHE_PATH": t.file("cache")}
    report, _, _ = trace_workload(t, program, env)
    equal(len([n for n in report["notes"] if "debuginfod" in n]), 1, f"notes about it among {report['notes']}")
