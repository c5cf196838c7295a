# SPDX-License-Identifier: GPL-2.0-only
"""How long it takes to attach to and to leave a running target of 10,000 functions, by what the
target itself notices, and what the paths need in the kernel."""
import json
import os
import select
import signal
import time

import harness
import tracers
from figures import heading, peak_rss_kib, summary, table

QUIET = ("--no-cpu", "--no-offcpu", "--no-syscalls")
WATCHED = {1: 1, 1000: 8, 10000: 16}  # of the functions that are probed, those that watch.c watches
GLOBS = {1: "fn_0000", 1000: "fn_0*", 10000: "fn_*"}


class Watch:
    """The target: events() has the times at which its watched functions became slow or fast."""

    def __init__(self, t):
        self.path = harness.need_workload("bench/watch")
        self.workload = harness.Workload(t, [self.path])
        self.pid = self.workload.pid
        for tid in harness.wait_until(lambda: (ids := harness.threads(self.pid))[1:] and ids, "watch runs"):
            os.sched_setaffinity(tid, {min(os.sched_getaffinity(0))})

    def wait_for(self, condition, timeout=60):
        """s, CLOCK_MONOTONIC, of the first event that meets the condition"""
        end = time.monotonic() + timeout
        while True:
            event = json.loads(self.workload.line(end - time.monotonic()))
            if condition(event["probed"]):
                return event["ns"] / 1e9

    def drain(self):
        """Forgets events that nobody waits for."""
        time.sleep(0.05)
        while self.workload.pending or select.select([self.workload.process.stdout], [], [], 0)[0]:
            self.workload.line(1)


def attach_once(t, watch, tool, functions):
    """Seconds from the start: all probes live, "ready"; from SIGINT: none left, exit"""
    watch.drain()
    start = time.monotonic()
    tracer = tool.start(t, watch.pid)
    figures = {"ready": time.monotonic() - start} if tool.says_ready else {}
    figures["live"] = watch.wait_for(lambda n: n >= WATCHED[functions]) - start
    time.sleep(0.2)
    figures["rss_mib"] = peak_rss_kib(tracer.pid) / 1024
    stop = time.monotonic()
    tracer.process.send_signal(signal.SIGINT)
    figures["gone"] = watch.wait_for(lambda n: n == 0) - stop
    tracer.process.wait(60)
    figures["exit"] = time.monotonic() - stop
    harness.equal(tracer.process.returncode, 0, f"exit status of {tool.name}")
    return figures


def configurations(watch, quick):
    """(tool, functions)"""
    for functions in (1, 1000, 10000):
        spec = ("-t", GLOBS[functions])
        yield tracers.Pathbpf("pathbpf, spans", *QUIET, *spec), functions
        if functions == 1:
            yield tracers.Pathbpf("pathbpf, all signals", *spec), functions
        version = tracers.bpftrace_version()
        # Before uprobe_multi, bpftrace waits 0.1 s for each probe to go away.
        if version and (functions == 1 or version >= (0, 21)):
            yield tracers.Bpftrace("bpftrace", watch.path, [GLOBS[functions]]), functions
        elif version and not quick:
            print(f"attach: bpftrace {version[0]}.{version[1]} with {functions} functions left out: it takes minutes to end")


def print_attach(result):
    heading("4. Attaching to a running target, ms")
    rows = []
    for r in result:
        cells = [r["tool"], str(r["functions"])]
        for k in ("live", "ready", "gone", "exit"):
            cells += [f"{1000 * r[k][q]:.0f}" if k in r else None for q in ("q10", "median")]
        rows.append(cells + [f"{r['rss_mib']['median']:.0f}"])
    columns = ["", "functions", "live q10", "median", "ready q10", "median", "gone q10", "median", "exit q10", "median", "RSS MiB"]
    table(columns, rows)
    print("(live: all probes, by the target's own watch; ready: as the tracer says; gone, exit: after SIGINT)")


def measure_attach(t, quick):
    watch = Watch(t)
    tools = list(configurations(watch, quick))
    runs = [[] for _ in tools]
    for _ in range(2 if quick else 9):
        for figures, (tool, functions) in zip(runs, tools):
            figures.append(attach_once(t, watch, tool, functions))
    result = [
        {"tool": tool.name, "functions": n, **{k: summary([f[k] for f in figures]) for k in figures[0]}}
        for figures, (tool, n) in zip(runs, tools)
    ]
    watch.workload.end()
    print_attach(result)
    return result


# Memory


def map_bytes(pid):
    """{map id: bytes that the kernel accounts} of a process's BPF maps"""
    sizes = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                info = dict(line.split(":", 1) for line in f if ":" in line)
        except FileNotFoundError:
            continue
        if "map_id" in info and "memlock" in info:
            sizes[int(info["map_id"])] = int(info["memlock"])
    return sizes


def memory_once(t, name, options):
    target = t.workload("bench/thousand")
    tracer = t.trace("--max-overhead", 100, *options, "-t", "outer_*,inner_*,leaf_*", "-p", target.pid)
    before = sum(map_bytes(tracer.pid).values())
    target.go()
    truth = target.truth()
    sizes = map_bytes(tracer.pid)
    report = tracer.stop()
    target.end()
    harness.equal(len(report["paths"]), truth["paths"], "paths in the report")
    calls, lost = sum(p["calls"] for p in report["paths"]), report["lost"]["paths"]
    harness.between(truth["calls"] - lost, calls, truth["calls"], f"calls in the report ({lost} lost)")
    after = sum(sizes.values())
    per_path = (after - before) / truth["paths"]
    return {"tool": name, "paths": truth["paths"], "maps": len(sizes), "before": before, "after": after, "per_path": per_path, "lost": lost}


def measure_memory(t):
    rows = [memory_once(t, "pathbpf, spans", QUIET), memory_once(t, "pathbpf, all signals", ())]
    heading(f"5. BPF maps in the kernel, for {rows[0]['paths']} paths")
    cells = []
    for r in rows:
        before, after = (f"{r[k] / (1 << 20):.1f} MiB" for k in ("before", "after"))
        cells.append([r["tool"], str(r["maps"]), before, after, f"{r['per_path']:.0f}", str(r["lost"])])
    table(["", "maps", "before the first call", "after", "bytes a path", "calls lost"], cells)
    return rows
