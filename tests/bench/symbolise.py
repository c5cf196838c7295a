#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Time and memory to name many distinct addresses of an object, beside eu-addr2line and addr2line
on the same addresses: name, and with debug information lines and inlined functions.

usage: symbolise.py [OBJECT...]   (WORKLOADS names the folder of `make bench`'s programs)

Without arguments: PostgreSQL, node (100,000 addresses), the C library and pathbpf (20,000)."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("WORKLOADS", ROOT / ".output/workload")) / "bench/symbolise"
TIMEOUT = 120


def defaults():
    wanted = [(str(p), 100000) for p in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))]
    wanted.append((shutil.which("node") or "", 100000))
    wanted.append(("/usr/lib/x86_64-linux-gnu/libc.so.6", 20000))
    wanted.append((str(ROOT / "pathbpf"), 20000))
    return [(path, n) for path, n in wanted if os.path.exists(path)]


def addresses(path, n):
    sections = subprocess.run(["readelf", "-SW", path], capture_output=True, text=True, check=True).stdout
    for line in sections.splitlines():
        fields = line.replace("[", " ").replace("]", " ").split()
        if len(fields) > 5 and fields[1] == ".text":
            start, size = int(fields[3], 16), int(fields[5], 16)
    random.seed(1)
    return "".join(f"{a:#x}\n" for a in random.sample(range(start, start + size), min(n, size)))


def peak_mb(pid):
    """The most memory that a process had; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status") as f:
            return next((int(l.split()[1]) / 1024 for l in f if l.startswith("VmHWM")), 0)
    except OSError:
        return 0


def peer(argv, text):
    """(seconds, MB, how many have a name) of a tool; None: not installed."""
    if not shutil.which(argv[0]):
        return None
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as out:
        given.write(text)
        given.seek(0)
        start, rss = time.monotonic(), 0
        process = subprocess.Popen(argv, stdin=given, stdout=out)
        while process.poll() is None and time.monotonic() - start < TIMEOUT:
            rss = max(rss, peak_mb(process.pid))
            time.sleep(0.005)
        seconds = time.monotonic() - start
        process.kill()
        process.wait()
        out.seek(0)
        return seconds, rss, sum(1 for line in out.read().splitlines()[::2] if line != "??")


def main():
    objects = [(p, 100000) for p in sys.argv[1:]] or defaults()
    for path, n in objects:
        text = addresses(path, n)
        ours = json.loads(subprocess.run([PROGRAM, path], input=text, capture_output=True, text=True, check=True).stdout)
        seconds = ours["open_s"] + ours["names_s"]
        print(f"{path}: {ours['addresses']} addresses")
        print(
            f"  pathbpf        {seconds:8.3f} s  {ours['rss_mb']:7.1f} MB  {ours['named']} named,"
            f" {ours['with_lines']} with lines, {ours['frames']} functions"
        )
        for tool in ("eu-addr2line", "addr2line"):
            found = peer([tool, "-f", "-C", "-e", path], text)
            if not found:
                print(f"  {tool}: not installed")
            elif found[0] >= TIMEOUT:
                print(f"  {tool:13}  > {TIMEOUT} s")
            else:
                print(f"  {tool:13}  {found[0]:8.3f} s  {found[1]:7.1f} MB  {found[2]} named")


if __name__ == "__main__":
    main()
