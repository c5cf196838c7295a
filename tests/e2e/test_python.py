# SPDX-License-Identifier: GPL-2.0-only
"""CPython: each frame of each stack, with file and line, against what the interpreter says of
itself; for every interpreter of this machine. PYTHON_ROOTS names directories (by colons) with
further systems in them, which are entered by chroot."""
import collections
import glob
import os
import re
import shutil

import profile
from harness import *

VERSIONS = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"]
PLACES = ["/usr/bin", "/usr/local/bin", "/opt/*/bin", os.path.expanduser("~/.pyenv/versions/*/bin")]


def interpreters():
    """{name: argv}"""
    found = {}
    for place in PLACES:
        for path in sorted(glob.glob(f"{place}/python3.*")):
            version = re.fullmatch(r".*/python(3\.\d+)", path)
            if version and version[1] in VERSIONS and os.path.realpath(path) not in map(os.path.realpath, (a[0] for a in found.values())):
                found[f"{version[1]} {place.split('/')[-2]}"] = [path]
    for root in filter(None, os.environ.get("PYTHON_ROOTS", "").split(":")):
        for path in sorted(glob.glob(f"{root}/usr/bin/python3.*")):
            version = re.fullmatch(r".*/python(3\.\d+)", path)
            if version and version[1] in VERSIONS:
                found[f"{version[1]} {os.path.basename(root)}"] = ["chroot", root, path[len(root) :]]
    return found


def place_script(t, argv):
    """The workload where the interpreter finds it: its path there."""
    source = SOURCES / "pyframes.py"
    if argv[0] != "chroot":
        return str(source)
    folder = f"{argv[1]}/tmp"
    os.makedirs(folder, exist_ok=True)
    path = shutil.copy(source, f"{folder}/pyframes-{os.getpid()}.py")
    t.defer(os.unlink, path)
    return path[len(argv[1]) :]


def is_python(frame):
    return not frame.mapped and bool(frame.file)


def agrees(got, want, leaves):
    """Equal frame by frame; the leaf's line is one of the function's."""
    if len(got) != len(want) or got[:-1] != want[:-1] or got[-1][:2] != want[-1][:2]:
        return False
    low, high = leaves[want[-1][0]]
    return low <= got[-1][2] <= high


def compare(t, samples, truth, leaves, column, what):
    """Weights of samples at a scene's leaf: right and wrong, by scene; a wrong one's frames."""
    right, wrong, example = collections.Counter(), collections.Counter(), {}
    wanted = {}
    for name, chain in truth.items():
        wanted.setdefault(tuple(chain[-1][:2]), {})[name] = [tuple(f) for f in chain]
    for s in samples:
        chain = [tuple(f[:3]) for f in s.frames if is_python(f)]
        if not s.values[column] or not chain or chain[-1][:2] not in wanted:
            continue
        ours = wanted[chain[-1][:2]]
        fitting = [name for name, want in ours.items() if agrees(chain, want, leaves)]
        if fitting:
            right[fitting[0]] += s.values[column]
            continue
        near = max(ours, key=lambda name: sum(a == b for a, b in zip(ours[name], chain)))
        wrong[near] += s.values[column]
        example[near] = chain
    missing = [name for name in truth if not right[name]]
    check(not missing, f"{what}: no right stack of {missing}; {[(m, (example.get(m) or [])[-6:], truth[m][-6:]) for m in missing[:2]]}")
    share = sum(right.values()) / (sum(right.values()) + sum(wrong.values()))
    check(share >= 0.995, f"{what}: {100 * share:.2f} % of the stacks are right; wrong: {dict(wrong)} {str(example)[:600]}")
    return share


def run_scenes(t, name, argv):
    script = place_script(t, argv)
    w = Workload(t, [*argv, script])
    pb = t.file(f"{name.replace(' ', '-')}.pb.gz")
    tracer = t.trace("-F", 999, "-o", pb, "-p", w.pid)
    w.go()
    truth = w.truth(timeout=120)
    report = tracer.stop()
    w.end()
    for note in report.get("notes", []):
        check("Python frames" not in note or "of" in note, f"{name}: {note}")
    samples = profile.read(pb)
    cpu = compare(t, samples, truth["cpu"], truth["leaves"], 0, f"{name}, on-CPU")
    off = compare(t, samples, truth["off"], truth["leaves"], 2, f"{name}, off-CPU")
    stacks = report["stacks"]
    whole = 1 - stacks["cpu"]["truncated"] / stacks["cpu"]["samples"]
    check(whole >= 0.995, f"{name}: {100 * whole:.2f} % complete stacks")
    unknown = sum(n for stack, n in folded(report, "cpu") if "[unknown]" in stack)
    between(0, unknown / stacks["cpu"]["samples"], 0.005, f"{name}: samples with an unknown frame")
    t.remark(f"{name}: {stacks['cpu']['samples']} samples, {100 * whole:.2f} % complete, {100 * cpu:.2f} % and off-CPU {100 * off:.2f} % right, {unknown} unknown")


def version_case(version):
    def run(t):
        found = {n: a for n, a in interpreters().items() if n.split()[0] == version}
        if not found:
            raise Skip(f"there is no CPython {version} here")
        for name, argv in found.items():
            run_scenes(t, name, argv)

    run.__name__ = f"frames_{version.replace('.', '_')}"
    return case(run)


for v in VERSIONS:
    version_case(v)
