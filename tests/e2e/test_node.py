# SPDX-License-Identifier: GPL-2.0-only
"""JavaScript: which functions run in node, and who called them. tests/workload/nodecalls.js is
traced as it is interpreted, compiled by the baseline compiler, and optimised; PATHBPF_NODES may
name more builds of node, separated by colons."""
import gzip
import re
import subprocess

from harness import *

SOURCE = SOURCES / "nodecalls.js"
SECONDS = 3
HZ = 499

# Who may call a function of the workload, as far as functions of the workload go (None: nobody).
CALLERS = {
    "spinLeaf": "priceOf make toJSON sortCallback replaceCallback generate closure onTick proxyGet recurse "
    "wunderschöneFunktion asyncLeaf onDone onStat",
    "priceOf": "arrowCall|get taxed",
    "arrowCall": "mapCallback",
    "mapCallback": "viaMap",
    "sortCallback": "viaSort",
    "toJSON": "viaStringify",
    "replaceCallback": "viaReplace",
    "generate": "viaGenerator",
    "closure": "viaApply",
    "onTick": "viaEmit",
    "proxyGet": "viaProxy",
    "get taxed": "round",
    "recurse": "recurse round",
    "round": "onTimer asyncOuter",
    "asyncLeaf": "asyncOuter None",
    "asyncOuter": "onTimer None",
    "onTimer": "None (anonymous)",
    "onDone": "None",
    "onStat": "None",
    **{
        name: "round"
        for name in "viaMap viaSort viaStringify viaReplace viaGenerator viaApply viaEmit viaProxy viaHash viaDeflate "
        "viaRegexp wunderschöneFunktion".split()
    },
}
CALLERS = {name: set(re.split(r"\||(?<!get) ", callers)) for name, callers in CALLERS.items()}

# What the line says that calls a function, where it is not the function's name.
CALLS = {
    "mapCallback": ".map(",
    "sortCallback": ".sort(",
    "toJSON": "JSON.stringify(",
    "replaceCallback": ".replace(",
    "generate": "of generate(",
    "closure": ".apply(",
    "onTick": ".emit(",
    "proxyGet": "proxy.anything",
    "get taxed": ".taxed",
}

TIERS = {
    "interpreted": ["--no-opt", "--no-sparkplug", "--no-maglev"],
    "baseline": ["--always-sparkplug", "--no-opt", "--no-maglev"],
    "optimised": [],
}


def nodes():
    return [need_program("node")] + [n for n in SETTINGS.get("PATHBPF_NODES", "").split(":") if n]


def version(node):
    return subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()


def flags(node, tier):
    """Those that this build knows."""
    text = subprocess.run([node, "--v8-options"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^ +(--[a-z0-9-]+)", text, re.M))
    wanted = list(TIERS[tier])
    if version(node).startswith("v23"):  # its Maglev does not tell what it inlined
        wanted.append("--no-maglev")
    return [f for f in wanted if f.replace("--no-", "--") in known]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def fields(data):
    """(number, value) of a protobuf message; packed numbers stay bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        yield key >> 3, value


def numbers(value):
    if isinstance(value, int):
        return [value]
    at, found = 0, []
    while at < len(value):
        number, at = varint(value, at)
        found.append(number)
    return found


def profile(path):
    """[([(function, file, line), root first], samples)] of a pprof file."""
    strings, functions, locations, samples = [], {}, {}, []
    for field, value in fields(gzip.decompress(pathlib.Path(path).read_bytes())):
        if field == 6:
            strings.append(value.decode())
        elif field == 5:
            f = dict(fields(value))
            functions[f[1]] = (f.get(2, 0), f.get(4, 0))
        elif field == 4:
            parts = list(fields(value))
            lines = [dict(fields(v)) for n, v in parts if n == 4]
            locations[dict(parts)[1]] = [(x.get(1, 0), x.get(2, 0)) for x in lines]
        elif field == 2:
            parts = list(fields(value))
            ids = [i for n, v in parts if n == 1 for i in numbers(v)]
            values = [i for n, v in parts if n == 2 for i in numbers(v)]
            samples.append((ids, values))

    def frame(function, line):
        name, file = functions.get(function, (0, 0))
        return strings[name], strings[file], line

    return [([frame(*x) for i in reversed(ids) for x in reversed(locations[i])], v[0]) for ids, v in samples if v[0]]


def own(stack):
    """(name, line) of the workload's functions."""
    return [(name, line) for name, file, line in stack if file.endswith("nodecalls.js")]


def run(t, node, tier, *arguments):
    out = t.file("node.pb.gz")
    process = t.spawn([node, *flags(node, tier), str(SOURCE), "60000", *arguments])
    time.sleep(1.5)
    t.pathbpf(
        "-F", str(HZ), "--no-syscalls", "-d", str(SECONDS), "-p", str(process.pid),
        "-o", out, "-o", t.file("node.json"),
    )  # fmt: skip
    process.kill()
    report = json.loads(pathlib.Path(t.file("node.json")).read_text())
    return profile(out), report


def check_calls(stacks, what):
    """Every call is one of the source. How many samples were seen of each function."""
    seen = {}
    for stack, n in stacks:
        before = "None"
        for name, _ in own(stack):
            seen[name] = seen.get(name, 0) + n
            if name in CALLERS:
                check(before in CALLERS[name], f"{what}: {before} does not call {name}: {[f[0] for f in stack]}")
            before = name
    return seen


def check_lines(stacks, what):
    """Callers stand at the line that calls. (calls with a line, calls)"""
    text = SOURCE.read_text().splitlines()
    lines = calls = 0
    for stack, n in stacks:
        frames = own(stack)
        for (caller, line), (callee, _) in zip(frames, frames[1:]):
            if callee not in CALLERS:
                continue
            calls += n
            lines += n * (line > 0)
            want = CALLS.get(callee, callee + "(")
            # Of a loop that the compiler peeled, it says the loop's head.
            there = text[line - 1] + (text[line] if "for (" in text[line - 1] else "")
            check(not line or want in there, f"{what}: {caller} calls {callee} at line {line}: {text[line - 1]!r}")
    return lines, calls


def check_complete(t, report, what):
    cpu = report["stacks"]["cpu"]
    whole = cpu["samples"] - cpu["truncated"]
    check(cpu["samples"] > 100, f"{what}: {cpu['samples']} samples")
    check(whole >= 0.995 * cpu["samples"], f"{what}: {whole} of {cpu['samples']} stacks are complete")
    folded_stacks = cpu["folded"]
    unknown = sum(n for stack, n in folded_stacks if "[unknown]" in stack)
    check(unknown <= 0.005 * cpu["samples"], f"{what}: {unknown} of {cpu['samples']} stacks have nameless frames")


def tier(t, name, wanted):
    for node in nodes():
        stacks, report = run(t, node, name)
        what = f"{version(node)} {name}"
        check_complete(t, report, what)
        seen = check_calls(stacks, what)
        check(set(wanted) <= set(seen), f"{what}: not seen: {sorted(set(wanted) - set(seen))}")
        lines, calls = check_lines(stacks, what)
        check(lines >= 0.9 * calls, f"{what}: {lines} of {calls} callers have a line")
        t.remark(f"{version(node)}: {report['stacks']['cpu']['samples']} samples, {100 * lines / calls:.1f} % of callers with a line")


@case
def interpreted(t):
    tier(t, "interpreted", CALLERS.keys() - {"onDone", "onStat", "asyncLeaf"})


@case
def baseline(t):
    tier(t, "baseline", CALLERS.keys() - {"onDone", "onStat", "asyncLeaf", "wunderschöneFunktion"})


@case
def optimised(t):
    # Which functions are inlined, and so not seen at the leaf, is the compiler's affair.
    tier(t, "optimised", {"round", "onTimer", "recurse", "spinLeaf", "viaHash", "viaDeflate"})


@case
def off_cpu_and_workers(t):
    """Where threads wait, in the main thread and in a worker: the same names, in whole stacks."""
    _, report = run(t, need_program("node"), "interpreted", "worker")
    offcpu = report["stacks"]["offcpu"]
    check(offcpu["truncated"] <= 0.005 * max(1, offcpu["total_ns"] / 1000), f"{offcpu['truncated']} us without an end")
    waits = [stack for stack, _ in offcpu["folded"] if "viaHash (" in stack or "onTimer (" in stack]
    check(waits, "waits in functions of the workload")
    workers = [s for s, _ in report["stacks"]["cpu"]["folded"] if "node::worker::Worker" in s and "round (" in s]
    check(workers, "a worker's functions below its thread's")


@case
def a_shell_that_becomes_node(t):
    """Nothing of V8 is there at the attach, and -p names one process alone."""
    argv = ["/bin/sh", "-c", 'echo ready; read go; exec "$@"', "sh", need_program("node"), str(SOURCE), "3000"]
    w = Workload(t, argv)
    tracer = t.trace("-F", HZ, "-d", 4, "-p", w.pid)
    w.go()
    tracer.wait()
    cpu = tracer.report()["stacks"]["cpu"]
    seen = [(stack, n) for stack, n in cpu["folded"] if "onTimer (" in stack]
    check(sum(n for _, n in seen) > 100, f"samples of the workload: {cpu['folded'][:3]}")
    equal([s for s, _ in seen if "[truncated]" in s], [], "incomplete stacks")
