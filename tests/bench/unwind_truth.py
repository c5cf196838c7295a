#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Stacks against an independent unwinder. A service under load is stopped at random moments; pathbpf
takes the stacks of its stopped threads, and another unwinder (elfutils' eu-stack, or gdb: slow) walks
the same ones. They are compared frame by frame, by the names that nm gives to that unwinder's
addresses; what differs is printed.

usage: unwind_truth.py [--stops 1000] [--only redis,node]    services of tests/e2e/services.py
       unwind_truth.py [--stops 1000] --pid PID              one process that runs already
       unwind_truth.py [--stops 1000] -- COMMAND [ARG...]    one that is started, and its children

Of each service one line: stacks, those that are the same as a whole; frames of the truth, those that
are the same; cut: those that ours says are missing ([truncated]); further: where the other unwinder gave up and ours went on; ours: stacks that no thread
had. --output FILE writes all of it to FILE too. Root; PATHBPF names the binary."""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.dont_write_bytecode = True
import harness
import services
import stacks
import walkers

TRUNCATED = "[truncated]"
OFFSET = re.compile(r"^\[(.+)\+0x([0-9a-f]+)\]$")


def without_parameters(name):
    """f(int) const → f: demanglers differ in what they write there. Go's assembler: f.abi0 → f."""
    name = re.sub(r"\.abi0$", "", name)
    name = re.sub(r"( const)?( \[clone .*\])?( ?\(\.[\w.]+\))?$", "", name)
    depth = 0
    for i in range(len(name) - 1, -1, -1):
        depth += (name[i] == ")") - (name[i] == "(")
        if depth == 0:
            return name[:i] if name[i] == "(" and i else name
    return name


class Run:
    """What was compared of one service."""

    def __init__(self, name, say):
        self.name, self.say = name, say
        self.names, self.seen = {}, collections.Counter()
        self.stops = self.stacks = self.whole = self.frames = self.same = self.cut = self.further = self.ours = self.unnamed = 0

    def names_of(self, at, maps):
        key = at[0], maps.pid if not at[0].startswith("/") else 0
        if key not in self.names:
            self.names[key] = walkers.Names(at[0], at[2])
        return self.names[key]

    def is_same(self, ours, place, maps):
        at = maps.find(place.addr if place.exact else place.addr - 1)
        if not at or walkers.is_compiled(at[0]):  # only its runtime has a name for it
            return ours.endswith("_[p]") or ours.startswith("[") or bool(at)
        if m := OFFSET.match(ours):
            offset = at[1] + (not place.exact)
            return os.path.basename(at[0]) == m[1] and offset == int(m[2], 16)
        known = self.names_of(at, maps).at(at[1])
        if not known:
            self.unnamed += 1  # by nm: it is by a runtime's own tables, or the linker's
            return True
        return ours in known or without_parameters(ours) in {without_parameters(k) for k in known}

    def agreement(self, ours, truth, maps):
        """How many frames agree, from the leaf on; and how many ours says that it has not: behind
        "[truncated]", but for those at the root's end where both ends were kept."""
        n = 0
        while n < len(ours) and n < len(truth) and self.is_same(ours[n], truth[n], maps):
            n += 1
        if n == len(ours) or ours[n] != TRUNCATED:
            return n, 0
        tail, k = ours[n + 1 :], 0
        while k < min(len(tail), len(truth) - n) and self.is_same(tail[-1 - k], truth[-1 - k], maps):
            k += 1
        return n + k, len(truth) - n - k if k == len(tail) else 0

    def up_to_the_end(self, truth, maps):
        """Without what others find behind the function that begins a thread of Go: its clone(), and
        what is no code."""
        while len(truth) > 1:
            at = maps.find(truth[-1].addr - 1)
            if at and not (at[0].startswith("/") and "runtime.clone.abi0" in self.names_of(at, maps).at(at[1])):
                break
            truth = truth[:-1]
        return truth

    def compare(self, ours, truths, maps):
        """The stacks of one moment. Equal ones of several threads are one line of ours."""
        used, walked = set(), all(truths)  # the other unwinder may have failed on a thread
        truths = [self.up_to_the_end(t, maps) for t in truths if t]
        for truth in truths:
            scores = [(*self.agreement(o, truth, maps), -len(o), i) for i, o in enumerate(ours)]
            n, cut, _, best = max(scores, default=(0, 0, 0, None))
            used.add(best)
            stack = ours[best] if best is not None else []
            self.stacks += 1
            self.frames += len(truth)
            self.same += n
            self.cut += cut
            further = n == len(truth) < len(stack)
            self.further += further
            walked = walked and not further
            self.whole += n == len(truth) == len(stack)
            if n + cut < len(truth):
                self.tell(n, stack, truth, maps)
        for i, stack in enumerate(ours):
            if i not in used and walked:
                self.ours += 1
                self.tell(0, stack, [], maps)

    def tell(self, n, ours, truth, maps):
        near = ours[max(0, n - 1) : n + 1]
        self.seen[str(near)] += 1
        if self.seen[str(near)] > 2:
            return
        self.say(f"{self.name}: differs at frame {n} of {len(truth)} (ours has {len(ours)})")
        self.say(f"  ours  {' < '.join(ours[max(0, n - 3) : n + 6])}")
        there = [maps.find(p.addr) or ("?", p.addr, "") for p in truth[max(0, n - 3) : n + 6]]
        self.say("  truth " + " < ".join(f"{os.path.basename(name)}+{offset:#x}" for name, offset, _ in there))

    def line(self):
        share = 100 * self.same / max(1, self.frames)
        return (
            f"{self.name:14} {self.stops:6} {self.stacks:7} {self.whole:7} {self.frames:8} {self.same:8} {share:8.3f} "
            f"{self.cut:6} {self.further:7} {self.ours:5} {self.unnamed:8}"
        )


HEAD = f"{'SERVICE':14} {'STOPS':>6} {'STACKS':>7} {'WHOLE':>7} {'FRAMES':>8} {'SAME':>8} {'SAME%':>8} {'CUT':>6} {'FURTHER':>7} {'OURS':>5} {'UNNAMED':>8}"


def own_stacks(pid, folder):
    """Of each distinct stack of the threads the frames, leaf first."""
    out = os.path.join(folder, "stacks.json")
    argv = [harness.PATHBPF, "-q", "-p", str(pid), "-d", "0.05", "--no-cpu", "--no-syscalls", "--no-plugins"]
    subprocess.run([*argv, "--no-follow", "--native", "-o", out], check=True, stdout=subprocess.DEVNULL)
    with open(out) as f:
        folded = json.load(f)["stacks"]["offcpu"]["folded"]
    found = []
    for text, _ in folded:
        frames = text.split(";")[1:]
        # What was inlined has no frame of its own.
        found.append([x for x in reversed(frames) if not x.endswith(("_[k]", "_[i]"))])
    return [s for s in found if s]


def is_interpreter(pid):
    """Its functions have no frames that others see."""
    return "python" in os.path.basename(os.readlink(f"/proc/{pid}/exe"))


def stop_once(run, pid, walk, folder):
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(0.02)
        ours = own_stacks(pid, folder)
        if is_interpreter(pid):
            ours = [[x for x in s if not x.endswith("_[p]")] for s in ours]
        maps = walkers.Maps(pid)
        truths = walk(pid, folder)
    finally:
        os.kill(pid, signal.SIGCONT)
    run.stops += 1
    run.compare(ours, truths, maps)


def stop_often(run, pids, options, running):
    """pids: a function, as children come and go."""
    walk = walkers.WALKERS[options.walker]
    with tempfile.TemporaryDirectory() as folder:
        while run.stops < options.stops and running():
            time.sleep(random.uniform(0.02, 0.2))
            try:
                stop_once(run, random.choice(pids()), walk, folder)
            except (ProcessLookupError, FileNotFoundError, IndexError, subprocess.CalledProcessError):
                continue  # it has ended meanwhile


def keep_loaded(service, ended):
    # Of clients that do not wait as long as a stop takes, on their threads.
    threading.excepthook = lambda _: None
    while not ended.is_set():
        try:
            service.load(10)
        except (harness.Failure, OSError) as e:  # a stop may be longer than a client waits
            print(f"{service.name}: load: {e}", file=sys.stderr)
            time.sleep(1)


def service_run(kind, options, say):
    t = harness.Case(f"truth-{kind.name}")
    run, ended = Run(kind.name, say), threading.Event()
    load = None
    try:
        service = kind(t)
        load = threading.Thread(target=keep_loaded, args=(service, ended), daemon=True)
        load.start()
        time.sleep(1)
        stop_often(run, lambda: sorted({*service.pids, *services.children(service.process.pid)}), options, lambda: True)
    except harness.Skip as e:
        say(f"{kind.name:14} skipped: {e}")
        return None
    finally:
        ended.set()
        if load:
            load.join(60)
        t.done()
    return run


def descendants(pid):
    found = [pid]
    for p in found:
        found += services.children(p)
    return found


def command_run(options, say):
    with subprocess.Popen(options.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True) as p:
        run = Run(os.path.basename(options.command[0]), say)
        try:
            time.sleep(0.3)
            stop_often(run, lambda: descendants(p.pid), options, lambda: p.poll() is None)
        finally:
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)
    return run


def pid_run(options, say):
    run = Run(pathlib.Path(f"/proc/{options.pid}/comm").read_text().strip(), say)
    stop_often(run, lambda: [options.pid], options, lambda: os.path.exists(f"/proc/{options.pid}"))
    return run


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stops", type=int, default=1000)
    parser.add_argument("--only", help="services, by commas")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--walker", choices=walkers.WALKERS, default=walkers.installed())
    parser.add_argument("--output", type=argparse.FileType("w"))
    parser.add_argument("command", nargs="*")
    return parser.parse_args()


def main():
    options = parse()
    if not options.walker:
        sys.exit("neither eu-stack (package elfutils) nor gdb is installed")

    def say(text):
        print(text, flush=True)
        if options.output:
            print(text, file=options.output, flush=True)

    say(HEAD)
    runs = []
    if options.pid:
        runs.append(pid_run(options, say))
    elif options.command:
        runs.append(command_run(options, say))
    else:
        wanted = options.only.split(",") if options.only else [k.name for k in stacks.SERVICES]
        for kind in stacks.SERVICES:
            if kind.name in wanted:
                runs.append(service_run(kind, options, say))
                if runs[-1]:
                    say(runs[-1].line())
    runs = [r for r in runs if r]
    if options.pid or options.command:
        say(runs[0].line())
    return 0 if runs and all(r.same + r.cut == r.frames and not r.ours for r in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
