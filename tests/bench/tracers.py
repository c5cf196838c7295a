# SPDX-License-Identifier: GPL-2.0-only
"""The tracers that are compared, on one interface: start() returns when every probe is live, with
something to stop(); that returns pathbpf's report, or None."""
import os
import pathlib
import re
import shutil
import signal
import subprocess

import harness

TRACER_CPU = {max(os.sched_getaffinity(0))}


def pin():
    """In a child: beside the target, not on its CPU."""
    os.sched_setaffinity(0, TRACER_CPU)


class Pathbpf:
    says_ready = True

    def __init__(self, name, *options):
        self.name, self.options = name, options

    def start(self, t, pid):
        # The budget must not take probes away while they are measured.
        return t.trace("--max-overhead", 100, *self.options, "-p", pid, preexec_fn=pin)


def bpftrace_version():
    """(major, minor), or None where it is not installed."""
    if not shutil.which("bpftrace"):
        return None
    text = subprocess.run(["bpftrace", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


class Bpftrace:
    """The latency of functions as its users measure it, each with maps of its own. A glob shares
    them: right as a load, not as a result."""

    says_ready = False

    def __init__(self, name, path, functions):
        self.name = name
        self.program = " ".join(self.pair(path, function, i) for i, function in enumerate(functions))

    @staticmethod
    def pair(path, function, i):
        enter = f"uprobe:{path}:{function} {{ @start{i}[tid] = nsecs; }}"
        return enter + f" uretprobe:{path}:{function} {{ @ns{i} = hist(nsecs - @start{i}[tid]); }}"

    def start(self, t, pid):
        del pid  # nobody else runs the file, and a filter would cost it
        log = t.file("bpftrace.log")
        process = t.spawn(
            ["bpftrace", "-e", self.program],
            stdin=subprocess.DEVNULL,
            stdout=open(log, "wb"),
            stderr=subprocess.STDOUT,
            env={**os.environ, "BPFTRACE_MAX_PROBES": "40000", "BPFTRACE_MAX_BPF_PROGS": "40000"},
            preexec_fn=pin,
        )
        return RunningBpftrace(process, log)


class RunningBpftrace:
    def __init__(self, process, log):
        self.process, self.pid, self.log = process, process.pid, log
        self.wait_settled()

    def text(self):
        return pathlib.Path(self.log).read_text(errors="replace")

    def descriptors(self):
        """Of its probes and programs. bpftrace says that it attaches, not that it has."""
        harness.check(self.process.poll() is None, f"bpftrace ended: {self.text()[-500:]}")
        fds = f"/proc/{self.pid}/fd"
        links = []
        for fd in os.listdir(fds):
            try:
                links.append(os.readlink(f"{fds}/{fd}"))
            except FileNotFoundError:
                pass
        return sum("perf_event" in link or "bpf_link" in link for link in links)

    def wait_settled(self):
        seen = []

        def settled():
            seen.append(self.descriptors())
            # 0.2 s without another one
            return "Attaching" in self.text() and len(seen) > 10 and seen[-1] > 0 and len(set(seen[-10:])) == 1

        harness.wait_until(settled, "bpftrace attaches", 60)

    def stop(self):
        harness.check(self.process.poll() is None, f"bpftrace ended early: {self.text()[-500:]}")
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        harness.contains(self.text(), "@ns", "bpftrace's histogram")
