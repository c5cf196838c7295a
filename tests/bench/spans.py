#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What spans cost: bench.py --spans. Each part prints its table when it is measured; a part whose
program is not there, or which fails, says so and leaves the others alone."""
import json
import os
import pathlib
import platform
import signal
import sys
import time

import harness
import spans_attach
import spans_calls
import spans_redis
import spans_sites


def parts(quick, figures):
    """(name, function of a case); later parts use figures of earlier ones"""
    yield "calls", lambda t: spans_calls.measure(t, quick)
    yield "sites", lambda t: spans_sites.measure(t, need(figures, "calls")["floor"])
    yield "attach", lambda t: spans_attach.measure_attach(t, quick)
    yield "memory", spans_attach.measure_memory
    yield "redis", lambda t: spans_redis.measure_redis(t, quick)


def need(figures, part):
    if part not in figures:
        raise harness.Skip(f"it needs the figures of '{part}'")
    return figures[part]


def measure(name, function):
    """(figures or None, worked)"""
    t = harness.Case(f"bench-{name}")
    try:
        return function(t), True
    except harness.Skip as e:
        print(f"{name} left out: {e}")
        return None, True
    except (harness.Failure, OSError) as e:
        print(f"spans.py: {name}: {e}", file=sys.stderr)
        return None, False
    finally:
        t.done()


def run(quick, json_path, only=None):
    """Exit status"""
    # Processes are cleaned up on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start, status = time.monotonic(), 0
    figures = {"kernel": platform.release(), "cpus": os.cpu_count(), "quick": quick}
    for name, function in parts(quick, figures):
        if only and name not in only:
            continue
        result, worked = measure(name, function)
        if result is not None:
            figures[name] = result
        status |= not worked
    print(f"\n{time.monotonic() - start:.0f} s")
    if json_path:
        pathlib.Path(json_path).write_text(json.dumps(figures, indent=1))
    return int(status)
