# SPDX-License-Identifier: GPL-2.0-only
"""Paths that nobody named: a program with a known profile has them in the right order, and services
that other people wrote have those that their authors would recognise."""
import math
import os

import services
from harness import *

SECONDS = 4
HZ = 499


def sampled(report):
    return [p for p in report["paths"] if p["sampled"]]


def roots(report):
    return {p["path"][0] for p in report["paths"] if len(p["path"]) == 1}


def by_leaf(report, name):
    """The sum of all paths that end in a function, by key."""
    found = [p for p in report["paths"] if p["path"][-1].split(" (")[0] == name]
    return {key: sum(p.get(key, 0) for p in found) for key in ("total_ns", "cpu_ns", "offcpu_ns", "samples")}


def check_sums(report):
    """All time of the targets is under a root, idle, or attributed to none; each caller has its callees' time."""
    a = report["attributed"]
    equal(sum(i["total_ns"] for i in a["idle"]), a["idle_ns"], "sum of idle places")
    named = sum(a[k][part] for k in ("cpu", "offcpu") for part in ("named_ns", "unnamed_ns"))
    if all(p["sampled"] for p in report["paths"]):
        equal(sum(p["total_ns"] for p in report["paths"] if len(p["path"]) == 1), named, "sum of the roots")
    near(a["cpu"]["all_ns"], sum(x["cpu_ns"] for x in report["targets"]), 0.001, "CPU time")
    near(a["offcpu"]["all_ns"] + a["idle_ns"], report["stacks"]["offcpu"]["total_ns"], 0.02, "time off the CPU")
    for p in sampled(report):
        equal(p["total_ns"], p["cpu_ns"] + p["offcpu_ns"], f"time of {p['path']}")
        between(p["cpu_ns_low"], p["cpu_ns"], p["cpu_ns_high"], f"interval of {p['path']}")
        equal(p["calls_basis"], "unknown", "basis of calls")


def coverage(report):
    """Shares of CPU time and of waiting under paths with a name."""
    a = report["attributed"]
    return [a[k]["named_ns"] / a[k]["all_ns"] if a[k]["all_ns"] else 1 for k in ("cpu", "offcpu")]


# A program with a known profile.


def profile(t, mode, milliseconds=3000):
    w = t.workload("profile", "-m", mode, "-s", milliseconds)
    tracer = t.trace("-F", HZ, "-t", "stacks", "-p", w.pid)
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    check_sums(report)
    return truth, report


def error_ns(truth, report, name):
    """
    What a function's time may be off by: three standard deviations of its samples; and as a host takes
    CPUs away from this machine unseen, a part of the time that it waited for one.
    """
    found = by_leaf(report, name)
    sampled = 3 * found["cpu_ns"] / math.sqrt(found["samples"]) if found["samples"] else 0
    return sampled + 0.15 * (truth[name]["wall_ns"] - truth[name]["cpu_ns"]) + 2e6


def check_order(t, truth, report):
    """
    The ten functions with most time, by total time: right, and in the right order, but for those that
    are nearer to each other than one can tell.
    """
    total = {f: by_leaf(report, f)["total_ns"] for f in truth}
    for f in truth:
        wall = truth[f]["wall_ns"]
        near(total[f], wall, error_ns(truth, report, f) / wall, f"time of {f}")
    found = sorted(truth, key=lambda f: -total[f])
    right = sorted(truth, key=lambda f: -truth[f]["wall_ns"])
    for i, a in enumerate(found):
        for b in found[i + 1 :]:
            slack = math.hypot(error_ns(truth, report, a), error_ns(truth, report, b))
            check(truth[a]["wall_ns"] > truth[b]["wall_ns"] - slack, f"{a} stands before {b}: {total} {truth}")
    inside = sum(
        p["cpu_ns_low"] <= truth[p["path"][-1]]["cpu_ns"] <= p["cpu_ns_high"]
        for p in sampled(report)
        if p["path"][-1] in truth
    )
    between(len(truth) - 3, inside, len(truth), "functions whose true CPU time is in the interval")
    t.remark(f"{len(set(found[:10]) & set(right[:10]))} of the first 10, {inside} of {len(truth)} in their interval")


@case
def uniform_profile(t):
    truth, report = profile(t, 0)
    check_order(t, truth, report)
    equal(roots(report) & {"main", "run_batch", "run_job"}, {"main"}, "a batch job begins at main")
    check(("main", "run_batch", "run_job", "work_a") in paths(report), f"{sorted(paths(report))}")


@case
def skewed_profile(t):
    truth, report = profile(t, 1)
    check_order(t, truth, report)
    first = sorted(truth, key=lambda f: -by_leaf(report, f)["total_ns"])[:3]
    check(set(first) <= set("work_a work_b work_c work_d work_e".split()), f"the first ones: {first}")


@case
def profile_with_sleeps_and_a_queue(t):
    truth, report = profile(t, 2, 1500)
    check_order(t, truth, report)
    check("main" not in {p["path"][0] for p in report["paths"] if p["total_ns"] > 0.3e9}, f"{sorted(paths(report))}")
    check(("run_job", "work_b") in paths(report), f"jobs are roots: {sorted(paths(report))}")
    check(any("worker" in i["where"] and i["total_ns"] > 1e8 for i in report["attributed"]["idle"]), f"{report['attributed']}")
    slept = by_leaf(report, "work_l")
    check(slept["offcpu_ns"] > slept["cpu_ns"], f"work_l sleeps most of the time: {slept}")


@case
def none_asked_for(t):
    w = t.workload("profile", "-s", 200)
    tracer = t.trace("-t", "none", "-p", w.pid)
    w.go()
    w.truth()
    report = tracer.stop()
    w.end()
    check("paths" not in report and "attributed" not in report, f"{report.keys()}")


@case
def beside_counted_paths(t):
    """Calls of one function are counted; what it calls is sampled below it."""
    w = t.workload("profile", "-m", 1, "-s", 1500)
    tracer = t.trace("-F", HZ, "-t", "stacks", "-t", "run_job", "-p", w.pid)
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    check_sums(report)
    counted = path(report, "run_job")
    equal(counted["sampled"], False, "run_job is counted")
    equal(counted["calls"], sum(f["calls"] for f in truth.values()), "calls of run_job")
    below = path(report, "run_job", "work_a")
    equal(below["sampled"], True, "work_a is sampled")
    near(below["cpu_ns"], truth["work_a"]["cpu_ns"], 0.35, "CPU time of work_a")
    check(not any(k != ("run_job",) and k[-1] == "run_job" for k in paths(report)), f"{sorted(paths(report))}")


# Services.


def service(t, kind, expected, least=0.8):
    """
    expected: names of which each must be among the paths' functions, below a root that is no main(); with
    a list, one of it.
    """
    s = kind(t)
    tracer = t.trace("-F", HZ, "-t", "stacks", "-p", ",".join(map(str, s.pids)))
    s.load(SECONDS)
    report = tracer.stop()
    s.check_alive()
    check_recognisable(t, report, expected, least)
    return report


def check_recognisable(t, report, expected, least=0.8):
    check_sums(report)
    cpu, offcpu = coverage(report)
    for share, what in ((cpu, "CPU time"), (offcpu, "waiting")):
        between(least, share, 1, f"share of the {what} under named paths")
    check(not roots(report) & {"main", "_start", "__libc_start_main"}, f"roots: {sorted(roots(report))}")
    names = {f.split(" (")[0] for p in report["paths"] for f in p["path"]}
    for name in expected:
        one_of = [name] if isinstance(name, str) else name
        check(names & set(one_of), f"none of {one_of} among {sorted(names)}")
    t.remark(f"{100 * cpu:.0f} % of the CPU, {100 * offcpu:.0f} % of the waiting under {len(report['paths'])} paths")


def among_first(report, name, n=10):
    """By CPU time, which other people's load does not change; callers stand before their callees."""
    first = sorted(report["paths"], key=lambda p: -p["cpu_ns"])[:n]
    check(any(f.split(" (")[0] == name for p in first for f in p["path"]), f"{name} among {[p['path'][-1] for p in first]}")


def idle_ns(report, *words):
    return sum(i["total_ns"] for i in report["attributed"]["idle"] if any(w in i["where"] for w in words))


@case
def redis(t):
    report = service(t, services.Redis, ["readQueryFromClient", "processCommand", "call"])
    among_first(report, "readQueryFromClient")
    check(idle_ns(report, "aeMain") > 0, f"{report['attributed']}")
    check(idle_ns(report, "bioProcessBackgroundJobs") > 0, f"{report['attributed']}")


@case
def nginx(t):
    report = service(t, services.Nginx, ["ngx_http_core_run_phases", "ngx_http_output_filter"])
    among_first(report, "ngx_http_core_run_phases")
    check(idle_ns(report, "epoll_wait") > 0, f"{report['attributed']}")


@case
def postgresql(t):
    report = service(t, services.Postgres, [["exec_simple_query", "pg_plan_queries"], "PortalRun", "CommitTransactionCommand"])
    check("PostmasterMain" not in roots(report), f"roots: {sorted(roots(report))}")
    check(idle_ns(report, "PostmasterMain > select", "epoll_wait") > 0, f"{report['attributed']}")


@case
def memcached(t):
    """Debian's has no names of its own: what it calls does."""
    report = service(t, services.Memcached, [["sendmsg", "sendto"], "read"], 0.7)
    check(idle_ns(report, "event_base_loop") > 0, f"{report['attributed']}")


@case
def gunicorn(t):
    report = service(t, services.Gunicorn, ["SyncWorker.handle", "app", "compute_price"])
    among_first(report, "app", 12)
    check(not any("Arbiter.run" in r or "run_for_one" in r for r in busy_roots(report)), f"roots: {roots(report)}")
    check(idle_ns(report, "run_for_one", "Arbiter") > 0, f"{report['attributed']}")
    kinds = {n["name"].split(" (")[0]: n["kind"] for n in report["nodes"]}
    equal(kinds["app"], "python", "kind of app")


def busy_roots(report):
    """Roots of more than a tenth of the CPU time."""
    whole = report["attributed"]["cpu"]["all_ns"]
    return {p["path"][0] for p in report["paths"] if len(p["path"]) == 1 and p["cpu_ns"] > whole / 10}


@case
def python_server(t):
    report = service(t, services.PythonServer, ["Handler.do_GET", "compute_price"])
    among_first(report, "Handler.do_GET", 15)
    check(idle_ns(report, "handle_one_request", "serve_forever") > 0, f"{report['attributed']}")


@case
def node(t):
    report = service(t, services.NodeServer, ["parserOnHeadersComplete", "handleWork"])
    among_first(report, "handleWork", 15)
    check(idle_ns(report, "uv_run", "uv__io_poll") > 0, f"{report['attributed']}")
    kinds = {n["name"].split(" (")[0]: n["kind"] for n in report["nodes"]}
    equal(kinds["handleWork"], "javascript", "kind of handleWork")


@case
def go_server(t):
    report = service(t, services.GoServer, ["net/http.(*conn).serve", "main.(*shop).handleWork"])
    among_first(report, "net/http.(*conn).serve")


@case
def erlang(t):
    need_program("erl")
    need_workload("beamjobs.beam")
    env = dict(os.environ, ERL_CRASH_DUMP_BYTES="0")
    argv = ["erl", "-noshell", "-pa", str(WORKLOADS), "-run", "beamjobs", "main", "server", "ets", "message"]
    w = Workload(t, argv, env=env)
    tracer = t.trace("-t", "stacks", "-p", w.pid, "-d", SECONDS, "-F", HZ)
    tracer.wait()
    report = tracer.report()
    w.end()
    check_recognisable(t, report, ["beamjobs:handle_call/3", "beamjobs:fill/2", "ets_insert_2", "beamjobs:echo/0"])
    among_first(report, "beamjobs:fill/2")
    kinds = {n["name"].split(" (")[0]: n["kind"] for n in report["nodes"]}
    equal(kinds["beamjobs:fill/2"], "erlang", "kind of fill/2")


@case
def the_text_fits_eighty_columns(t):
    s = services.Gunicorn(t)
    tracer = t.trace("-F", HZ, "-t", "stacks", "-o", "-", "-p", ",".join(map(str, s.pids)))
    s.load(2)
    tracer.stop()
    text = tracer.stdout()
    for line in text.splitlines():
        check(len(line) <= 80, f"too long: {line!r}")
    contains(text, "\nPaths:", "paths of the report")
    contains(text, "In no path:", "what is idle")
    contains(text, "~ is estimated", "legend")


# Functions that are chosen by the stacks, and probed: always, or for moments.


@case
def chosen_functions_of_redis(t):
    s = services.Redis(t)
    tracer = t.trace("-t", "auto", "--max-overhead", 1, "-p", s.pids[0])
    s.load(12)
    report = tracer.stop()
    s.check_alive()
    seen = [p for p in report["paths"] if p.get("observed_calls")]
    names = {f for p in report["paths"] if p["calls"] for f in p["path"]}
    check({"processCommand", "readQueryFromClient", "beforeSleep"} & names, f"functions with calls: {sorted(names)}")
    check(not roots(report) & {"main", "aeProcessEvents"}, f"roots: {sorted(roots(report))}")
    for p in seen:
        check(p["sampled"] and 0 < p["seen_pct"] < 100, f"an estimate is marked: {p}")
        check(p["calls"] >= p["observed_calls"], f"scaled up: {p}")
    equal(report["unused"], [], "what nobody asked for is not missed")
    t.remark(f"{len(seen)} of {len(report['paths'])} paths for moments, {report['overhead']['target_pct']:.1f} %")


@case
def chosen_functions_that_are_cheap_are_probed_most_of_the_time(t):
    """Calls of some 0.4 ms each are rare enough to be counted, nearly all of them once it is known."""
    w = t.workload("profile", "-m", 1, "-s", 6000)
    tracer = t.trace("-t", "auto", "--max-overhead", 5, "-p", w.pid)
    w.go()
    truth = w.truth(120)
    report = tracer.stop()
    w.end()
    known = [p for p in report["paths"] if p["path"][-1] in truth and p["calls"]]
    check(known, f"functions with calls: {[p['path'] for p in report['paths']]}")
    for p in known:
        # What a few calls in moments stand for is known less well.
        most = 1.25 if p.get("seen_pct", 100) > 50 else 4
        n = truth[p["path"][-1]]["calls"]
        check(p["calls"] <= most * n, f"no more calls than there were: {p['calls']} of {n}, {p['path']}, {p.get('seen_pct')} %, {p.get('observed_calls')}")
    most = [p for p in known if p.get("seen_pct", 100) > 50]
    check(len(most) >= 3, f"some are probed most of the time: {[(p['path'][-1], p.get('seen_pct')) for p in known]}")
    t.remark(f"{len(most)} of {len(known)} paths for most of the time")
