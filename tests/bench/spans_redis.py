# SPDX-License-Identifier: GPL-2.0-only
"""Redis under load with eight functions of its request path traced. Each traced run lies between
two untraced ones and is compared with their mean."""
import statistics

import harness
import tracers
from bench import Bench
from figures import heading, summary, table

FUNCTIONS = (
    "processCommand",
    "call",
    "lookupKey",
    "lookupCommand",
    "addReplyBulk",
    "getCommand",
    "readQueryFromClient",
    "writeToClient",
)


def tools_for_redis():
    quiet = ("--no-cpu", "--no-offcpu", "--no-syscalls")
    spec = ("-t", ",".join(FUNCTIONS))
    yield tracers.Pathbpf("pathbpf, spans", *quiet, *spec)
    yield tracers.Pathbpf("pathbpf, all signals", *spec)
    if tracers.bpftrace_version():
        yield tracers.Bpftrace("bpftrace", harness.need_program("redis-server"), FUNCTIONS)


def plain_load(bench):
    """Longer than a traced one, for it is faster."""
    bench.requests *= 4
    try:
        return bench.load()
    finally:
        bench.requests //= 4


def traced_load(bench, tool):
    """(figures of the load, calls in the report a request or None)"""
    tracer = tool.start(bench.t, bench.pid)
    figures = bench.load()
    report = tracer.stop()
    if not report:
        return figures, None
    harness.check(harness.calls_of(report, "processCommand") >= bench.requests, "every request is in the report")
    return figures, sum(harness.calls_of(report, name) for name in FUNCTIONS) / bench.requests


def measure_redis(t, quick):
    bench = Bench(t, 20000 if quick else 60000)
    plain_load(bench)  # warm
    tools = list(tools_for_redis())
    runs = {tool.name: [] for tool in tools}
    plain = [plain_load(bench)]
    for _ in range(2 if quick else 5):
        for tool in tools:
            (rate, cpu_ns, _), calls = traced_load(bench, tool)
            plain.append(plain_load(bench))
            around = [(a + b) / 2 for a, b in zip(*plain[-2:])]
            figures = {"rate_ratio": rate / around[0], "cpu_ratio": cpu_ns / around[1], "added_ns": cpu_ns - around[1]}
            runs[tool.name].append(figures | ({"calls": calls} if calls else {}))
    bench.redis.check_alive()
    noise = summary([b[1] / a[1] for a, b in zip(plain, plain[1:])])
    result = {name: {k: summary([f[k] for f in figures]) for k in figures[0]} for name, figures in runs.items()}
    print_redis(plain, noise, result)
    return {"plain": plain, "noise": noise, "tools": result}


def print_redis(plain, noise, result):
    heading("6. Redis GET with eight functions traced")
    rows = []
    for name, f in result.items():
        cells = [f"{f['added_ns'][q] / 1000:.2f}" for q in ("q10", "median")]
        cells += [f"{f[k][q]:.2f}" for k in ("cpu_ratio", "rate_ratio") for q in ("q10", "median", "q90")]
        rows.append([name, *cells])
    table(["", "added µs q10", "median", "CPU x q10", "median", "q90", "throughput x q10", "median", "q90"], rows)
    spans = result["pathbpf, spans"]
    calls = spans["calls"]["median"]
    each = spans["added_ns"]["median"] / calls / 1000
    print(f"({calls:.1f} traced calls a request, {each:.2f} µs each with pathbpf, spans)")
    untraced = statistics.median(p[1] for p in plain) / 1000
    print(f"(untraced: {untraced:.2f} µs of CPU time a request, {statistics.median(p[0] for p in plain):.0f} requests/s;", end="")
    print(f" ratio of neighbouring untraced runs {noise['q10']:.2f} to {noise['q90']:.2f})")
    if "bpftrace" in result:
        added = [result[name]["added_ns"]["median"] for name in ("pathbpf, spans", "bpftrace")]
        print(f"added by pathbpf against added by bpftrace: {added[0] / added[1]:.2f}")
