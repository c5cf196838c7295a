#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""How complete stacks are, and how many frames have a name: real services under load, each traced
in turn by pathbpf (on and off the CPU), by perf with frame pointers, by perf with DWARF and by
bpftrace. A stack is complete if its outermost frame is where a thread begins.

usage: tests/bench/stacks.py [--seconds 60] [--frequency 99] [--only redis,node] [--output FILE] [--json FILE]

What is printed goes to --output FILE too, and all figures as JSON to --json FILE. For how long a
sample takes see samples.py; whether frames are the right ones, unwind_truth.py."""
import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.dont_write_bytecode = True
import harness
import services

ROOTS = re.compile(
    r"^(_start|__?clone3?|start_thread|thread_start|\[truncated\]|_dl_start_user|runtime\.(goexit|mcall|mstart|rt0_go|"
    r"systemstack|morestack|asmcgocall|_rt0_amd64|rt0_linux_amd64|gogo|sigreturn)(\.abi0|\.\w+)?)$"
)


class Erlang(services.Service):
    """A loop with lists, binaries and messages, without a request from outside."""

    name = "beam"
    PROGRAM = """
W = fun W() -> receive {F, N} -> F ! lists:sum([X * X rem 7 || X <- lists:seq(1, N)]), W() end end,
P = spawn(W), L = fun L(I) -> P ! {self(), 2000}, receive _ -> ok end,
    _ = binary:split(binary:copy(<<"a,b">>, 200), <<",">>, [global]), L(I + 1) end, L(0).
"""

    def start(self):
        self.spawn([harness.need_program("erl"), "-noinput", "-eval", self.PROGRAM])
        time.sleep(2)

    def find_pids(self):
        return [p for p in [self.process.pid, *services.children(self.process.pid)] if "beam" in open(f"/proc/{p}/comm").read()]

    def ping(self):
        if self.process.poll() is not None:
            raise OSError("it has ended")

    def load(self, seconds):
        time.sleep(seconds)
        return 1


SERVICES = [
    services.Redis,
    services.Nginx,
    services.Memcached,
    services.Postgres,
    services.PythonServer,
    services.Gunicorn,
    services.NodeServer,
    Erlang,
    services.GoServer,
]


class Shares:
    """stacks: of them complete; frames: of them named; user frames only."""

    def __init__(self):
        self.stacks = self.complete = self.frames = self.named = 0

    def add(self, frames, weight, complete):
        self.stacks += weight
        self.complete += weight * complete
        self.frames += weight * len(frames)
        self.named += weight * sum(not f.startswith("[") for f in frames)

    def row(self):
        if not self.stacks:
            return {"stacks": 0}
        return {
            "stacks": self.stacks,
            "complete_pct": round(100 * self.complete / self.stacks, 2),
            "named_pct": round(100 * self.named / max(1, self.frames), 1),
            "depth": round(self.frames / self.stacks, 1),
        }


def of_pathbpf(side, weight_of=lambda n: n):
    shares = Shares()
    for text, n in side["folded"]:
        frames = [f for f in text.split(";")[1:] if not f.endswith("_[k]")]
        if frames and frames != ["[unknown]"]:
            shares.add([f for f in frames if f != "[truncated]"], weight_of(n), "[truncated]" not in frames)
    return shares.row()


def pathbpf(t, pids, seconds, hz):
    out = t.file("pathbpf.json")
    t.pathbpf("-q", "-p", ",".join(map(str, pids)), "-d", seconds, "-F", hz, "--max-overhead", 100, "-o", out, timeout=seconds + 120)
    report = json.load(open(out))
    rows = {"pathbpf": of_pathbpf(report["stacks"]["cpu"]), "pathbpf, off CPU": of_pathbpf(report["stacks"]["offcpu"])}
    rows["pathbpf"]["cuts"] = [(c["why"], c["frame"], c["samples"]) for c in report["stacks"].get("cuts", [])[:3]]
    return rows


def perf(t, pids, seconds, hz, mode):
    data = t.file("perf.data")
    argv = ["perf", "record", "-q", "-o", data, "-e", "cpu-clock:u", "-F", hz, "--call-graph", mode]
    t.run(*map(str, argv), "-p", ",".join(map(str, pids)), "--", "sleep", str(seconds), timeout=seconds + 60)
    # Names as perf has them by default, but without running addr2line for each line.
    script = t.spawn(["perf", "script", "-i", data, "--no-inline", "-F", "ip,sym,dso"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    shares, frames = Shares(), []
    for line in script.stdout:
        line = line.strip()
        if line:
            frames.append("[?]" if "[unknown]" in line else re.sub(r"^\w+ (.*) \(.*\)$", r"\1", line))
        elif frames:
            shares.add(frames, 1, bool(ROOTS.match(re.sub(r"\+0x\w+$", "", frames[-1]))))
            frames = []
    script.wait()
    return shares.row()


def bpftrace(t, pids, seconds, hz):
    condition = " || ".join(f"pid == {p}" for p in pids)
    program = f"profile:hz:{hz} /{condition}/ {{ @[ustack(perf, 127)] = count(); }}"
    script = t.spawn(["bpftrace", "-e", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    time.sleep(seconds + 2)
    script.send_signal(2)
    text = script.communicate(timeout=120)[0]
    shares = Shares()
    for stack, n in re.findall(r"@\[(.*?)\]: (\d+)", text, re.S):
        frames = [f.strip() for f in stack.strip().splitlines() if f.strip()]
        frames = ["[?]" if "[unknown]" in f else re.sub(r"^\w+ (.*)\+\d+ \(.*\)$", r"\1", f) for f in frames]
        if frames:
            shares.add(frames, int(n), bool(ROOTS.match(frames[-1])))
    return shares.row()


def under_load(service, seconds, measure):
    load = threading.Thread(target=lambda: service.load(int(seconds + 6)), daemon=True)
    load.start()
    time.sleep(1)
    # Also those that the load has brought: PostgreSQL's backends.
    rows = measure(sorted({*service.pids, *services.children(service.process.pid)}))
    load.join()
    return rows


def show(name, rows, say):
    for tool, row in rows.items():
        cells = "  ".join(f"{row.get(k, '-'):>9}" for k in ("stacks", "complete_pct", "named_pct", "depth"))
        say(f"{name:10} {tool:18} {cells}  {row.get('cuts') or ''}".rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--frequency", type=int, default=99)
    parser.add_argument("--only", help="services, by commas")
    parser.add_argument("--alone", action="store_true", help="pathbpf only")
    parser.add_argument("--output", type=argparse.FileType("w"))
    parser.add_argument("--json")
    options = parser.parse_args()

    def say(text):
        print(text, flush=True)
        if options.output:
            print(text, file=options.output, flush=True)

    results = collections.OrderedDict()
    say(f"{'SERVICE':10} {'TOOL':18} {'STACKS':>9}  {'COMPLETE%':>9}  {'NAMED%':>9}  {'DEPTH':>9}")
    for kind in SERVICES:
        if options.only and kind.name not in options.only.split(","):
            continue
        t = harness.Case(f"stacks-{kind.name}")
        try:
            service = kind(t)
            seconds, hz = options.seconds, options.frequency
            rows = under_load(service, seconds, lambda pids: pathbpf(t, pids, seconds, hz))
            if not options.alone and shutil.which("perf"):
                for mode in ("fp", "dwarf"):
                    rows[f"perf {mode}"] = under_load(service, seconds, lambda pids: perf(t, pids, seconds, hz, mode))
            if not options.alone and shutil.which("bpftrace"):
                rows["bpftrace"] = under_load(service, seconds, lambda pids: bpftrace(t, pids, seconds, hz))
            results[kind.name] = rows
            show(kind.name, rows, say)
        except (harness.Skip, harness.Failure, OSError) as e:
            say(f"{kind.name:10} skipped: {e}")
        finally:
            t.done()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
