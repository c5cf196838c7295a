# SPDX-License-Identifier: GPL-2.0-only
"""The HTML report in a real browser, and the pprof profile by its own definition: the checks lie
in scripts of their own, which also run by hand; here they get a report of a live service."""
import os
import pathlib
import sys

import services
from harness import *

HERE = pathlib.Path(__file__).parent


def redis_outputs(t, *names):
    service = services.Redis(t)
    outputs = [a for name in names for a in ("-o", t.file(name))]
    tracer = t.trace("-F", 499, *outputs, "-p", service.pids[0])
    service.load(2)
    report = tracer.stop()
    service.check_alive()
    check(report["stacks"]["cpu"]["samples"] > 100, "samples of Redis")


def script_run(t, script, *args):
    if not (HERE / script).exists():
        raise Skip(f"{script} is not there")
    done = t.run(sys.executable, HERE / script, *args, timeout=180, env={**os.environ, "HOME": str(t.dir)})
    if done.returncode == 77:
        raise Skip(done.stderr.strip() or done.stdout.strip())
    equal(done.returncode, 0, f"{script}: {done.stdout}{done.stderr}")


@case
def html_in_a_browser(t):
    need_program("chromium")
    redis_outputs(t, "redis.html")
    script_run(t, "browser.py", t.file("redis.html"))


@case
def pprof_by_its_definition(t):
    redis_outputs(t, "redis.pb.gz")
    script_run(t, "pprof_check.py", t.file("redis.pb.gz"))
