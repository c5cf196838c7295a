#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What pathbpf costs, as ratios against references of the same run: Redis under load without a
tracer, with pathbpf, and with others that do less or as much. Repetitions are interleaved, each
traced run lies between two untraced ones, and is compared with their mean.

usage: tests/bench/bench.py [--quick] [--json FILE]             sampling, system calls
       tests/bench/bench.py --spans [--quick] [--json FILE]     traced functions: see spans.py
       tests/bench/bench.py --budget [--quick] [--json FILE]    what a default run costs: see budget.py

CPU time a request (by the kernel's accounting of Redis's threads) is the figure to trust: it
scatters less than throughput, which also has the load generator and the machine in it."""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.dont_write_bytecode = True
import harness
import services
from figures import peak_rss_kib

HZ = 99
TARGET_CPU = {0}
OTHER_CPU = {(os.cpu_count() or 1) - 1}  # load generator and tracers


def thread_cpu_ns(pid):
    return sum(run for run, _ in harness.schedstats(pid).values())


class Tool:
    """A tracer: its command line, and what it says when its probes are live."""

    def __init__(self, name, argv, ready):
        self.name, self.argv, self.ready = name, argv, ready

    def start(self, t, pid):
        """Attached to a process; (process, seconds until it was ready)."""
        start = time.monotonic()
        read_end, write_end = os.pipe()
        argv = [str(a).replace("READY_FD", str(write_end)) for a in self.argv(t, pid)]
        log = t.file(f"{self.name}.log")
        process = t.spawn(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=open(log, "wb"),
            stderr=subprocess.STDOUT,
            pass_fds=(write_end,),
            preexec_fn=lambda: os.sched_setaffinity(0, OTHER_CPU),
        )
        os.close(write_end)
        with os.fdopen(read_end, "rb") as ready:
            self.ready(process, ready, log)
        return process, time.monotonic() - start


def ready_by_fd(process, ready, log):
    if ready.read() != b"ready\n":
        process.wait(30)
        raise harness.Failure(f"{process.args[0]}: {pathlib.Path(log).read_text(errors='replace')}")


def ready_by_output(process, _, log):
    harness.wait_until(lambda: b"ready" in pathlib.Path(log).read_bytes() or process.poll() is not None, f"{log} says ready", 30)


def ready_by_time(_process, _ready, _log):
    time.sleep(1)


def pathbpf_argv(*options):
    return lambda t, pid: [harness.PATHBPF, "-o", t.file("bench.json"), "--ready-fd", "READY_FD", "-F", HZ, *options, "-p", pid]


def bpftrace_argv(_, pid):
    program = f'BEGIN {{ printf("ready\\n"); }} profile:hz:{HZ} /pid == {pid}/ {{ @[ustack, kstack] = count(); }}'
    return ["bpftrace", "-e", program]


def perf_argv(t, pid):
    return ["perf", "record", "-q", "-g", "-e", "cpu-clock", "-F", HZ, "-p", pid, "-o", t.file("perf.data")]


TOOLS = [
    Tool("pathbpf", pathbpf_argv(), ready_by_fd),
    Tool("pathbpf-cpu", pathbpf_argv("--no-offcpu", "--no-syscalls"), ready_by_fd),
    Tool("bpftrace", bpftrace_argv, ready_by_output),
    Tool("perf", perf_argv, ready_by_time),
]


def tools_here():
    for tool in TOOLS:
        if tool.name.startswith("pathbpf") or shutil.which(tool.name):
            yield tool
        else:
            print(f"{tool.name} is not installed: left out")


class Bench:
    def __init__(self, t, requests):
        self.t, self.requests = t, requests
        self.redis = services.Redis(t)
        self.pid = self.redis.pids[0]
        for tid in harness.threads(self.pid):
            os.sched_setaffinity(tid, TARGET_CPU)

    def load(self):
        """(requests a second, ns of Redis's CPU time a request, seconds)"""
        cpu, start = thread_cpu_ns(self.pid), time.monotonic()
        done = self.t.run(
            *["redis-benchmark", "-s", self.redis.socket, "-q", "--csv", "-c", 16, "-n", self.requests, "-t", "get"],
            timeout=300,
            preexec_fn=lambda: os.sched_setaffinity(0, OTHER_CPU),
        )
        seconds = time.monotonic() - start
        harness.equal(done.returncode, 0, done.stderr)
        rate = float(done.stdout.splitlines()[-1].split(",")[1].strip('"'))
        return rate, (thread_cpu_ns(self.pid) - cpu) / self.requests, seconds

    def traced(self, tool):
        process, ready = tool.start(self.t, self.pid)
        own = thread_cpu_ns(process.pid)
        rate, cost, seconds = self.load()
        figures = {
            "rate": rate,
            "cpu_ns": cost,
            "ready_s": ready,
            "self_cpu_pct": 100 * (thread_cpu_ns(process.pid) - own) / 1e9 / seconds,
            "rss_mib": peak_rss_kib(process.pid) / 1024,
        }
        harness.check(process.poll() is None, f"{tool.name} ended early")
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(60)
        figures["stop_s"] = time.monotonic() - start
        return figures


def compare(bench, tools, repetitions):
    """{tool: [figures with ratios to the runs before and after]}"""
    bench.load()  # warm
    results = {tool.name: [] for tool in tools}
    plain = [bench.load()]
    for _ in range(repetitions):
        for tool in tools:
            before, figures = plain[-1], bench.traced(tool)
            plain.append(bench.load())
            figures["rate_ratio"] = 2 * figures["rate"] / (before[0] + plain[-1][0])
            figures["cpu_ratio"] = 2 * figures["cpu_ns"] / (before[1] + plain[-1][1])
            results[tool.name].append(figures)
    return plain, results


def spread(values):
    return f"{statistics.median(values):.3f} [{min(values):.3f} to {max(values):.3f}]"


def print_comparison(plain, results):
    noise = [b[1] / a[1] for a, b in zip(plain, plain[1:])]
    print(f"\nRedis GET, {statistics.median(p[0] for p in plain):.0f} requests/s, ", end="")
    print(f"{statistics.median(p[1] for p in plain) / 1000:.2f} µs of CPU time a request untraced")
    print(f"ratio of neighbouring untraced runs (noise): {spread(noise)}\n")
    print(f"{'':12} {'CPU a request, ratio':>26} {'throughput, ratio':>26} {'ready':>8} {'stop':>8} {'own CPU':>8} {'RSS':>9}")
    for name, runs in results.items():
        median = {k: statistics.median(r[k] for r in runs) for k in runs[0]}
        cpu, rate = (spread([r[k] for r in runs]) for k in ("cpu_ratio", "rate_ratio"))
        ready = "-" if name == "perf" else f"{median['ready_s']:.2f} s"
        print(
            f"{name:12} {cpu:>26} {rate:>26} {ready:>8} {median['stop_s']:>6.2f} s {median['self_cpu_pct']:>6.2f} %"
            f" {median['rss_mib']:>5.0f} MiB"
        )


@contextlib.contextmanager
def kernel_statistics():
    """kernel.bpf_stats_enabled for a while."""
    path = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
    before = path.read_text()
    path.write_text("1")
    try:
        yield
    finally:
        path.write_text(before)


def program_runs(t, pid):
    """{name: (runs, ns)} of one pathbpf's programs in the kernel"""
    done = t.run(harness.need_program("bpftool"), "-j", "prog", "show")
    harness.equal(done.returncode, 0, done.stderr)
    runs = {}
    for p in json.loads(done.stdout):
        # bpftool may not know the owners; another pathbpf would then be counted in.
        owners = [o["pid"] for o in p.get("pids", [{"pid": pid}])]
        if p.get("name", "").startswith("pb_") and pid in owners:
            n, ns = runs.get(p["name"], (0, 0))
            runs[p["name"]] = (n + p.get("run_cnt", 0), ns + p.get("run_time_ns", 0))
    return runs


def accounting(bench, seconds):
    """Every tick that the kernel ran for us is in the report: as a sample, as somebody else's, or
    as lost."""
    t = bench.t
    with kernel_statistics():
        tracer = t.trace("-F", HZ, "-p", bench.pid)
        bench.redis.load(seconds)
        before = program_runs(t, tracer.pid)
        report = tracer.stop()
    cpu, lost = report["stacks"]["cpu"], report["lost"]["samples"]
    accounted = cpu["samples"] + cpu["other"] + lost
    print(f"\nsampling: {cpu['fired']} ticks = {cpu['samples']} samples + {cpu['other']} of others + {lost} lost")
    harness.equal(accounted, cpu["fired"], "ticks in the report")
    ran = before["pb_cpu_tick"][0]
    length = report["duration_ns"] / 1e9
    print(f"          the kernel ran the sampler {ran} times by then; {os.cpu_count() * HZ * length:.0f} ticks were asked for")
    # The kernel's counter was read a little before the end.
    harness.between(ran, cpu["fired"], ran + os.cpu_count() * HZ, "ticks against the kernel's count")
    print(f"          {report['overhead']['target_pct']:.3f} % of the target's CPU time by pathbpf's own account")
    cpu_ns = sum(x["cpu_ns"] for x in report["targets"])
    print("\nprogram           runs      ns a run   % of the target's CPU time")
    for name, (runs, ns) in sorted(before.items(), key=lambda x: -x[1][1]):
        if runs:
            print(f"{name:15} {runs:>8} {ns / runs:>10.0f} {100 * ns / cpu_ns:>10.3f}")
    return {"fired": cpu["fired"], "samples": cpu["samples"], "other": cpu["other"], "lost": lost, "runs": before}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter repetitions")
    parser.add_argument("--json", metavar="FILE", help="all figures")
    parser.add_argument("--spans", action="store_true", help="what traced functions cost")
    parser.add_argument("--budget", action="store_true", help="whether a trace keeps its budget, and what it finds within it")
    parser.add_argument("--only", metavar="PART,...", help="with --spans: calls, sites, attach, memory, redis; with --budget: storms, shapes, paths, emergency, services")
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("bench.py: tracing needs root", file=sys.stderr)
        return 3
    if args.spans:
        import spans  # which uses what stands here

        return spans.run(args.quick, args.json, args.only and args.only.split(","))
    if args.budget:
        import budget

        return budget.run(args.quick, args.json, args.only and args.only.split(","))
    t = harness.Case("bench")
    try:
        bench = Bench(t, 200000 if args.quick else 500000)
        tools = list(tools_here())
        plain, results = compare(bench, tools, 3 if args.quick else 9)
        print_comparison(plain, results)
        figures = {"plain": plain, "tools": results, "sampling": accounting(bench, 2 if args.quick else 10)}
        bench.redis.check_alive()
    except (harness.Failure, harness.Skip) as e:
        print(f"bench.py: {e}", file=sys.stderr)
        return 1
    finally:
        t.done()
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
