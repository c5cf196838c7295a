# SPDX-License-Identifier: GPL-2.0-only
"""Services that other people wrote, under load: alive afterwards, and a report that makes sense."""
import os

import services
from harness import *

SECONDS = 3
HZ = 199


def check_report(t, report, service, min_cpu_share=0.02):
    cpus = os.cpu_count()
    length = report["duration_ns"]
    cpu_ns = sum(x["cpu_ns"] for x in report["targets"])
    stacks, lost = report["stacks"], report["lost"]
    between(min_cpu_share * 1e9 * SECONDS, cpu_ns, 1.02 * cpus * length, f"CPU time of {service.name}")
    samples = stacks["cpu"]["samples"]
    expected = cpu_ns / 1e9 * HZ
    # The kernel switches tasks with interrupts off, and a tick that falls there hits whoever comes
    # next: a process that switches often has up to a third fewer samples than CPU time.
    between(expected * 0.6 - 15, samples + lost["samples"], expected * 1.2 + 15, "samples for the CPU time")
    equal(sum(n for _, n in stacks["cpu"]["folded"]), samples, "sum of all stacks")
    check(stacks["offcpu"]["total_ns"] > 0, "off-CPU time")
    tasks = sum(x["threads"] for x in report["targets"])
    between(0, stacks["offcpu"]["total_ns"], 1.001 * tasks * length, "off-CPU time of all threads")
    check(len(report["syscalls"]) >= 3, f"system calls: {[s['name'] for s in report['syscalls']]}")
    for s in report["syscalls"]:
        between(0, s["errors"], s["calls"], f"errors of {s['name']}")
        equal(sum(s["error_types"].values()), s["errors"], f"error types of {s['name']}")
        between(0, s["total_ns"], 1.001 * tasks * length, f"time in {s['name']}")
    named = sum(n for stack, n in stacks["cpu"]["folded"] if "[unknown]" not in stack)
    t.remark(
        f"{samples} samples, {stacks['cpu']['truncated']} truncated, {100 * named / max(1, samples):.0f} % without "
        f"[unknown], {report['overhead']['target_pct']:.2f} % overhead, lost {sum(lost.values())}"
    )


def service_run(t, kind, *options):
    service = kind(t)
    tracer = t.trace("-F", HZ, *options, "-p", ",".join(map(str, service.pids)))
    check(service.load(SECONDS) > 0, f"load on {service.name}")
    report = tracer.stop()
    service.check_alive()
    check_report(t, report, service)
    return report


def syscall_names(report):
    return {s["name"] for s in report["syscalls"]}


@case
def redis(t):
    report = service_run(t, services.Redis)
    check({"read", "write", "epoll_wait"} <= syscall_names(report), f"{syscall_names(report)}")
    check(all(stack.startswith("redis-server;") for stack, _ in folded(report, "cpu")), "process name of all stacks")


@case
def nginx(t):
    report = service_run(t, services.Nginx)
    check({"writev", "epoll_wait"} & syscall_names(report), f"{syscall_names(report)}")
    busy = [x for x in report["targets"] if x["cpu_ns"] > 0]
    check(busy, "a worker used CPU time")


@case
def postgresql(t):
    report = service_run(t, services.Postgres)
    check(len(report["targets"]) > 2, "backends that were forked meanwhile are targets")


@case
def memcached(t):
    report = service_run(t, services.Memcached)
    check({"read", "sendmsg"} & syscall_names(report), f"{syscall_names(report)}")


@case
def gunicorn(t):
    service_run(t, services.Gunicorn)


@case
def go_server(t):
    report = service_run(t, services.GoServer)
    check(weight(report, "cpu", "main.computePrice") > 0, "samples in main.computePrice")


@case
def node_server(t):
    service_run(t, services.NodeServer)


@case
def python_server(t):
    service_run(t, services.PythonServer)


@case
def spans_of_the_c_library_in_memcached(t):
    """Return probes on a live service: as many calls as the kernel saw system calls."""
    service = services.Memcached(t)
    options = ("--no-cpu", "--no-offcpu", "--max-overhead", "100", "-t", "libc.so.6:epoll_wait")
    try:
        tracer = t.trace(*options, "-p", service.pids[0])
    except Failure as e:
        if "not traced" in str(e):
            raise Skip(f"refused: {e}".strip()) from None
        raise
    service.load(1)
    report = tracer.stop()
    service.check_alive()
    kernel = next(s for s in report["syscalls"] if s["name"] == "epoll_wait")
    # Each of its threads may be within a call when the probes come and when they go.
    slack = 2 * len(threads(service.pids[0]))
    between(kernel["calls"] - slack, calls_of(report, "epoll_wait"), kernel["calls"] + slack, "calls of epoll_wait")
