# SPDX-License-Identifier: GPL-2.0-only
"""What the hostile cases share. A workload of tests/workload/hostile runs alone, then under the
tracer: it must say the same and end the same way. Its truth is {"calls": {NAME: N}, "unwound":
{NAME: N}, "errors": {NAME: {TYPE: N}}}; the report equals it, or says how much was lost."""
import json
import re
import subprocess

from harness import *

SPANS_ONLY = ("--no-cpu", "--no-offcpu", "--no-syscalls", "--max-overhead", "100")


class Run:
    """What came of a traced run; `report` is None when all functions were refused."""

    def __init__(self, truth, report, tracer):
        self.truth, self.report, self.tracer = truth, report, tracer


def program(name):
    """A workload by its name, or a program by its path."""
    return name if name.startswith("/") else need_workload("hostile/" + name)


def normalised(text, free):
    """Lines; of those in JSON, without the keys in `free`, which differ from run to run."""
    lines = []
    for line in text.splitlines():
        if line.startswith("{"):
            line = {k: v for k, v in json.loads(line).items() if k not in free}
        lines.append(line)
    return lines


def alone(t, argv):
    """(standard output, exit status as subprocess gives it) without a tracer."""
    done = t.run(*argv, timeout=30)
    return done.stdout, done.returncode


def check_same(name, plain, output, status, free):
    equal(status, plain[1], f"exit status of {name}, by itself {plain[1]}")
    equal(normalised(output, free), normalised(plain[0], free), f"what {name} says")


def truth_in(output):
    lines = [line for line in output.splitlines() if line.startswith("{")]
    check(lines, f"no truth in {output!r}")
    return json.loads(lines[-1])


def specs(spec):
    spec = [spec] if isinstance(spec, str) else spec
    return [word for s in spec for word in ("-t", s)]


def attach(t, w, spec, options, may_refuse):
    """The tracer; None when it refused all of this at once, and that is allowed."""
    try:
        return t.trace(*options, "-p", w.pid, *specs(spec))
    except Failure:
        tracer = t.tracers[-1]
        if not may_refuse or tracer.process.returncode != 1:
            raise
        check_refusal(t, tracer)
        return None


def check_refusal(t, tracer):
    lines = tracer.stderr().splitlines()
    equal(len(lines), 1, f"lines that refuse: {tracer.stderr()!r}")
    contains(lines[0], "not traced", "refusal")
    t.remark(lines[0])


def detach(t, tracer, dies, may_refuse):
    """The report; None when all functions were refused."""
    if not dies:
        check(tracer.process.poll() is None, f"pathbpf ended early: {tracer.stderr()}")
        tracer.send(signal.SIGINT)
    if may_refuse and tracer.process.wait(STOP_TIMEOUT) == 1:
        check_refusal(t, tracer)
        return None
    return tracer.wait().report()


def watched(t, name, spec, *args, options=SPANS_ONLY, free=(), may_refuse=False, dies=False):
    """Attaches before the first call, detaches after the last one; lets it end. With `dies`, the
    trace goes on until the target has ended."""
    argv = [program(name), *map(str, args)]
    plain = alone(t, argv)
    w = Workload(t, argv)
    tracer = attach(t, w, spec, options, may_refuse)
    w.go()
    truth = w.line(40)
    report = detach(t, tracer, dies, may_refuse) if tracer and not dies else None
    check(w.process.poll() is None, f"{name} died when the tracer went: {w.error_text()}")
    w.say("end")
    try:
        status = w.process.wait(20)
    except subprocess.TimeoutExpired:
        raise Failure(f"{name} does not end") from None
    output = "ready\n" + truth + "\n" + (w.pending + w.process.stdout.read()).decode()
    check_same(name, plain, output, status, free)
    if tracer and dies:
        report = detach(t, tracer, dies, may_refuse)
    return Run(json.loads(truth), report, tracer)


def commanded(t, name, spec, *args, options=SPANS_ONLY, free=()):
    """The same by -- COMMAND: from the first instruction to the end."""
    argv = [program(name), *map(str, args)]
    plain = alone(t, argv)
    tracer = t.trace(*options, *specs(spec), "--", *argv, ready=False)
    status = plain[1] if plain[1] >= 0 else 128 - plain[1]
    tracer.wait(want=status, timeout=40)
    check_same(name, plain, tracer.stdout(), plain[1], free)
    report = tracer.report()
    check(report, f"no report: {tracer.stderr()}")
    return Run(truth_in(tracer.stdout()), report, tracer)


# Comparing with the truth.


def lost(report):
    return report["lost"].get("spans", 0) + report["lost"].get("paths", 0)


def skipped(report):
    return {s["what"] for s in report.get("skipped", [])}


def sum_of(report, name, key):
    return sum(p.get(key, 0) for p in report["paths"] if p["path"][-1] == name)


def check_calls(report, calls, refusable=()):
    """Every call was counted; what was not stands under `lost`, one by one."""
    wrong, missing = {}, 0
    for name, want in calls.items():
        got = calls_of(report, name)
        if name in refusable and not got and name in skipped(report):
            continue
        equal(sum_of(report, name, "calls"), got, f"calls of the paths of {name}, and of the node")
        missing += want - got
        if got != want:
            wrong[name] = f"{got}, should be {want}"
    check(not any(n > 0 for n in open_calls(report).values()), f"calls that are open: {open_calls(report)}")
    check(
        missing == lost(report) and all(calls_of(report, n) <= calls[n] for n in wrong),
        f"calls {wrong}; lost {report['lost']}; skipped {sorted(skipped(report))}; {report.get('notes')}",
    )


def open_calls(report):
    return {"/".join(p["path"]): p["open"] for p in report["paths"] if p["open"]}


def check_ends(report, truth, free_errors=()):
    """How the calls ended: without a return, and failed of what."""
    names = truth["calls"]
    wanted = {n: truth.get("unwound", {}).get(n, 0) for n in names}
    got = {n: sum_of(report, n, "unwound") for n in names}
    wrong = {n: f"{got[n]}, should be {wanted[n]}" for n in names if got[n] != wanted[n]}
    check(not wrong, f"calls that left without a return: {wrong}")
    for name in names:
        if name in free_errors:
            continue
        want = truth.get("errors", {}).get(name, {})
        equal(error_types_of(report, name), want, f"error types of {name}")
        equal(errors_of(report, name), sum(want.values()), f"errors of {name}")


def check_truth(run, refusable=(), free_errors=()):
    """All of the above. When something was lost, its end is unknown, too."""
    if not run.report:
        return
    check_calls(run.report, run.truth["calls"], refusable)
    if not lost(run.report):
        check_ends(run.report, run.truth, free_errors)


def check_graph(report, graph):
    """Each node of a path was called by the one before it: {NAME: names of callers}, where None
    stands for functions that are not traced."""
    wrong = {}
    for p in report["paths"] if report else []:
        for caller, name in zip([None, *p["path"]], p["path"]):
            if name in graph and caller not in graph[name]:
                wrong[f"{caller} -> {name}"] = p["path"]
    check(not wrong, f"callers that do not call this: {wrong}")


def offset_in(name):
    """The offset in a name such as program+0x1234, or None."""
    found = re.search(r"\+0x([0-9a-f]+)\]?$", name)
    return int(found.group(1), 16) if found else None
