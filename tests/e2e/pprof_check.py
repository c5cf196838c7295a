#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks a profile by handing it to pprof: pprof_check.py FILE

One line a check; exit status 0 when all hold, 77 when this machine has no Go.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile


def pprof(home, *args):
    """What pprof prints on standard output and what it complains of."""
    env = {**os.environ, "HOME": home, "PPROF_TMPDIR": home, "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
    done = subprocess.run(["go", "tool", "pprof", *args], env=env, capture_output=True, text=True,
                          timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


class Raw:
    """The sections of `pprof -raw`."""

    def __init__(self, text):
        samples, rest = text.split("\nLocations\n", 1)
        locations, mappings = rest.split("\nMappings\n", 1)
        _, samples = samples.split("Samples:\n", 1)
        lines = samples.splitlines()
        self.types = [t.removesuffix("[dflt]") for t in lines[0].split()]
        self.default = [t for t in lines[0].split() if t.endswith("[dflt]")]
        self.samples = []
        self.labels = []
        for line in lines[1:]:
            found = re.match(r"^\s*([-\d\s]+): ([\d ]*)$", line)
            if found:
                self.samples.append(([int(v) for v in found[1].split()], [int(v) for v in found[2].split()]))
            else:
                self.labels.append(line)
        self.locations = {int(m[1]): (int(m[2], 16), int(m[3] or 0)) for m in
                          re.finditer(r"^ +(\d+): 0x([0-9a-f]+) (?:M=(\d+) )?", locations, re.M)}
        self.mappings = {int(m[1]): (int(m[2], 16), int(m[3], 16), int(m[4], 16)) for m in
                         re.finditer(r"^(\d+): 0x([0-9a-f]+)/0x([0-9a-f]+)/0x([0-9a-f]+)", mappings, re.M)}


def check_all(path, home, check):
    status, text, complaint = pprof(home, "-raw", path)
    check("pprof reads it", status == 0 and text.startswith(("Comment", "PeriodType", "Period")), complaint.strip())
    if status:
        return
    check("pprof does not complain", not complaint.strip(), complaint.strip())
    raw = Raw(text)
    known = ["samples/count", "cpu/nanoseconds", "offcpu_events/count", "offcpu/nanoseconds"]
    check("value columns", raw.types in (known, known[:2], known[2:]), " ".join(raw.types))
    check("one default", len(raw.default) == 1)
    check("has samples", len(raw.samples) > 0, len(raw.samples))
    check("each sample fills its columns", all(len(v) == len(raw.types) and any(v) and min(v) >= 0 for v, _ in raw.samples))
    check("each sample has a stack", all(ids and all(i in raw.locations for i in ids) for _, ids in raw.samples))
    check("each sample has a process", sum("pid:[" in line for line in raw.labels) == len(raw.samples))
    inside = [not m or (m in raw.mappings and raw.mappings[m][0] <= a < raw.mappings[m][1])
              for a, m in raw.locations.values()]
    check("addresses lie in their mappings", all(inside), f"{len(inside)} locations")
    spans = sorted(raw.mappings.values())
    check("mappings do not overlap", all(a[1] <= b[0] for a, b in zip(spans, spans[1:])), len(spans))
    for i, kind in enumerate(raw.types):
        total = sum(values[i] for values, _ in raw.samples)
        name = kind.split("/")[0]
        unit = ["-unit=ns"] if kind.endswith("nanoseconds") else []
        status, text, complaint = pprof(home, "-top", "-nodecount=5", f"-sample_index={name}", *unit, path)
        shown = re.search(r"of ([\d.]+(?:e\+\d+)?)(?:ns)? total", text)
        check(f"-top by {name}", status == 0 and not complaint.strip()
              and (not total or shown and abs(float(shown[1]) - total) <= 0.01 * total),
              f"{total} in all {complaint.strip()}")
    status, text, _ = pprof(home, "-traces", path)
    check("-traces", status == 0 and text.count("----") >= 1)


def main():
    failed = []

    def check(what, ok, detail=""):
        print(f"{'ok  ' if ok else 'FAIL'} {what}{f' ({detail})' if detail != '' else ''}", flush=True)
        if not ok:
            failed.append(what)

    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    if not shutil.which("go"):
        print("pprof is not here: install golang", file=sys.stderr)
        return 77
    with tempfile.TemporaryDirectory(prefix="pathbpf-pprof-") as home:
        check_all(os.path.abspath(sys.argv[1]), home, check)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
