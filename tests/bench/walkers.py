# SPDX-License-Identifier: GPL-2.0-only
"""Unwinders that are not ours, and what symbol tables say of the addresses that they find: the truth
of unwind_truth.py."""
import bisect
import collections
import os
import re
import shutil
import subprocess

# An address that a thread is at, or returns to. exact: at, as at the leaf and below a signal's frame.
Place = collections.namedtuple("Place", "addr exact")

GDB = """
import gdb
for thread in gdb.selected_inferior().threads():
    thread.switch()
    print("thread")
    frame, exact = gdb.newest_frame(), True
    while frame:
        # What was inlined, or left by a tail call, has no frame of its own.
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            print("frame", frame.pc(), int(exact))
        exact = frame.type() == gdb.SIGTRAMP_FRAME
        frame = frame.older()
"""


def gdb(pid, folder):
    """Of each thread the list of places, leaf first."""
    script = os.path.join(folder, "walk.py")
    with open(script, "w") as f:
        f.write(GDB)
    argv = ["gdb", "-nx", "-batch"]
    for setting in ("debuginfod enabled off", "backtrace past-main on", "backtrace past-entry on"):
        argv += ["-ex", f"set {setting}"]
    out = subprocess.run([*argv, "-p", str(pid), "-x", script], capture_output=True, text=True).stdout
    stacks = []
    for line in out.splitlines():
        words = line.split()
        if words[:1] == ["thread"]:
            stacks.append([])
        elif words[:1] == ["frame"] and stacks:
            stacks[-1].append(Place(int(words[1]), words[2] == "1"))
    return stacks


def eu_stack(pid, _):
    """The same by elfutils, which follows frame pointers where there is no unwind information."""
    out = subprocess.run(["eu-stack", "-n", "0", "-a", "-r", "-p", str(pid)], capture_output=True, text=True).stdout
    stacks = []
    for line in out.splitlines():
        if line.startswith("TID "):
            stacks.append([])
        elif m := re.match(r"#\d+ +0x([0-9a-f]+)( - 1)?", line):
            stacks[-1].append(Place(int(m[1], 16), not m[2]))
    return stacks


WALKERS = {"gdb": gdb, "eu-stack": eu_stack}


def installed():
    """The quickest walker of this machine, or None."""
    return next((name for name in ("eu-stack", "gdb") if shutil.which(name)), None)


class Maps:
    """The executable mappings of a process."""

    def __init__(self, pid):
        self.pid, self.all = pid, []
        with open(f"/proc/{pid}/maps") as f:
            for line in f:
                fields = line.split(None, 5)
                if "x" in fields[1]:
                    start, end = (int(x, 16) for x in fields[0].split("-"))
                    name = fields[5].strip() if len(fields) == 6 else ""
                    self.all.append((start, end, int(fields[2], 16), name, fields[0]))

    def find(self, addr):
        """(file's name, offset, the mapping's way in map_files) of an address; None: no code."""
        for start, end, offset, name, span in self.all:
            if start <= addr < end:
                return name, addr - start + offset, f"/proc/{self.pid}/map_files/{span}"
        return None


def is_compiled(name):
    """Code that a runtime has made, whose names only that runtime knows."""
    return not name or name.startswith(("/memfd:", "//anon", "[heap", "[anon", "/dev/zero", "/SYSV"))


class Names:
    """Which functions cover a place in a file: symbol tables by nm, its debug file's too."""

    def __init__(self, path, via):
        self.segments, self.symbols, self.starts, self.longest = [], [], [], 0
        # Not `path`: the process may have another root, or the file be replaced.
        readable = via if os.path.exists(via) else path
        out = subprocess.run(["readelf", "-lnW", readable], capture_output=True, text=True).stdout
        for m in re.finditer(r"LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)", out):
            self.segments.append(tuple(int(x, 16) for x in m.groups()))
        files = [["-D", readable], [readable]]
        if build_id := re.search(r"Build ID: (\w+)", out):
            files.append([f"/usr/lib/debug/.build-id/{build_id[1][:2]}/{build_id[1][2:]}.debug"])
        for args in files:
            for demangle in ([], ["-C"]):
                self.add(subprocess.run(["nm", "-S", *demangle, *args], capture_output=True, text=True).stdout)
        self.symbols.sort()
        self.starts = [s[0] for s in self.symbols]

    def add(self, text):
        for m in re.finditer(r"^(\w+) (\w+) [tTwWiVu] (.+)$", text, re.M):
            start, size = int(m[1], 16), int(m[2], 16)
            self.symbols.append((start, size, re.sub(r"@.*", "", m[3])))
            self.longest = max(self.longest, size)

    def at(self, offset):
        """Names of the functions there; none: that is not known."""
        addr = next((offset - o + v for o, v, size in self.segments if o <= offset < o + size), None)
        if addr is None:
            return set()
        i = bisect.bisect_right(self.starts, addr)
        names = set()
        while i and addr - self.starts[i - 1] <= self.longest:
            start, size, name = self.symbols[i - 1]
            if start <= addr < start + size:
                names.add(name)
            i -= 1
        return names
