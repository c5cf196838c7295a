#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the end-to-end cases: tests/e2e/run.py [-k PATTERN] [-j JOBS] [-l]. Prints a line a case
and closes with "N passed, N failed, N skipped"; exits with 1 when one failed."""
import argparse
import concurrent.futures
import fnmatch
import importlib
import os
import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness


def run_case(name, function, keep):
    """("ok" | "FAIL" | "skip", seconds, what is to be said about it)"""
    start = time.monotonic()
    t = harness.Case(name)
    try:
        function(t)
        result, text = "ok", "; ".join(t.remarks)
    except harness.Skip as e:
        result, text = "skip", str(e)
    except harness.Failure as e:
        result, text = "FAIL", place(e) + str(e)
    except Exception:
        result, text = "FAIL", traceback.format_exc()
    if result == "FAIL" and keep:
        text += f"\n     files: {t.dir}"
        t.dir = pathlib.Path("/nonexistent")
    t.done()
    return result, time.monotonic() - start, text


def place(error):
    """FILE:LINE of the innermost line of a case."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "test_" in f.filename]
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}: " if frames else ""


def load(pattern):
    for file in sorted(pathlib.Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(file.stem)
    wanted = [p if "*" in p else f"*{p}*" for p in pattern.split(",")] if pattern else ["*"]
    return [(n, f) for n, f in harness.CASES if any(fnmatch.fnmatch(n, p) for p in wanted)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-k", metavar="PATTERN", help="cases whose name holds PATTERN (or matches it, with *); several by commas")
    parser.add_argument("-j", type=int, default=1, metavar="JOBS", help="cases at a time (those that measure want 1)")
    parser.add_argument("-l", action="store_true", help="list the cases")
    parser.add_argument("--once", action="store_true", help="do not try a failed case a second time")
    parser.add_argument("--keep", action="store_true", help="keep the files of failed cases")
    args = parser.parse_args()
    cases = load(args.k)
    if args.l:
        print("\n".join(name for name, _ in cases))
        return 0
    if not cases:
        print(f"run.py: no case matches '{args.k}'", file=sys.stderr)
        return 2
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    with concurrent.futures.ThreadPoolExecutor(args.j) as pool:
        futures = []
        for name, function in cases:
            if os.geteuid() != 0:
                function = no_root
            futures.append((name, pool.submit(run_case, name, function, args.keep)))
        for name, future in futures:
            result, seconds, text = future.result()
            if result == "FAIL" and not args.once:
                # Some cases compare samples or times on a machine that others use, too. What
                # fails twice in a row is broken; what does not is still shown.
                print(f"again {name} ({seconds:.1f} s): {text}", flush=True)
                result, seconds, text = run_case(name, dict(cases)[name], args.keep)
            counts[result] += 1
            print(f"{result:4} {name} ({seconds:.1f} s){': ' + text if text else ''}", flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


def no_root(_):
    raise harness.Skip("tracing needs root")


if __name__ == "__main__":
    sys.exit(main())
