# SPDX-License-Identifier: GPL-2.0-only
"""Odd plugins and odd hosts: each tells what it did, and must end as if nobody had looked."""
from harness import *
from plugins import *


@case
def every_kind_of_call(t):
    truth, report = zoo_run(t, "work")
    p = plugin(report, "plain.so")
    values(p, loads=1, unloads=1, executions=truth["executions"], errors=truth["errors"])
    values(p, exceptions=truth["exceptions"], ok=truth["executions"] - truth["errors"], in_flight=0)
    equal(p["error_types"], {"ret=-1": 10, "ret=0": 10, "exception int": 10}, "types of errors")
    equal(sorted(errors(report, "execution")), sorted(["ret=-1", "ret=0", "exception int"] * 10), "errors told")
    [total] = events(report, "plugin_execute")
    equal(total["metadata"]["executions"], truth["executions"], "executions told")
    nothing_lost(report)


@case
def every_call_as_an_event(t):
    truth, report = zoo_run(t, "work", options=("--plugin-calls", "--max-overhead", 100))
    told = events(report, "plugin_execute", "plain.so")
    equal(len(told), truth["executions"], "executions told")
    equal(sum(e["status"] == "error" for e in told), truth["errors"], "failed ones")
    equal({e["metadata"]["entry"] for e in told} >= {"plain_work", "plain_throw"}, True, "entries are named")
    check(all(e["pid"] and e["tid"] for e in told), "each has its thread")


@case
def functions_that_are_named_as_well(t):
    """-t on a plugin that is loaded later: all calls of its functions, and its executions."""
    truth, report = zoo_run(t, "work", options=("-t", "plain.so:plain_throw,plain_caught", "--max-overhead", 100))
    equal(calls_of(report, "plain_throw"), 20, "calls, also from within")
    values(plugin(report, "plain.so"), executions=truth["executions"], errors=truth["errors"])


@case
def before_the_first_call(t):
    """Nobody waits: what was not seen is told by the gap."""
    truth, report = host_run(t, "plugins/zoo", "table")
    p = plugin(report, "odd_table.so")
    seen(p, p["executions"], truth["executions"], "executions")
    check(p["gap_ns"] or p["executions"], "either they were counted, or there was a gap")


@case
def in_threads(t):
    truth, report = zoo_run(t, "threads", "-t", 6, "-n", 20)
    for i in range(6):
        values(plugin(report, f"copy{i}.so"), loads=1, unloads=1, executions=20)


@case
def many_at_once(t):
    truth, report = host_run(t, "plugins/zoo", "many", "-t", 20, "-n", 5, "-p", 500)
    equal(sum(p["loads"] for p in report["plugins"]), 20, "loads")
    equal(sum(p["executions"] for p in report["plugins"]), truth["executions"], "executions")


@case
def again_and_again(t):
    truth, report = host_run(t, "plugins/zoo", "rounds", "-n", 2000)
    p = plugin(report, "plain.so")
    values(p, loads=2000, unloads=2000, load_errors=0, reopens=0, closes=0, state="unloaded")
    check(p["gap_ns"] > 0 and p["executions"] <= truth["executions"], "what was not probed has a gap")
    nothing_lost(report)


@case
def entered_in_odd_ways(t):
    for mode in ("table", "vtable", "ifunc", "versions"):
        truth, report = zoo_run(t, mode)
        values(plugin(report, f"odd_{mode}.so"), loads=1, unloads=1, executions=truth["executions"])


@case
def a_plugin_that_loads_another_in_its_constructor(t):
    truth, report = zoo_run(t, "constructor")
    values(plugin(report, "odd_outer.so"), loads=1, executions=truth["outer"])
    inner = plugin(report, "plain.so")
    values(inner, loads=1, needed_by=None)
    seen(inner, inner["executions"], truth["inner"], "executions out of the constructor")


@case
def ten_thousand_functions(t):
    w = Workload(t, [need_workload("plugins/zoo"), "big", "-n", "5", "-p", "3000"], cwd=t.dir)
    tracer = t.trace("--max-overhead", 100, "-p", w.pid)
    w.go()
    truth = w.truth(120)
    p = plugin(tracer.stop(), "odd_big.so")
    w.end()
    values(p, loads=1, executions=truth["executions"], entries=10000, unprobed_entries=0)


@case
def one_file_of_many_names(t):
    truth, report = zoo_run(t, "names")
    values(plugin(report, "one.so"), loads=1, reopens=truth["reopens"], executions=truth["one.so"])
    values(plugin(report, "two.so"), loads=1, executions=truth["two.so"])


@case
def files_without_a_name(t):
    truth, report = zoo_run(t, "deleted")
    values(plugin(report, "gone.so"), loads=1, executions=truth["executions"])
    truth, report = zoo_run(t, "memfd")
    [p] = report["plugins"]
    check(p["id"].startswith("memfd:remembered"), p["id"])
    values(p, loads=1, executions=truth["executions"])


@case
def odd_paths(t):
    truth, report = zoo_run(t, "path")
    for name, n in truth.items():
        values(plugin(report, name), loads=1, executions=n)
    for stack, _ in folded(report, "cpu"):
        check(all(f for f in stack.split(";")), f"a folded stack with an empty frame: {stack}")


@case
def namespaces(t):
    truth, report = zoo_run(t, "dlmopen")
    for name, n in truth.items():
        values(plugin(report, name), loads=1, executions=n)
    equal({p["id"] for p in report["plugins"]}, set(truth), "copies of the program's libraries are no plugins")


@case
def deaths_are_whose_they_are(t):
    truth, report = zoo_run(t, "deaths")
    equal(truth, {"abort": 6, "crash": 11, "exit": 3, "unload": 11, "host": 6}, "how the children died")
    p = plugin(report, "plain.so")
    values(p, loads=5, unloads=1, crashes=3, load_errors=0)
    told = errors(report, "execution", "plain.so")
    equal(sorted(told), ["signal SIGABRT", "signal SIGSEGV", "signal SIGSEGV"], "deaths in the plugin")


@case
def what_hangs_has_timed_out(t):
    truth, report = zoo_run(t, "hang", options=("--plugin-timeout", "1s", "--limit", "slow=1s"))
    p = plugin(report, "plain.so")
    values(p, **truth, peak_concurrency=2)
    check(p["in_flight_ns"] > 1_200_000_000, f"the one that hangs has an age: {p['in_flight_ns']}")
    equal(errors(report, "execution"), ["timed out: it took longer than 1.000 s"], "the other")
    rules = [f["rule"] for f in report["findings"] if f.get("plugin") == "plain.so"]
    check("SLOW_EXECUTION" in rules, f"findings: {rules}")


@case
def memory_of_a_plugin(t):
    truth, report = zoo_run(t, "memory", "-n", 30, options=("--limit", "memory=40M", "--max-overhead", 100))
    p = plugin(report, "plain.so")
    if p["allocs"] is None:
        raise Skip("calls of allocators cannot be probed here")
    between(truth["allocs"], p["allocs"], truth["allocs"] + 30, "allocations")
    between(truth["bytes"], p["alloc_bytes"], truth["bytes"] + 30 * 1000, "bytes asked for")
    between(truth["mapped"], p["mapped_bytes"], truth["mapped"] + (4 << 20), "bytes mapped")
    if p["page_faults"] is not None:
        between(truth["pages"], p["page_faults"], truth["pages"] + 2000, "page faults")
    rules = [f["rule"] for f in report["findings"] if f.get("plugin") == "plain.so"]
    check("HIGH_MEMORY" in rules, f"findings: {rules}")


@case
def what_it_does_by_itself(t):
    """Threads, signal handlers and children of its own are none of the host's calls."""
    truth, report = zoo_run(t, "itself")
    values(plugin(report, "plain.so"), executions=truth["executions"], crashes=0, in_flight=0)


@case
def to_and_fro(t):
    truth, report = zoo_run(t, "deep", "-t", 25)
    values(plugin(report, "plain.so"), executions=truth["executions"], peak_concurrency=25, in_flight=0)


@case
def time_on_the_cpu(t):
    truth, report = zoo_run(t, "spin", "-n", 400, options=("--limit", "cpu=50", "--max-overhead", 100))
    p = plugin(report, "plain.so")
    between(390_000_000, p["cpu_ns"], 480_000_000, "CPU time inside")
    check(p["samples"] >= 10, f"samples inside: {p['samples']}")
    check(any("plain_spin" in stack for stack, _ in p["folded"]), "its own flame graph")
    check("HIGH_CPU" in [f["rule"] for f in report["findings"]], "a finding")


@case
def what_is_called_too_often_is_looked_at_for_moments(t):
    """Probing 10,000 calls a second would cost several times what is allowed."""
    truth, report = zoo_run(t, "hot", "-n", 6000, options=("--max-overhead", 1))
    p = plugin(report, "plain.so")
    check(p["traced"] and p.get("sampled"), f"it is an estimate: {p}")
    between(0.5 * truth["executions"], p["executions"], 1.5 * truth["executions"], "executions, estimated")
    check(p["observed_calls"] < p["executions"] / 4, f"few were looked at: {p['observed_calls']}")
    equal(p["in_flight"], 0, "nothing is left over of the moments")
    names = [d["name"] for d in report["overhead"]["detached"]]
    check(any("plain_work" in name for name in names), f"it is told: {names}")


@case
def what_loads_nothing(t):
    _, report = zoo_run(t, "nothing")
    equal((report["plugins"], report["plugin_events"]), ([], []), "plugins and events")


@case
def a_static_host_is_named_as_missing(t):
    small = need_workload("plugins/small.so")
    _, report = host_run(t, "plugins/static_host", small)
    why = [m["why"] for m in report["missing"] if m["what"] == "plugins"]
    check(why and "statically linked" in why[0], f"missing: {report['missing']}")


@case
def a_host_of_musl(t):
    small = need_workload("plugins/musl_plugin.so")
    truth, report = host_run(t, "plugins/musl_host", small, "-n", 25)
    p = plugin(report, "musl_plugin.so")
    values(p, loads=1, executions=truth["executions"])
    equal(errors(report, "load"), [truth["error"]], "the failed load, in musl's words")


@case
def a_plugin_of_go(t):
    opened = need_workload("plugins/go_plugin.so")
    truth, report = host_run(t, "plugins/go_host", opened)
    values(plugin(report, "go_plugin.so"), loads=1, executions=truth["executions"], cpu_ns=None)


@case
def one_event_a_line_as_it_happens(t):
    path = t.file("events.jsonl")
    w = Workload(t, [need_workload("plugins/zoo"), "work", *map(str, PATIENT)], cwd=t.dir)
    tracer = t.trace("--events", path, "--max-overhead", 100, "-p", w.pid)
    w.go()

    def lines():
        with open(path) as f:
            return [json.loads(line) for line in f]

    wait_until(lambda: any(e["type"] == "plugin_load" for e in lines()), "the load, before the work is done", 20)
    truth = w.truth()
    wait_until(lambda: any(e["type"] == "plugin_unload" for e in lines()), "the unload")
    report = tracer.stop()
    w.end()
    told = lines()
    equal(sum(e["type"] == "plugin_error" for e in told), truth["errors"], "errors told")
    kept = [e for e in report["plugin_events"] if e["type"] != "plugin_execute"]
    strip = lambda e: {k: e[k] for k in ("type", "plugin", "pid", "tid", "duration_ns", "status", "error")}
    equal([strip(e) for e in told if e["type"] != "plugin_execute"], [strip(e) for e in kept], "as in the report")


@case
def events_that_fall_out_are_counted(t):
    truth, report = zoo_run(t, "work", options=("--max-events", 5, "--max-overhead", 100))
    kept = [e for e in report["plugin_events"] if e["type"] != "plugin_execute"]
    equal(len(kept), 5, "events kept")
    equal(kept[-1]["type"], "plugin_unload", "the latest")
    equal(report["plugin_events_dropped"], truth["errors"] + 2 - 5, "events that fell out")
