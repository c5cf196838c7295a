# SPDX-License-Identifier: GPL-2.0-only
"""Objects that are loaded at run time: their lives, and what they do."""
import re
import subprocess
import sys
import time

from harness import *
from plugins import *
from services import *


def plughost_run(t, mode, *args, options=("--max-overhead", 100)):
    w = t.workload("plughost", mode, *args)
    tracer = t.trace(*options, "-p", w.pid)
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    return truth, report


@case
def a_plugin_is_loaded_called_and_unloaded(t):
    truth, report = plughost_run(t, "calls", "-n", 50)
    p = plugin(report, "plug.so")
    equal((p["loads"], p["unloads"], p["load_errors"], p["state"]), (1, 1, 0, "unloaded"), "life")
    check(p["constructors_ns"] > 2_500_000, f"constructors sleep for 3 ms: {p['constructors_ns']}")
    check(p["destructors_ns"] > 2_500_000, f"destructors sleep for 3 ms: {p['destructors_ns']}")
    seen(p, p["executions"], truth["executions"], "executions")
    seen(p, p["errors"], truth["errors"], "errors")
    seen(p, p["exceptions"], truth["exceptions"], "exceptions")
    equal(p["in_flight"], 0, "in flight")
    [load] = events(report, "plugin_load", "plug.so")
    check(load["duration_ns"] >= p["constructors_ns"], "a load takes longer than its constructors")
    equal(len(events(report, "plugin_unload", "plug.so")), 1, "unloads told")
    nothing_lost(report)
    t.remark(f"waited {p['waited_ns'] / 1e6:.1f} ms, gap {p['gap_ns'] / 1e6:.1f} ms")


@case
def every_failed_load_is_told_once_in_the_loaders_words(t):
    truth, report = plughost_run(t, "fail")
    told = [e["error"] for e in events(report, "plugin_error")]
    equal(told, truth["errors"], "errors")
    equal(sum(p["load_errors"] for p in report["plugins"]), 4, "load errors")
    equal([p["loads"] for p in report["plugins"]], [0] * 4, "loads")


@case
def references_are_told_from_loads(t):
    truth, report = plughost_run(t, "refs")
    p = plugin(report, "plug.so")
    for key in ("loads", "unloads", "reopens", "closes"):
        equal(p[key], truth[key], key)


@case
def two_generations_under_one_name(t):
    for in_place in (0, 1):
        truth, report = plughost_run(t, "reload", "-i", in_place)
        first, second = plugin(report, "changing.so"), plugin(report, "changing.so#2")
        check(first["build_id"] != second["build_id"], "build IDs differ")
        for p, n in ((first, truth["calls"][0]), (second, truth["calls"][1])):
            equal((p["loads"], p["unloads"]), (1, 1), "loads and unloads of a generation")
            seen(p, p["executions"], n, f"executions of {p['id']}")


@case
def a_crash_is_the_plugins(t):
    truth, report = plughost_run(t, "crash")
    p = plugin(report, "plug.so")
    equal(p["loads"], 1, "loads in the child")
    if not p["gap_ns"]:
        equal(p["crashes"], 1, "crashes")
        errors = [e for e in events(report, "plugin_error", "plug.so") if e["pid"] == truth["pid"]]
        equal([e["error"] for e in errors], ["signal SIGSEGV"], "errors")


@case
def loads_in_a_child(t):
    truth, report = plughost_run(t, "fork", "-n", 30)
    p = plugin(report, "plug.so")
    equal((p["loads"], p["unloads"]), (1, 0), "loads and unloads: its end is none")
    seen(p, p["executions"], truth["executions"], "executions in the child")


@case
def what_is_inside_at_the_end_is_in_flight(t):
    truth, report = plughost_run(t, "stay")
    p = plugin(report, "plug.so")
    equal(p["state"], "loaded", "state")
    seen(p, p["in_flight"], truth["in_flight"], "in flight")


@case
def plugins_that_were_there_before(t):
    w = t.workload("plughost", "stay")
    w.go()
    w.truth()
    tracer = t.trace("-p", w.pid)
    report = tracer.stop()
    w.end()
    p = plugin(report, "plug.so")
    equal((p["at_attach"], p["loads"], p["state"]), (True, 0, "loaded"), "found at attach")
    equal([x["id"] for x in report["plugins"]], ["plug.so"], "nothing of the program is a plugin")


@case
def without_plugins(t):
    _, report = plughost_run(t, "refs", options=("--no-plugins",))
    check("plugins" not in report, "plugins in a report without")


class RedisWithModules(Redis):
    def start(self):
        self.socket = self.t.file("redis.sock")
        self.spawn(
            [need_program("redis-server"), "--port", 0, "--unixsocket", self.socket, "--dir", self.t.dir]
            + ["--save", "", "--enable-module-command", "yes"]
        )


@case
def a_module_of_redis(t):
    redis = RedisWithModules(t)
    cli = need_program("redis-cli")

    def say(*words):
        return t.run(cli, "-s", redis.socket, *words).stdout.strip()

    module = need_workload("redismodule.so")
    tracer = t.trace("--max-overhead", 100, "-p", redis.process.pid)
    equal(say("module", "load", module), "OK", "MODULE LOAD")
    time.sleep(0.5)
    bench = [need_program("redis-benchmark"), "-s", redis.socket, "-n", 2000, "-c", 4, "-q"]
    t.run(*bench, "plug.echo", "7")
    contains(say("plug.echo"), "wrong number", "a wrong call")
    equal(say("module", "unload", "plug"), "OK", "MODULE UNLOAD")
    say("module", "load", "/nowhere/no.so")
    report = tracer.stop()
    p = plugin(report, "redismodule.so")
    equal((p["loads"], p["unloads"]), (1, 1), "loads and unloads")
    equal(calls_of(report, "echo_command"), 2001, "calls of the command")
    equal(len(events(report, "plugin_error", "no.so")), 1, "the failed load")
    nothing_lost(report)


@case
def extensions_of_python(t):
    script = t.file("imports.py")
    with open(script, "w") as f:
        f.write(
            "import sys\nprint('ready', flush=True)\nsys.stdin.readline()\n"
            "import _json, _decimal\n"
            "for i in range(100): _json.encode_basestring('x')\n"
            "print('{}', flush=True)\nsys.stdin.readline()\n"
        )
    w = Workload(t, [sys.executable, "-S", script])
    tracer = t.trace("--max-overhead", 100, "-p", w.pid)
    w.go()
    w.truth()
    report = tracer.stop()
    w.end()
    loaded = [p for p in report["plugins"] if p["loads"] and re.match(r"_(json|decimal)\.", p["id"])]
    equal(len(loaded), 2, "extensions that were imported")
    for p in loaded:
        check(p["executions"] >= 1 or p["gap_ns"], f"{p['id']} was entered")


@case
def extensions_of_postgres(t):
    """A backend loads one at its client's word, and its functions run in the backend."""
    postgres = Postgres(t)
    psql = [f"{postgres.bin}/psql", "-h", postgres.home, "-qtAX", "postgres"]
    out = open(t.file("psql.out"), "wb")
    session = t.spawn(psql, stdin=subprocess.PIPE, stdout=out, stderr=out, **postgres.identity())

    def say(line):
        session.stdin.write(line.encode() + b"\n")
        session.stdin.flush()

    say("select pg_backend_pid();")
    text = wait_until(lambda: open(t.file("psql.out")).read().strip(), "the backend's PID")
    tracer = t.trace("--max-overhead", 100, "-p", int(text.split()[0]))
    say("load 'auto_explain';")
    say("load '/nowhere/no.so';")
    for _ in range(20):
        say("select 1;")
    say("select 'done';")
    wait_until(lambda: "done" in open(t.file("psql.out")).read(), "the backend's answer")
    report = tracer.stop()
    session.stdin.close()
    session.wait(20)
    p = plugin(report, "auto_explain.so")
    equal((p["loads"], p["state"]), (1, "loaded"), "the load")
    check(p["executions"] >= 20, f"hooks of the executor ran: {p['executions']}")
