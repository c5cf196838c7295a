# SPDX-License-Identifier: GPL-2.0-only
"""Stacks of Go programs against what Go itself says of them: whole, in the right order, also where
they go through C and back. The workloads are built by the `go` of the PATH; further compilers that
PATHBPF_GO names (paths, between colons) build theirs here."""
import os
import re
import subprocess
import time

from harness import *

SECONDS = 4
HZ = 499
COMPLETE = 0.995

# The compiler makes functions of methods, and methods for pointers of those for values; the runtime
# has functions that run deferred ones. Go's own stacks leave them out.
WRAPPERS = {"main.(*shop).sellByValue", "main.(*shop).sell-fm", "runtime.runOpenDeferFrame", "runtime.deferCallSave"}


def own_stacks(report, kind, comm):
    """[(frames from the root, weight)] of the program, without its children's and the kernel's."""
    stacks = []
    for stack, weight in report["stacks"][kind]["folded"]:
        frames = stack.split(";")
        if frames[0] == comm[:15]:
            stacks.append(([f for f in frames[1:] if not f.endswith("_[k]")], weight))
    return stacks


def check_complete(t, report, comm):
    for kind in ("cpu", "offcpu"):
        stacks = own_stacks(report, kind, comm)
        total = sum(n for _, n in stacks)
        cut = [(n, f) for f, n in stacks if "[truncated]" in f or "[unknown]" in f]
        check(total > 0, f"{kind} stacks")
        share = 1 - sum(n for n, _ in cut) / total
        check(share >= COMPLETE, f"complete {kind} stacks: {share:.4f}; {sorted(cut, reverse=True)[:5]}")
        t.remark(f"{kind} {100 * share:.2f} %")


def without_wrappers(frames):
    return [f for f in frames if f not in WRAPPERS]


def check_chains(report, comm, chains):
    """Each sample in burn() has a chain that Go told, and each chain has samples."""
    want = {}
    for name, frames in chains.items():
        chain = tuple(f["name"] + ("_[i]" if f["inlined"] else "") for f in frames)
        check(chain[0] == "runtime.goexit" and chain[-1] == "main.burn", f"chain {name}: {chain}")
        want[chain] = name
    seen = dict.fromkeys(chains, 0)
    for frames, weight in own_stacks(report, "cpu", comm):
        frames = without_wrappers(frames)
        if "main.burn" in frames:
            chain = tuple(frames[: frames.index("main.burn") + 1])
            check(chain in want, f"no such chain: {';'.join(chain[:20])} … {';'.join(chain[-6:])}")
            seen[want[chain]] += weight
    check(all(seen.values()), f"samples by chain: {seen}")


def trace_stacks(t, path):
    comm = os.path.basename(path)
    w = Workload(t, [path])
    chains = json.loads(w.line(20))
    tracer = t.trace("-F", HZ, "-p", w.pid)
    time.sleep(SECONDS)
    report = tracer.stop()
    w.end()
    check_complete(t, report, comm)
    check_chains(report, comm, chains)


TO_C = r"runtime\.cgocall;runtime\.asmcgocall;(?:_cgo_\w+_Cfunc_{0};)?{0}"
TO_GO = (
    r"goWork;crosscall2;(?:crosscall2_trampoline;)?runtime\.cgocallback;(?:runtime\.cgocallbackg;)+runtime\.cgocallbackg1;"
    r"(?:_cgoexp_\w+_goWork;)?main\.goWork"
)
BY_GO = r"main\._Cfunc_c_calls_go;" + TO_C.format("c_calls_go") + ";" + TO_GO
GO = r"runtime\.goexit;(?:main\.main\.\w+;)?(?:main\.repeat;)?"

# Of stacks that end in these functions, root first.
CGO_CHAINS = {
    "callsC": GO + r"main\.callsC;main\._Cfunc_c_burns;" + TO_C.format("c_burns"),
    "callsBack": GO + rf"main\.callsBack;{BY_GO};{BY_GO};{BY_GO};main\.burnInGo",
    "thread": r"(?:clone3?;)?start_thread;c_thread;c_calls_go;" + TO_GO + r";main\.burnInGo",
}
HOST_CHAINS = {
    "main": rf"_start;(?:__libc_\w+;)*main;host_calls;{TO_GO};{BY_GO};main\.burnInGo",
    "thread": r"(?:clone3?;)?start_thread;host_thread;" + TO_GO + r";main\.burnInGo",
}


def check_patterns(report, comm, patterns, leaves):
    seen = dict.fromkeys(patterns, 0)
    for frames, weight in own_stacks(report, "cpu", comm):
        frames = [f for f in frames if not f.endswith("_[i]")]
        for leaf in leaves:
            if leaf not in frames or (leaf == "c_burns" and "main.callsC" not in frames):
                continue
            chain = ";".join(frames[: len(frames) - frames[::-1].index(leaf)])
            names = [n for n, p in patterns.items() if re.fullmatch(p, chain)]
            check(names, f"no such chain: {chain}")
            seen[names[0]] += weight
    check(all(seen.values()), f"samples by chain: {seen}")


def trace_calls(t, argv, patterns):
    comm = os.path.basename(argv[0])
    w = Workload(t, argv)
    tracer = t.trace("-F", HZ, "-p", w.pid)
    time.sleep(SECONDS)
    report = tracer.stop()
    w.end()
    check_complete(t, report, comm)
    check_patterns(report, comm, patterns, ["c_burns", "main.burnInGo"])


@case
def goroutines(t):
    trace_stacks(t, need_workload("gostacks"))


@case
def stripped(t):
    trace_stacks(t, need_workload("gostacks_stripped"))


@case
def position_independent(t):
    trace_stacks(t, need_workload("gostacks_pie"))


@case
def calls_of_c_and_back(t):
    trace_calls(t, [need_workload("gocgo")], CGO_CHAINS)


@case
def calls_of_c_and_back_position_independent(t):
    trace_calls(t, [need_workload("gocgo_pie")], CGO_CHAINS)


@case
def library_of_a_c_program(t):
    trace_calls(t, [need_workload("gohost"), need_workload("libgocgo.so")], HOST_CHAINS)


def build(t, go, what, *flags):
    root = os.path.dirname(os.path.dirname(os.path.realpath(go)))
    out = t.file(what)
    env = dict(
        os.environ,
        GOROOT=root,
        GOCACHE=f"/tmp/pathbpf-go-cache-{os.path.basename(root)}",
        GOFLAGS="-mod=mod",
        GOPROXY="off",
        GOTOOLCHAIN="local",
        CGO_ENABLED="1" if flags[-1] == "./cgo" else "0",
    )
    done = t.run(go, "build", "-buildvcs=false", "-o", out, *flags, cwd=SOURCES / "go", env=env, timeout=300)
    equal(done.returncode, 0, f"{go} build ({done.stderr[-1000:]})")
    return out


@case
def other_compilers(t):
    compilers = [go for go in SETTINGS.get("PATHBPF_GO", "").split(":") if go]
    if not compilers:
        raise Skip("PATHBPF_GO names none")
    host = need_workload("gohost")
    for go in compilers:
        version = subprocess.run([go, "version"], capture_output=True, text=True).stdout.split()[2]
        t.remark(version)
        trace_stacks(t, build(t, go, "stacks", "./stacks"))
        trace_stacks(t, build(t, go, "stripped", "-ldflags=-s -w", "-buildmode=pie", "./stacks"))
        trace_calls(t, [build(t, go, "cgo", "./cgo")], CGO_CHAINS)
        trace_calls(t, [build(t, go, "cgopie", "-buildmode=pie", "./cgo")], CGO_CHAINS)
        library = build(t, go, "libgocgo.so", "-buildmode=c-shared", "./cgo")
        trace_calls(t, [host, library], HOST_CHAINS)
