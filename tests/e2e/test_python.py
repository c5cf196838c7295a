# SPDX-License-Identifier: GPL-2.0-only
"""CPython: each frame of each stack, with file and line, against what the interpreter says of
itself; for every interpreter of this machine. PYTHON_ROOTS names directories (by colons) with
further systems in them, which are entered by chroot."""
import collections
import glob
import os
import pathlib
import re
import shutil

import profile
import services
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
                found[f"{version[1]} {path.split('/')[-3]}"] = [path]
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
        check("no Python frames" not in note, f"{name}: {note}")
    samples = profile.read(pb)
    cpu = compare(t, samples, truth["cpu"], truth["leaves"], 0, f"{name}, on-CPU")
    off = compare(t, samples, truth["off"], truth["leaves"], 2, f"{name}, off-CPU")
    stacks = report["stacks"]
    whole = 1 - stacks["cpu"]["truncated"] / stacks["cpu"]["samples"]
    check(whole >= 0.995, f"{name}: {100 * whole:.2f} % complete stacks")
    unknown = sum(n for stack, n in folded(report, "cpu") if "[unknown]" in stack)
    # Code of modules lives only while they are imported: it may be gone when it is to be named.
    between(0, unknown / stacks["cpu"]["samples"], 0.01, f"{name}: samples with an unknown frame")
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


def newest():
    """The interpreters that the other cases do with: this system's, and the newest."""
    found = interpreters()
    ours = [n for n in found if n.endswith(" usr")] + sorted(found, key=lambda n: int(n.split()[0].split(".")[1]))[-1:]
    if not ours:
        raise Skip("there is no CPython here")
    return [found[n] for n in dict.fromkeys(ours)]


def write_script(t, argv, text):
    """Where the interpreter finds it: its path there."""
    if argv[0] != "chroot":
        path = t.file("script.py")
    else:
        path = f"{argv[1]}/tmp/script-{os.getpid()}.py"
        t.defer(pathlib.Path(path).unlink, True)
    with open(path, "w") as f:
        f.write(text)
    return path[len(argv[1]) :] if argv[0] == "chroot" else path


def python_chains(stacks):
    """{names of Python frames, root first: weight}"""
    found = collections.Counter()
    for stack, n in stacks:
        found[tuple(f.split(" (")[0] for f in stack.split(";") if f.endswith("_[p]"))] += n
    return found


SPIN = """
import os, sys, time
def spin(n):
    end = time.thread_time() + n
    while time.thread_time() < end:
        for i in range(1000):
            i * i
"""

FORKS = (
    SPIN
    + """
def in_child(): spin(1)
def in_parent(): spin(1)
def after_exec(): spin(1.5)
if sys.argv[1:]:
    after_exec()
else:
    print("ready", flush=True)
    sys.stdin.readline()
    if not os.fork():
        in_child()
        os._exit(0)
    in_parent()
    os.wait()
    os.execv(sys.executable, [sys.executable, __file__, "again"])
"""
)


@case
def forks_and_programs_that_follow(t):
    for argv in newest():
        w = Workload(t, [*argv, write_script(t, argv, FORKS)])
        tracer = t.trace("-F", 499, "-p", w.pid)
        w.go()
        tracer.wait()
        got = python_chains(folded(tracer.report(), "cpu"))
        for name in ("in_child", "in_parent", "after_exec"):
            seen = sum(n for chain, n in got.items() if chain == ("<module>", name, "spin"))
            check(seen > 50, f"{argv[-1]}: {name} was seen {seen} times: {got}")


SUBINTERPRETER = (
    SPIN
    + """
try:
    import _interpreters as sub
except ImportError:
    import _xxsubinterpreters as sub
def outside():
    made = sub.create()
    run = getattr(sub, "run_string", None) or sub.exec
    run(made, open(__file__).read().split("try:")[0] + "def inside(): spin(1.5)\\ninside()")
print("ready", flush=True)
sys.stdin.readline()
outside()
print("{}", flush=True)
sys.stdin.readline()
"""
)


@case
def interpreters_within_one(t):
    for name, argv in interpreters().items():
        w = Workload(t, [*argv, write_script(t, argv, SUBINTERPRETER)])
        tracer = t.trace("-F", 499, "-p", w.pid)
        w.go()
        w.truth()
        got = python_chains(folded(tracer.stop(), "cpu"))
        w.end()
        want = ("<module>", "outside", "<module>", "inside", "spin")
        seen = sum(n for chain, n in got.items() if chain[-1:] == ("spin",))
        check(seen > 100 and got[want] >= 0.98 * seen, f"{name}: {got}")


@case
def a_shell_that_becomes_an_interpreter(t):
    """Nothing of Python is there at the attach, and -p names one process alone."""
    for name, argv in interpreters().items():
        script = write_script(t, argv, SPIN + "def late(): spin(1.5)\nlate()\n")
        w = Workload(t, ["/bin/sh", "-c", 'echo ready; read go; exec "$@"', "sh", *argv, script])
        tracer = t.trace("-F", 499, "-p", w.pid)
        w.go()
        tracer.wait()
        report = tracer.report()
        got = python_chains(folded(report, "cpu"))
        seen = sum(n for chain, n in got.items() if chain[-1:] == ("spin",))
        check(seen > 100 and got["<module>", "late", "spin"] >= 0.99 * seen, f"{name}: {got}")


@case
def gunicorn(t):
    service = services.Gunicorn(t)
    tracer = t.trace("-F", 499, "-p", ",".join(map(str, service.pids)))
    check(service.load(3) > 0, "load on gunicorn")
    report = tracer.stop()
    service.check_alive()
    got = python_chains(folded(report, "cpu"))
    priced = {chain: n for chain, n in got.items() if chain[-1:] == ("compute_price",)}
    check(sum(priced.values()) > 30, f"samples of compute_price: {got.most_common(5)}")
    tail = ("SyncWorker.handle", "SyncWorker.handle_request", "app", "handle_work", "compute_price")
    for chain in priced:
        equal(chain[-5:], tail, "who calls compute_price")
        equal(chain[:2], ("<module>", "run"), "where the stack begins")
    stacks = report["stacks"]["cpu"]
    between(0, stacks["truncated"] / stacks["samples"], 0.005, "truncated stacks")
    t.remark(f"{stacks['samples']} samples, {stacks['truncated']} truncated")


@case
def native_frames_are_kept_on_request(t):
    """Each Python function of 3.10 has its own activation of the eval loop; 3.11 shares one."""
    for name, argv in interpreters().items():
        minor = int(name.split()[0].split(".")[1])
        script = SPIN + "def key(x): return spin(1.5)\nprint('ready', flush=True)\nsys.stdin.readline()\nsorted([1], key=key)\nprint('{}', flush=True)\nsys.stdin.readline()\n"
        w = Workload(t, [*argv, write_script(t, argv, script)])
        tracer = t.trace("-F", 499, "--native", "-p", w.pid)
        w.go()
        w.truth()
        report = tracer.stop()
        w.end()
        seen = good = 0
        for stack, n in folded(report, "cpu"):
            frames = stack.split(";")
            python = [i for i, f in enumerate(frames) if f.endswith("_[p]")]
            if [frames[i].split(" (")[0] for i in python] != ["<module>", "key", "spin"]:
                continue
            seen += n
            module, key, spin = python
            natives = [f for f in frames[module + 1 : key] if not f.endswith("_[k]")]
            # sorted() runs between <module> and key; nothing but the eval loop between key and spin
            between_leaf = spin - key - 1
            good += n * (len(natives) >= 3 and (between_leaf == 0) == (minor > 10))
        check(seen > 100 and good >= 0.98 * seen, f"{name}: {good} of {seen} have native frames in their places")
