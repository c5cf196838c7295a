# SPDX-License-Identifier: GPL-2.0-only
"""Every format is what it claims to be, and what cannot be written is said and costs nothing else."""
import csv
import gzip
import html.parser
import json
import os
import re
import time
import xml.etree.ElementTree

from harness import *

FOLDED_LINE = re.compile(r"[^;\n]+(;[^;\n]+)+ [1-9][0-9]*")

# The report's schema by contract: a type, a tuple of alternatives, [element] or {key: type}.
INT, TEXT, NUMBER = int, str, (int, float)
COUNTS = {"*": INT}
SCHEMA = {
    "schema": INT,
    "pathbpf": TEXT,
    "host": {"kernel": TEXT, "arch": TEXT, "cpus": INT},
    "started": TEXT,
    "duration_ns": INT,
    "targets": [{"pid": INT, "comm": TEXT, "exe": TEXT, "exit": (None, {"code": INT}, {"signal": TEXT})}],
    "nodes": [{"id": INT, "name": TEXT, "object": TEXT, "kind": TEXT, "calls": INT}],
    "paths": [
        {
            "path": [TEXT],
            "nodes": [INT],
            "cpu_ns": (INT, None),
            "offcpu_ns": (INT, None),
            "error_types": COUNTS,
            **{k: INT for k in "calls errors open total_ns self_ns min_ns max_ns".split()},
            **{k: INT for k in "p50_ns p90_ns p99_ns p999_ns".split()},
        }
    ],
    "unused": [{"name": TEXT, "object": TEXT}],
    "stacks": {
        "cpu": {"samples": INT, "truncated": INT, "frequency_hz": INT, "folded": [[(TEXT, INT)]]},
        "offcpu": {"total_ns": INT, "truncated": INT, "folded": [[(TEXT, INT)]]},
    },
    "syscalls": [
        {"name": TEXT, "calls": INT, "errors": INT, "total_ns": INT, "max_ns": INT, "error_types": COUNTS}
    ],
    "overhead": {"target_pct": NUMBER, "budget_pct": NUMBER, "detached": [{"name": TEXT, "reason": TEXT}]},
    "lost": {"samples": INT, "spans": INT, "events": INT, "paths": INT, "stacks": INT},
}


def matches(value, schema, where):
    """None when a value is as the schema says, or what is wrong."""
    if isinstance(schema, tuple):
        wrong = [matches(value, s, where) for s in schema]
        return None if None in wrong else wrong[0]
    if schema is None or isinstance(schema, type):
        good = value is None if schema is None else isinstance(value, schema) and not isinstance(value, bool)
        return None if good else f"{where} is {value!r}"
    if isinstance(schema, list):
        if not isinstance(value, list):
            return f"{where} is no list"
        return next((w for i, v in enumerate(value) if (w := matches(v, schema[0], f"{where}[{i}]"))), None)
    if not isinstance(value, dict):
        return f"{where} is no object"
    if "*" in schema:
        return next((w for k, v in value.items() if (w := matches(v, schema["*"], f"{where}.{k}"))), None)
    for key, below in schema.items():
        if key not in value:
            return f"{where}.{key} is missing"
        if wrong := matches(value[key], below, f"{where}.{key}"):
            return wrong
    return None


def traced_outputs(t, *args, **kwargs):
    """A short trace of a little of everything; the tracer after its end."""
    a, b = t.workload("spans", "-t", 2, "-n", 640), t.workload("errnos", "-t", 1, "-n", 20)
    tracer = t.trace("-F", 997, "--max-overhead", 100, "-p", f"{a.pid},{b.pid}", "-t", "round_trip,leaf_c,slow_d", *args, **kwargs)
    for w in (a, b):
        w.go()
        w.truth()
    time.sleep(0.2)
    tracer.send(2)
    tracer.process.wait(STOP_TIMEOUT)
    for w in (a, b):
        w.end()
    return tracer


def check_folded(text, report, what):
    lines = text.splitlines()
    for line in lines:
        check(FOLDED_LINE.fullmatch(line), f"{what}: {line!r} is no folded line")
        check(not any(ord(c) < 32 for c in line), f"{what}: control character in {line!r}")
    stacks = [line.rsplit(" ", 1)[0] for line in lines]
    equal(len(stacks), len(set(stacks)), f"{what}: distinct stacks")
    want = {stack: n for stack, n in report}
    equal({s: int(line.rsplit(" ", 1)[1]) for s, line in zip(stacks, lines)}, want, f"{what} against the JSON report")


@case
def json_follows_the_schema(t):
    tracer = traced_outputs(t)
    equal(tracer.process.returncode, 0, "exit status")
    report = tracer.report()
    wrong = [w for key in SCHEMA if (w := matches(report.get(key), SCHEMA[key], key))]
    equal(wrong, [], "departures from the schema")
    for i, stack in enumerate(report["stacks"]["cpu"]["folded"]):
        check(len(stack) == 2 and isinstance(stack[0], str) and isinstance(stack[1], int), f"folded[{i}] {stack}")
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", report["started"]), report["started"])
    equal(report["schema"], 1, "schema")
    for p in report["paths"]:
        equal([n["name"] for i in p["nodes"] for n in report["nodes"] if n["id"] == i], p["path"], "names of nodes")
    for key in ("paths", "stacks", "syscalls"):
        check(report[key], f"{key} is empty")


@case
def signals_that_were_left_out_are_absent_and_named(t):
    w = t.workload("busy", "-s", 100)
    tracer = t.trace("--no-cpu", "--no-offcpu", "--no-syscalls", "-t", "spin_heavy", "-p", w.pid)
    w.go()
    w.truth()
    report = tracer.stop()
    w.end()
    check("syscalls" not in report, "syscalls are there")
    equal(set(report.get("stacks", {})), set(), "stacks")
    missing = {m["what"] for m in report["missing"]}
    check({"cpu", "offcpu", "syscalls"} <= missing, f"missing: {missing}")
    check(all(m["why"] for m in report["missing"]), "every missing signal has a reason")


class Balance(html.parser.HTMLParser):
    VOID = set("area base br col embed hr img input link meta source track wbr".split())

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.loads, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.loads += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v and not v.startswith("#")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.loads += [v for k, v in attrs if k in ("src", "href") and v and not v.startswith("#")]

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        self.text.append(data)


def check_html(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    check(text.lower().startswith("<!doctype html>"), f"{path} does not begin with a doctype")
    parser = Balance()
    parser.feed(text)
    parser.close()
    equal(parser.wrong + [f"<{tag}>" for tag in parser.open if tag not in ("p", "li", "tr", "td")], [], "unbalanced tags")
    equal([u for u in parser.loads if not u.startswith("data:")], [], "what the page loads from elsewhere")
    contains(text, "round_trip", "HTML report")


@case
def all_formats_in_one_run(t):
    names = ["x.txt", "x.folded", "x.html", "x.svg", "x.csv", "x.pb.gz"]
    tracer = traced_outputs(t, *(a for n in names for a in ("-o", t.file(n))))
    equal(tracer.process.returncode, 0, f"exit status ({tracer.stderr()})")
    equal(tracer.stdout(), "", "standard output, which nobody asked for")
    report = tracer.report()
    for name in names:
        check(os.path.getsize(t.file(name)) > 0, f"{name} is empty")
    with open(t.file("x.folded")) as f:
        check_folded(f.read(), report["stacks"]["cpu"]["folded"], "x.folded")
    with open(t.file("x.offcpu.folded")) as f:
        check_folded(f.read(), report["stacks"]["offcpu"]["folded"], "x.offcpu.folded")
    check_html(t.file("x.html"))
    root = xml.etree.ElementTree.parse(t.file("x.svg")).getroot()
    equal(root.tag, "{http://www.w3.org/2000/svg}svg", "root element of the SVG")
    contains("".join(root.itertext()), "round_trip", "SVG")
    check_csv(t.file("x.csv"))
    check_text(t.file("x.txt"))
    with gzip.open(t.file("x.pb.gz")) as f:
        contains(f.read().decode("latin-1"), "round_trip", "pprof")


def check_csv(path):
    with open(path, newline="") as f:
        rows = list(csv.reader(f, strict=True))
    check(len(rows) > 3, f"rows of the CSV: {len(rows)}")
    equal({len(r) for r in rows}, {len(rows[0])}, "columns of all rows")
    check(any("leaf_c" in cell for r in rows for cell in r), "leaf_c is not in the CSV")


def check_text(path):
    with open(path) as f:
        text = f.read()
    for word in ("round_trip", "leaf_c", "futex", "ETIMEDOUT"):
        contains(text, word, "text report")
    check("\x1b" not in text, "no escape sequences in a file")


@case
def pprof_reads_the_profile(t):
    go = need_program("go")
    tracer = traced_outputs(t, "-o", t.file("x.pb.gz"))
    equal(tracer.process.returncode, 0, "exit status")
    done = t.run(go, "tool", "pprof", "-top", "-cum", "-nodecount=60", t.file("x.pb.gz"), env={**os.environ, "HOME": str(t.dir)})
    equal(done.returncode, 0, f"go tool pprof ({done.stderr})")
    contains(done.stdout, "worker_run", "go tool pprof -top")


@case
def standard_output_with_a_format(t):
    tracer = traced_outputs(t, "-o", "-", "--format", "json", json_report=False)
    equal(tracer.process.returncode, 0, f"exit status ({tracer.stderr()})")
    report = json.loads(tracer.stdout())
    equal(report["schema"], 1, "schema")
    tracer = traced_outputs(t, "-o", "-", "--format", "folded", json_report=False)
    for line in tracer.stdout().splitlines():
        check(FOLDED_LINE.fullmatch(line), f"{line!r} is no folded line")


@case
def the_text_report_is_the_default(t):
    tracer = traced_outputs(t, json_report=False)
    equal(tracer.process.returncode, 0, f"exit status ({tracer.stderr()})")
    for word in ("round_trip", "leaf_c"):
        contains(tracer.stdout(), word, "text report on standard output")
    equal(tracer.stderr(), "", "standard error, which is no terminal")


@case
def an_unknown_suffix_is_refused_at_once(t):
    w = t.workload("busy")
    start = time.monotonic()
    done = t.pathbpf("-d", 5, "-p", w.pid, "-o", t.file("x.docx"), want=2)
    between(0, time.monotonic() - start, 1, "seconds until it was refused")
    contains(done.stderr, "x.docx", "message")
    t.pathbpf("-d", 5, "-p", w.pid, "--format", "docx", "-o", "-", want=2)
    w.go()
    w.truth()
    w.end()


@case
def an_unwritable_file_is_an_error(t):
    w = t.workload("busy")
    done = t.pathbpf("-d", 0.3, "-p", w.pid, "-o", t.file("nowhere/x.json"), want=1)
    contains(done.stderr, "nowhere/x.json", "message")
    equal(len(done.stderr.splitlines()), 1, f"lines of the message {done.stderr!r}")
    w.go()
    w.truth()
    w.end()


@case
def a_full_disk_costs_only_what_lies_on_it(t):
    tracer = traced_outputs(
        t, "--format", "folded", "-o", "/dev/full", "-o", t.file("kept.folded"), json_report=False
    )
    equal(tracer.process.returncode, 1, "exit status")
    contains(tracer.stderr(), "/dev/full", "message")
    with open(t.file("kept.folded")) as f:
        lines = f.read().splitlines()
    check(lines and all(FOLDED_LINE.fullmatch(line) for line in lines), f"{len(lines)} lines kept")


@case
def a_full_standard_output(t):
    with open("/dev/full", "wb") as full:
        tracer = traced_outputs(t, "-o", "-", stdout=full)
    equal(tracer.process.returncode, 1, f"exit status ({tracer.stderr()})")
    check(tracer.report()["paths"], "the JSON report is whole")


@case
def a_reader_that_has_gone(t):
    """pathbpf -o - | head -0 must not lose the other outputs."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        tracer = traced_outputs(t, "--format", "json", "-o", "-", "-o", t.file("kept.json"), json_report=False, stdout=write_end)
    finally:
        os.close(write_end)
    check(tracer.process.returncode in (0, 1), f"exit status {tracer.process.returncode} ({tracer.stderr()})")
    with open(t.file("kept.json")) as f:
        check(json.load(f)["paths"], "the other report is whole")
