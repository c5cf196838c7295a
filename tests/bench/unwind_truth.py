#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Stacks against an independent unwinder: stops a process at random moments, has pathbpf take the
stacks of its stopped threads and another unwinder walk the same ones, and compares frame by frame.

usage: unwind_truth.py PID [STOPS [WALKER]]   (root; PATHBPF names the binary)

WALKER is eu-stack (of elfutils; quick) or gdb (slow; the default where eu-stack is not installed).
"""
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PATHBPF = os.environ.get("PATHBPF", "./pathbpf")
OFFSET = re.compile(r"^\[(.+)\+0x([0-9a-f]+)\]$")


def executable_maps(pid):
    maps = []
    with open(f"/proc/{pid}/maps") as f:
        for line in f:
            fields = line.split(None, 5)
            if "x" in fields[1] and len(fields) == 6:
                start, end = (int(x, 16) for x in fields[0].split("-"))
                maps.append((start, end, int(fields[2], 16), fields[5].strip()))
    return maps


def place(maps, addr):
    """The file's name and offset of an address."""
    for start, end, offset, name in maps:
        if start <= addr < end:
            return name, addr - start + offset
    return None


WALK = """
import gdb
for thread in gdb.selected_inferior().threads():
    thread.switch()
    print("thread")
    frame = gdb.newest_frame()
    while frame:
        # What was inlined, or left by a tail call, has no frame of its own.
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            print("frame", frame.pc())
        frame = frame.older()
"""


def gdb_stacks(pid, folder):
    """Of each thread the list of addresses, leaf first."""
    script = os.path.join(folder, "walk.py")
    with open(script, "w") as f:
        f.write(WALK)
    out = subprocess.run(
        ["gdb", "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "set backtrace past-main on"]
        + ["-ex", "set backtrace past-entry on", "-p", str(pid), "-x", script],
        capture_output=True,
        text=True,
    ).stdout
    stacks = []
    for line in out.splitlines():
        words = line.split()
        if words[:1] == ["thread"]:
            stacks.append([])
        elif words[:1] == ["frame"]:
            stacks[-1].append(int(words[1]))
    return stacks


def eu_stacks(pid, _):
    """The same by elfutils."""
    out = subprocess.run(["eu-stack", "-n", "0", "-r", "-p", str(pid)], capture_output=True, text=True).stdout
    stacks = []
    for line in out.splitlines():
        if line.startswith("TID "):
            stacks.append([])
        elif m := re.match(r"#\d+ +0x([0-9a-f]+)", line):
            stacks[-1].append(int(m[1], 16))
    return stacks


WALKERS = {"gdb": gdb_stacks, "eu-stack": eu_stacks}


class Names:
    """Which symbols cover a place in a file, by nm; also of the debug file, if there is one."""

    def __init__(self, path):
        self.symbols, self.segments = [], []
        out = subprocess.run(["readelf", "-lnW", path], capture_output=True, text=True).stdout
        for m in re.finditer(r"LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)", out):
            self.segments.append(tuple(int(x, 16) for x in m.groups()))
        build_id = re.search(r"Build ID: (\w+)", out)
        files = [["-D", path], [path]]
        if build_id:
            files.append([f"/usr/lib/debug/.build-id/{build_id[1][:2]}/{build_id[1][2:]}.debug"])
        for args in files:
            out = subprocess.run(["nm", "-S", "-C"] + args, capture_output=True, text=True).stdout
            for m in re.finditer(r"^(\w+) (\w+) [tTwWiVu] (.+)$", out, re.M):
                self.symbols.append((int(m[1], 16), int(m[2], 16), re.sub(r"@.*", "", m[3])))

    def at(self, offset):
        addr = next((offset - o + v for o, v, size in self.segments if o <= offset < o + size), None)
        return {name for start, size, name in self.symbols if addr is not None and start <= addr < start + size}


def own_stacks(pid, folder):
    base = os.path.join(folder, "s")
    subprocess.run(
        [PATHBPF, "-q", "-p", str(pid), "-d", "0.2", "--no-cpu", "--no-syscalls", "--no-plugins"]
        + ["--native", "-o", base + ".folded"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    stacks = []
    with open(base + ".offcpu.folded") as f:
        for line in f:
            frames = line.rsplit(" ", 1)[0].split(";")[1:]
            # What was inlined has no frame of its own.
            stacks.append([x for x in reversed(frames) if not x.endswith(("_[k]", "_[i]"))])
    return stacks


def same(ours, addr, maps, names, is_leaf):
    at = place(maps, addr)
    m = OFFSET.match(ours)
    if not at or at[0].startswith("/memfd:"):  # compiled at run time: only its runtime has a name
        return ours.endswith("_[p]") or ours.startswith("[")
    if m:
        return (os.path.basename(at[0]), at[1]) == (m[1], int(m[2], 16))
    if at[0] not in names:
        names[at[0]] = Names(at[0])
    known = names[at[0]].at(at[1] - (not is_leaf)) | names[at[0]].at(at[1])
    return ours in known or re.sub(r"\(.*", "", ours) in {re.sub(r"\(.*", "", k) for k in known} or not known


def compare(ours, truth, maps, names):
    """How many frames agree, from the leaf on."""
    n = 0
    while n < len(ours) and n < len(truth) and same(ours[n], truth[n], maps, names, n == 0):
        n += 1
    return n


def main():
    pid, stops = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20
    walker = sys.argv[3] if len(sys.argv) > 3 else "eu-stack" if shutil.which("eu-stack") else "gdb"
    interpreted = "python" in os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    frames = agreed = stacks = whole = 0
    names = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(stops):
            time.sleep(random.uniform(0.05, 0.3))
            os.kill(pid, signal.SIGSTOP)
            try:
                time.sleep(0.02)
                ours = own_stacks(pid, folder)
                if interpreted:  # its functions have no frames that others see
                    ours = [[x for x in s if not x.endswith("_[p]")] for s in ours]
                maps = executable_maps(pid)
                truths = [t for t in WALKERS[walker](pid, folder) if t]
            finally:
                os.kill(pid, signal.SIGCONT)
            for truth in truths:
                # Equal stacks of several threads are one line of ours: the best match counts.
                best = max(ours, key=lambda o: compare(o, truth, maps, names), default=[])
                n = compare(best, truth, maps, names)
                frames += len(truth)
                agreed += n
                stacks += 1
                whole += n == len(truth) == len(best)
                if not n == len(truth) == len(best):
                    print("differs at frame", n)
                    print("  ours ", best)
                    print("  truth", [(hex(a), place(maps, a)) for a in truth])
    print(f"{stacks} stacks, {whole} the same; {frames} frames, {agreed} the same ({100 * agreed / max(frames, 1):.2f} %)")
    return 0 if stacks and whole == stacks else 1


if __name__ == "__main__":
    sys.exit(main())
