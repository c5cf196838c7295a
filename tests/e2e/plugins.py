# SPDX-License-Identifier: GPL-2.0-only
"""What the cases of plugins share: reading a report's plugins and events, and a traced host."""
from harness import *

PATIENT = ("-p", 1000)  # a host that waits behind each dlopen(): then all is probed, and counts are exact


def plugin(report, name):
    found = [p for p in report["plugins"] if p["id"] == name]
    equal(len(found), 1, f"plugins named {name} among {[p['id'] for p in report['plugins']]}")
    return found[0]


def events(report, kind, name=None):
    return [e for e in report["plugin_events"] if e["type"] == kind and name in (None, e["plugin"])]


def errors(report, during, name=None):
    """What the errors of loads, executions or unloads said, in order."""
    return [e["error"] for e in events(report, "plugin_error", name) if e["metadata"]["during"] == during]


def values(p, **wanted):
    equal({k: p[k] for k in wanted}, wanted, f"figures of {p['id']}")


def seen(p, count, truth, what):
    """Exact, unless probes came late: then the report says how late, and there may be fewer."""
    if p["gap_ns"]:
        check(count <= truth, f"{what}: {count} of {truth}")
    else:
        equal(count, truth, what)


def host_run(t, workload, *args, options=("--max-overhead", 100), end=0):
    """Traces a host from before its work to behind it: its truth and the report."""
    w = Workload(t, [need_workload(workload), *map(str, args)], cwd=t.dir)
    tracer = t.trace(*options, "-p", w.pid)
    w.go()
    truth = w.truth(120)
    time.sleep(0.3)
    report = tracer.stop()
    w.end(end)
    return truth, report


def zoo_run(t, mode, *args, **kwargs):
    return host_run(t, "plugins/zoo", mode, *args, *PATIENT, **kwargs)
