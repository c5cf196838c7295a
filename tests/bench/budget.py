# SPDX-License-Identifier: GPL-2.0-only
"""What the budget is worth: bench.py --budget. A storm and a load that changes shape, whose throughput
is measured by themselves, with the same run without a tracer beside it; the experiment of `pathbpf
overhead` on four services; the first ten paths of a program with a known profile; how long an
emergency stop takes."""
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time

import harness
import services
from figures import heading, quantile, table

BUDGET = 1  # per cent


class Storm:
    """tests/workload/storm.c: how much of it was done when."""

    def __init__(self, t, seconds, *options):
        self.w = t.workload("storm", "-d", 1000 * seconds, *options)
        self.seconds = seconds

    def read(self):
        truth = self.w.truth(self.seconds + 60)
        self.w.end()
        self.begin_ns, self.bin_ns = truth["begin_ns"], truth["bin_ns"]
        self.units = [units for units, _ in truth["bins"]]

    def at(self, ns):
        return max(0, (ns - self.begin_ns) // self.bin_ns)

    def rate(self, first, last):
        """Units a bin."""
        part = self.units[first:last]
        return sum(part) / max(1, len(part))


def now_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def traced_storm(t, seconds, options, traced_s):
    """(storm, when pathbpf began, was ready, had ended); options None: nobody traces."""
    storm = Storm(t, seconds)
    storm.w.go()
    time.sleep(2)
    begun = now_ns()
    ready = begun
    if options is None:
        time.sleep(traced_s)
    else:
        tracer = t.trace("--max-overhead", BUDGET, *options, "-p", storm.w.pid)
        ready = now_ns()
        time.sleep(traced_s)
        tracer.stop()
    ended = now_ns()
    storm.read()
    return storm, begun, ready, ended


def storm_losses(t, options, traced_s):
    """Per cent of throughput: from the beginning to ready, in the first second after, behind that."""
    storm, begun, ready, ended = traced_storm(t, traced_s + 5, options, traced_s)
    second = int(1e9) // storm.bin_ns
    begun, ready, ended = storm.at(begun), storm.at(ready), storm.at(ended)
    base = storm.units[20:begun] + storm.units[ended + 20 : -5]
    base = sum(base) / len(base)
    last = ready + traced_s * second - 5
    parts = ((begun, ready + 1), (ready, ready + second), (ready + second, last))
    return [100 * (1 - storm.rate(a, b) / base) for a, b in parts]


def measure_storms(t, quick):
    heading("A function that is called ten million times a second: throughput lost, per cent")
    rows = []
    results = {}
    for name, options in (("untraced (noise)", None), ("default", ("-t", "auto")), ("-t hot_a", ("-t", "hot_a"))):
        runs = [storm_losses(t, options, 4) for _ in range(3 if quick else 9)]
        columns = list(zip(*runs))
        results[name] = runs
        rows.append([name] + [f"{statistics.median(c):.2f} ({min(c):.2f} to {max(c):.2f})" for c in columns])
    table(["", "until ready", "first second", "after it"], rows)
    return results


PHASES = ("hot_a", "hot_b", "system calls", "short sleeps", "little to do")


def measure_shapes(t, quick):
    """The same phase of the same run before and after the tracer is what a second is compared with."""
    heading("A load that changes shape every two seconds: throughput lost in each second, per cent")
    cycles = 2 if quick else 4
    storm = Storm(t, 10 * (cycles + 2), "-m", 1)
    storm.w.go()
    time.sleep(10)
    tracer = t.trace("--max-overhead", BUDGET, "-t", "auto", "-p", storm.w.pid)
    time.sleep(10 * cycles - 1)
    report = tracer.stop()
    storm.read()
    second = int(1e9) // storm.bin_ns

    def seconds(cycle, phase):
        first = (10 * cycle + 2 * phase) * second
        return [storm.rate(first + 5, first + second), storm.rate(first + second, first + 2 * second - 5)]

    rows, losses = [], {}
    for phase, name in enumerate(PHASES):
        base = statistics.mean(seconds(0, phase) + seconds(cycles + 1, phase))
        noise = [100 * (1 - r / base) for r in seconds(0, phase) + seconds(cycles + 1, phase)]
        lost = [100 * (1 - r / base) for cycle in range(1, cycles + 1) for r in seconds(cycle, phase)]
        if phase == 0:
            lost = lost[2:]  # the first seconds of all
        losses[name] = lost
        rows.append([name, f"{statistics.median(lost):.2f}", f"{min(lost):.2f} to {max(lost):.2f}", f"{min(noise):.2f} to {max(noise):.2f}"])
    table(["", "median", "range", "untraced (noise)"], rows)
    print(f"by pathbpf's own account {report['overhead']['target_pct']:.2f} % of the target's CPU time")
    return losses


def loads(t):
    """(name, service, command of an endless load, how it is started)"""
    redis = services.Redis(t)
    yield "redis", redis, ["redis-benchmark", "-s", redis.socket, "-q", "-c", 16, "-n", 1000000000, "-t", "get"], {}
    nginx = services.Nginx(t)
    yield "nginx", nginx, ["wrk", "-t1", "-c16", "-d3600s", f"http://127.0.0.1:{nginx.port}/"], {}
    gunicorn = services.Gunicorn(t)
    yield "gunicorn", gunicorn, ["wrk", "-t1", "-c4", "-d3600s", f"http://127.0.0.1:{gunicorn.port}/"], {}
    postgres = services.Postgres(t)
    pgbench = [f"{postgres.bin}/pgbench", "-h", postgres.home, "-n", "-S", "-c", 2, "-T", 3600, "postgres"]
    yield "postgres", postgres, pgbench, postgres.identity()


def default_environment():
    """The harness asks for exact figures, and no paths of stacks."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PATHBPF_")}


def measure_services(t, quick):
    heading(f"What a default run costs services under load: pathbpf overhead -d {20 if quick else 60}, CPU time a unit of their work")
    rows, results = [], {}
    for name, service, command, how in loads(t):
        log = open(t.file(f"{name}.load"), "wb")
        load = t.spawn([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **how)
        time.sleep(2)
        pids = [service.process.pid, *services.children(service.process.pid)]
        argv = [harness.PATHBPF, "overhead", "--format", "json", "-d", 20 if quick else 60, "-p", ",".join(map(str, pids))]
        done = t.run(*argv, timeout=200, env=default_environment())
        harness.Case.kill(load)
        service.check_alive()
        if done.returncode not in (0, 1):
            print(f"{name}: {done.stderr.strip()}")
            continue
        results[name] = r = json.loads(done.stdout)
        rows.append(describe(name, r))
    table(["", "unit", "CPU time a unit", "95 %", "own CPU"], rows)
    return results


def describe(name, r):
    unit, cpu = r["unit"], r["unit"]["cpu"]
    what = [f"{cpu['change_pct']:+.2f} %", f"{cpu['low_pct']:+.2f} to {cpu['high_pct']:+.2f} %"]
    return [name, f"{unit['untraced_per_s']:.0f} {unit['name']} a second", *what, f"{r['pathbpf_cpu_pct']:.2f} %"]


def measure_paths(t, quick):
    """As far as functions differ by more than five per cent their order must be right."""
    heading("The first ten paths by total time, of a program with a known profile")
    rows, results = [], {}
    for mode, name in ((0, "uniform"), (1, "skewed")):
        right, swapped, compared = [], 0, 0
        for _ in range(2 if quick else 5):
            w = t.workload("profile", "-m", mode, "-s", 10000)
            tracer = t.trace("--max-overhead", BUDGET, "-t", "auto", "-p", w.pid)
            w.go()
            truth = {f: v["wall_ns"] for f, v in w.truth(120).items()}
            report = tracer.stop()
            w.end()
            total = {f: sum(p["total_ns"] for p in report["paths"] if p["path"][-1] == f) for f in truth}
            found = sorted(truth, key=lambda f: -total[f])
            tenth = sorted(truth.values())[-10]
            right.append(sum(truth[f] >= 0.95 * tenth for f in found[:10]))
            pairs = [(a, b) for i, a in enumerate(found) for b in found[i + 1 :] if abs(truth[a] / truth[b] - 1) > 0.05]
            compared += len(pairs)
            swapped += sum(truth[a] < truth[b] for a, b in pairs)
        results[name] = {"right": right, "compared": compared, "swapped": swapped}
        rows.append([name, f"{statistics.mean(right):.1f} of 10", f"{compared - swapped} of {compared}"])
    table(["", "right", "pairs that differ by more than 5 %, in order"], rows)
    return results


def measure_emergency(t, quick):
    heading("Emergency stop: from the request until every probe is gone, ms")
    rows, results = [], {}
    for n, glob in ((1000, "fn_0*"), (10000, "fn_*")):
        times = []
        for _ in range(2 if quick else 5):
            w = t.workload("bench/watch")
            tracer = t.trace("--no-cpu", "--no-offcpu", "--no-syscalls", "--max-overhead", 100, "-t", glob, "-p", w.pid)
            time.sleep(1)
            done = t.run(harness.PATHBPF, "ctl", tracer.pid, "emergency-stop")
            times.append(float(re.search(r"in (\d+) ms", done.stdout)[1]))
            tracer.wait()
            w.say("end")
            w.process.wait(20)
        results[n] = times
        rows.append([f"{n} functions", f"{statistics.median(times):.0f}", f"{min(times):.0f} to {quantile(times, 1):.0f}"])
    table(["", "median", "range"], rows)
    return results


PARTS = {
    "storms": measure_storms,
    "shapes": measure_shapes,
    "paths": measure_paths,
    "emergency": measure_emergency,
    "services": measure_services,
}


def run(quick, json_path, only=None):
    """Exit status"""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    figures, status = {"cpus": os.cpu_count(), "quick": quick}, 0
    for name, function in PARTS.items():
        if only and name not in only:
            continue
        t = harness.Case(f"bench-{name}")
        try:
            figures[name] = function(t, quick)
        except harness.Skip as e:
            print(f"{name} left out: {e}")
        except (harness.Failure, OSError) as e:
            print(f"budget.py: {name}: {e}", file=sys.stderr)
            status = 1
        finally:
            t.done()
    if json_path:
        pathlib.Path(json_path).write_text(json.dumps(figures, indent=1))
    return status
