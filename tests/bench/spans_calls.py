# SPDX-License-Identifier: GPL-2.0-only
"""What a traced call costs: an empty program at several instructions (the floor), then pathbpf and
bpftrace on the same function. A target calls, and measures by its threads' CPU time; every
measurement of a tracer lies between two of the empty pair, and is divided by their mean."""
import os
import statistics

import harness
import tracers
from figures import goal, heading, quantile, summary, table

CPUS = sorted(os.sched_getaffinity(0))
ONE_CPU, TWO_CPUS = {CPUS[0]}, set(CPUS[:2])
NESTED = 4
THREADS = 8

# What is probed: the name in sites.S, bytes from there, and the group it belongs to.
PLACES = {
    "push": ("leaf", 0),
    "endbr64": ("site_endbr", 0),
    "endbr64, probed at +4": ("site_endbr", 4),
    "nop": ("site_nop1", 0),
    "nop (4 bytes)": ("site_nop4", 0),
    "nop (5 bytes)": ("site_nop5", 0),
    "jmp": ("site_jmp", 0),
    "mov": ("site_mov", 0),
    "sub": ("site_sub", 0),
    "ret": ("leaf_ret", 0),
}
NESTS = [f"nest_{i + 1}" for i in range(NESTED)]


class Target:
    def __init__(self, t, batches):
        self.workload = harness.Workload(t, [harness.need_workload("bench/calls")])
        self.pid, self.batches = self.workload.pid, batches
        self.path = harness.need_workload("bench/calls")
        self.workload.say("where")
        self.where = self.workload.truth()
        self.calls = {}

    def ns(self, site, calls, threads=1):
        """CPU time of a call: of the batches' figures, q10."""
        os.sched_setaffinity(self.pid, ONE_CPU if threads == 1 else TWO_CPUS)
        batches = self.batches if threads == 1 else max(2, self.batches // 4)
        self.workload.say(f"run {site} {threads} {calls} {batches}")
        figures = self.workload.truth()
        self.calls[site] = self.calls.get(site, 0) + threads * (batches * calls + 200)
        return quantile(figures, 0.1)

    def plain(self, site):
        return self.ns(site, 20000)

    def probed_ns(self, site):
        """A first look, to choose how many calls make a batch of some 3 ms."""
        return self.ns(site, 20)


class Floor:
    """The empty programs; a place is probed for the length of a `with`."""

    def __init__(self, t, target):
        argv = [harness.need_workload(f"bench/{f}") for f in ("floor", "floor.bpf.o")] + [target.path]
        self.where = target.where
        self.workload = harness.Workload(t, argv, preexec_fn=tracers.pin)

    def ask(self, line):
        self.workload.say(line)
        harness.equal(self.workload.line(20), "ok", f"floor: {line}")

    def at(self, what, *places):
        offsets = " ".join(str(self.where[name] + skip) for name, skip in places)
        return Attached(self, f"attach {what} {offsets}")


class Attached:
    def __init__(self, floor, line):
        self.floor, self.line = floor, line

    def __enter__(self):
        self.floor.ask(self.line)

    def __exit__(self, *_):
        self.floor.ask("detach")


def batch(ns):
    return max(20, min(20000, int(3e6 / max(ns, 1))))


def added(target, site):
    """ns that probes add to a call."""
    return target.ns(site, batch(target.probed_ns(site))) - target.base[site]


def measure_bases(target):
    target.base = {site: target.plain(site) for site, _ in PLACES.values()}
    target.base["nest_1"] = target.plain("nest_1")


# 1. The floor


def floor_once(target, floor):
    """{(place, what): ns}"""
    figures = {}
    for name, place in PLACES.items():
        # The probe on `ret` is the one of a function's end: it has no other half.
        for what in ("enter",) if name == "ret" else ("enter", "pair"):
            with floor.at(what, place):
                figures[name, what] = added(target, "leaf" if name == "ret" else place[0])
    return figures


def measure_floor(target, floor, repetitions):
    """{place: {what: summary}}, with ratios to the pair on `push` of the same repetition"""
    runs = [floor_once(target, floor) for _ in range(repetitions)]
    result = {}
    for name, what in runs[0]:
        figures = summary([run[name, what] for run in runs])
        figures["ratio"] = statistics.median(run[name, what] / run["push", "pair"] for run in runs)
        result.setdefault(name, {})[what] = figures
    return result


def print_floor(result, base):
    heading("1. The floor: an empty program, ns added to a call")
    rows = []
    for name, kinds in result.items():
        cells = [name]
        for what in ("enter", "pair"):
            f = kinds.get(what)
            cells += [f"{f['q10']:.0f}", f"{f['median']:.0f}"] if f else [None, None]
        f = kinds.get("pair", kinds["enter"])
        rows.append(cells + [f"{f['ratio']:.2f}"])
    table(["instruction", "entry q10", "median", "pair q10", "median", "x push pair"], rows)
    print(f"({base:.1f} ns a call without probes; the last line's ratio is of one probe)")


# 2. Tracers on the same function


def shape(target):
    """Single calls, nested ones and threads by turns, so that all have the same weather: what a
    call adds, and the ratio to it of a call among nested ones, and among threads."""
    figures = {"ns": [], "nested": [], "threads": []}
    calls = batch(target.probed_ns("leaf"))
    for _ in range(3):
        leaf = target.ns("leaf", calls) - target.base["leaf"]
        figures["ns"].append(leaf)
        figures["threads"].append((target.ns("leaf", calls, THREADS) - target.base["leaf"]) / leaf)
        nested = target.ns("nest_1", calls // NESTED) - target.base["nest_1"]
        figures["nested"].append(nested / NESTED / leaf)
    return {key: statistics.median(values) for key, values in figures.items()}


def floor_shape(target, floor):
    with floor.at("pair", *[(name, 0) for name in ["leaf", *NESTS]]):
        return shape(target)


def check_counts(report, calls):
    """What was measured is calls that were traced, every one."""
    for name, counted in [("leaf", calls["leaf"])] + [(nest, calls["nest_1"]) for nest in NESTS]:
        harness.equal(harness.calls_of(report, name), counted, f"calls of {name} in the report")
    harness.equal(report.get("overhead", {}).get("detached", []), [], "probes that were given up")


def traced_shape(t, target, tool):
    tracer = tool.start(t, target.pid)
    target.calls.clear()
    figures = shape(target)
    harness.check(figures["ns"] > 20 * target.base["leaf"], f"{tool.name}: its probes are live")
    report = tracer.stop()
    if report:
        check_counts(report, target.calls)
    return figures


def measure_tracers(t, target, floor, tools, repetitions):
    """{name: [shape, with its ratio to the floor before and after]}"""
    results = {"empty pair": [floor_shape(target, floor)], **{tool.name: [] for tool in tools}}
    references = results["empty pair"]
    for _ in range(repetitions):
        for tool in tools:
            figures = traced_shape(t, target, tool)
            references.append(floor_shape(target, floor))
            figures["ratio"] = 2 * figures["ns"] / (references[-2]["ns"] + references[-1]["ns"])
            results[tool.name].append(figures)
    for before, after in zip(references, references[1:]):
        after["ratio"] = after["ns"] / before["ns"]
    references[0]["ratio"] = 1.0
    return {name: {k: summary([r[k] for r in runs]) for k in runs[0]} for name, runs in results.items()}


def percent(ratio):
    return f"{100 * (ratio - 1):+.1f} %"


def print_tracers(results):
    heading("2. A traced call: ns added, against the floor of the same function")
    rows = []
    for name, f in results.items():
        cells = [name, f"{f['ns']['q10']:.0f}", f"{f['ns']['median']:.0f}"]
        cells += [f"{f['ratio'][q]:.2f}" for q in ("q10", "median", "q90")]
        cells += [percent(f[k]["median"]) for k in ("nested", "threads")]
        rows.append(cells)
    table(["", "ns q10", "median", "x floor q10", "median", "q90", "nested in 4", "8 threads"], rows)
    print("(empty pair: ratio to the one before it, which is noise; the last two: growth per call)\n")
    verdicts(results)


def verdicts(results):
    spans, peer = results["pathbpf, spans"], results.get("bpftrace")
    median = spans["ratio"]["median"]
    print(f"pathbpf against the floor: {median:.2f}, {goal(median, 1.2)}")
    if peer:
        ratio = median / peer["ratio"]["median"]
        print(f"pathbpf against bpftrace: {ratio:.2f}, {goal(ratio, 1.0)}")
    for key, what in (("nested", "nested four deep"), ("threads", "eight threads on two CPUs")):
        growth = spans[key]["median"] - 1
        print(f"growth per call, {what}: {percent(growth + 1)}, {goal(100 * growth, 10, '{:.0f} %')}")


def tools_for_calls():
    quiet = ("--no-cpu", "--no-offcpu", "--no-syscalls")
    spec = ("-t", "leaf,nest_?")
    tools = [tracers.Pathbpf("pathbpf, spans", *quiet, *spec), tracers.Pathbpf("pathbpf, all signals", *spec)]
    if tracers.bpftrace_version():
        tools.append(tracers.Bpftrace("bpftrace", harness.need_workload("bench/calls"), ["leaf", *NESTS]))
    return tools


def measure(t, quick):
    target = Target(t, 8 if quick else 16)
    floor = Floor(t, target)
    measure_bases(target)
    result = {"bases": target.base, "floor": measure_floor(target, floor, 3 if quick else 15)}
    print_floor(result["floor"], target.base["leaf"])
    result["calls"] = measure_tracers(t, target, floor, tools_for_calls(), 3 if quick else 11)
    print_tracers(result["calls"])
    target.workload.end()
    return result
