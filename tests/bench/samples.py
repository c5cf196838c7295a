#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a sample costs. In the kernel, by its own account of the BPF programs' run time: a program with
stacks of several depths, every frame a function of its own; the empty program on the same clock; the
services of tests/e2e/services.py. For the target: throughput of Redis at 999 Hz, beside perf's and
bpftrace's.

usage: tests/bench/samples.py [--quick] [--frequency 999] [--only depth,services,throughput] [--output FILE]

Root, and `make bench`'s programs (make O=... .output/workload/bench/chain and so on; `make bench`
builds them)."""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.dont_write_bytecode = True
import bench
import harness
import stacks

DEPTHS = (1, 10, 30, 100, 300, 1000)
ONLY_CPU = ("--no-offcpu", "--no-syscalls", "--no-plugins", "--max-overhead", 100)
TICK = "pb_cpu_tick"


def run_floor(t, hz, seconds):
    """(runs, ns a run) of the empty program."""
    program, what = harness.need_workload("bench/tick"), harness.need_workload("bench/floor.bpf.o")
    done = t.run(program, what, hz, seconds, timeout=seconds + 30)
    harness.equal(done.returncode, 0, done.stderr)
    runs, ns = map(int, done.stdout.split())
    return runs, ns / max(1, runs)


def ticks(t, tracer):
    return bench.program_runs(t, tracer.pid).get(TICK, (0, 0))


def of_others(t, hz, seconds):
    """ns of a tick that hits nobody who is traced."""
    sleeper = t.spawn(["sleep", "1000"], stdin=subprocess.DEVNULL)
    tracer = t.trace(*ONLY_CPU, "-F", hz, "-p", sleeper.pid)
    time.sleep(seconds)
    runs, ns = ticks(t, tracer)
    tracer.stop()
    t.kill(sleeper)
    return ns / max(1, runs)


def user_frames(side):
    """How deep a stack is, on average."""
    n = sum(weight for _, weight in side["folded"])
    frames = sum(weight * sum(not f.endswith(("_[k]", "_[i]")) for f in text.split(";")[1:]) for text, weight in side["folded"])
    return frames / max(1, n)


def cost(runs, ns, report, other_ns):
    """ns of a tick that became a sample."""
    samples = report["stacks"]["cpu"]["samples"] + report["lost"]["samples"]
    return (ns - max(0, runs - samples) * other_ns) / max(1, samples)


def at_depth(t, depth, hz, seconds, other_ns):
    """(frames, ns a sample, samples)"""
    w = t.workload("bench/chain", "-d", depth, "-s", int(1000 * seconds))
    tracer = t.trace(*ONLY_CPU, "-F", hz, "-p", w.pid)
    w.go()
    w.truth(timeout=20 * seconds + 20)
    runs, ns = ticks(t, tracer)
    report = tracer.stop()
    w.end()
    cpu = report["stacks"]["cpu"]
    harness.check(cpu["truncated"] <= cpu["samples"] / 100, f"complete stacks: {cpu['truncated']} of {cpu['samples']} are not")
    return user_frames(cpu), cost(runs, ns, report, other_ns), cpu["samples"]


def line_through(points):
    """(slope, height at 0) by least squares."""
    mx, my = (statistics.mean(p[i] for p in points) for i in (0, 1))
    slope = sum((x - mx) * (y - my) for x, y in points) / sum((x - mx) ** 2 for x, _ in points)
    return slope, my - slope * mx


def by_depth(t, options, say):
    floor_runs, floor_ns = run_floor(t, options.frequency, options.seconds)
    other_ns = of_others(t, options.frequency, options.seconds)
    say(f"empty program: {floor_ns:.0f} ns a run ({floor_runs} runs); a tick that hits nobody traced: {other_ns:.0f} ns")
    say(f"{'DEPTH':>6} {'FRAMES':>7} {'SAMPLES':>8} {'NS/SAMPLE':>10} {'ABOVE EMPTY':>12} {'NS/FRAME':>9}")
    points = []
    for depth in DEPTHS:
        frames, ns, samples = at_depth(t, depth, options.frequency, options.seconds, other_ns)
        points.append((frames, ns))
        say(f"{depth:6} {frames:7.1f} {samples:8} {ns:10.0f} {ns - floor_ns:12.0f} {(ns - floor_ns) / max(1, frames):9.1f}")
    slope, base = line_through(points[1:])
    say(f"a frame: {slope:.1f} ns; 30 frames: {base + 30 * slope:.0f} ns a sample, {base + 30 * slope - floor_ns:.0f} above empty")
    say(f"at 99 Hz that is {99 * (base + 30 * slope) / 1e7:.4f} % of a CPU, at 999 Hz {999 * (base + 30 * slope) / 1e7:.4f} %\n")
    return other_ns


def one_service(t, kind, options, other_ns, say):
    service = kind(t)
    load = threading.Thread(target=lambda: service.load(int(options.seconds + 4)), daemon=True)
    load.start()
    time.sleep(1)
    pids = sorted({*service.pids, *stacks.services.children(service.process.pid)})
    tracer = t.trace(*ONLY_CPU, "-F", options.frequency, "-p", ",".join(map(str, pids)))
    time.sleep(options.seconds)
    before = ticks(t, tracer)
    report = tracer.stop()
    load.join(60)
    cpu = report["stacks"]["cpu"]
    # The kernel's account was read a little before the end.
    share = before[0] / max(1, cpu["fired"])
    samples = share * (cpu["samples"] + report["lost"]["samples"])
    ns = (before[1] - max(0, before[0] - samples) * other_ns) / max(1, samples)
    say(f"{kind.name:12} {cpu['samples']:8} {user_frames(cpu):7.1f} {ns:10.0f} {99 * ns / 1e7:22.4f}")


def by_service(options, other_ns, say):
    say(f"{'SERVICE':12} {'SAMPLES':>8} {'FRAMES':>7} {'NS/SAMPLE':>10} {'% OF A CPU AT 99 HZ':>22}")
    for kind in stacks.SERVICES:
        t = harness.Case(f"samples-{kind.name}")
        try:
            one_service(t, kind, options, other_ns, say)
        except (harness.Skip, harness.Failure, OSError) as e:
            say(f"{kind.name:12} skipped: {e}")
        finally:
            t.done()
    say("")


def perf_dwarf(t, pid):
    argv = ["perf", "record", "-q", "--call-graph", "dwarf", "-e", "cpu-clock", "-F", bench.HZ]
    return [*argv, "-p", pid, "-o", t.file("perf-dwarf.data")]


def throughput(t, options, say):
    bench.HZ = options.frequency
    run = bench.Bench(t, 200000 if options.quick else 500000)
    tools = [x for x in bench.tools_here() if x.name != "pathbpf"]
    if any(x.name == "perf" for x in tools):
        tools.append(bench.Tool("perf-dwarf", perf_dwarf, bench.ready_by_time))
    plain, results = bench.compare(run, tools, 3 if options.quick else 9)
    say(f"Redis at {options.frequency} Hz, ratios to untraced runs beside each (noise: {bench.spread([b[0] / a[0] for a, b in zip(plain, plain[1:])])})")
    say(f"{'':12} {'throughput':>26} {'CPU a request':>26}")
    for name, runs in results.items():
        say(f"{name:12} {bench.spread([r['rate_ratio'] for r in runs]):>26} {bench.spread([r['cpu_ratio'] for r in runs]):>26}")
    run.redis.check_alive()


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter and fewer runs")
    parser.add_argument("--frequency", type=int, default=999)
    parser.add_argument("--only", help="depth, services, throughput; by commas")
    parser.add_argument("--output", type=argparse.FileType("w"))
    options = parser.parse_args()
    options.seconds = 1 if options.quick else 5
    options.parts = options.only.split(",") if options.only else ["depth", "services", "throughput"]
    return options


def main():
    options = parse()
    if os.geteuid() != 0:
        sys.exit("samples.py: tracing needs root")

    def say(text):
        print(text, flush=True)
        if options.output:
            print(text, file=options.output, flush=True)

    t = harness.Case("samples")
    try:
        with bench.kernel_statistics():
            other_ns = by_depth(t, options, say) if "depth" in options.parts else of_others(t, options.frequency, 1)
            if "services" in options.parts:
                by_service(options, other_ns, say)
        if "throughput" in options.parts:
            throughput(t, options, say)
    except (harness.Failure, harness.Skip) as e:
        print(f"samples.py: {e}", file=sys.stderr)
        return 1
    finally:
        t.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
