# SPDX-License-Identifier: GPL-2.0-only
"""Where probes are placed in real programs: the share of functions whose probed instructions the
kernel emulates, and what a call then costs against a probe at the symbol, by the floor's prices.
What kind of instruction lies at a place is told from the file's bytes, not from what pathbpf says."""
import contextlib
import fcntl
import json
import os
import statistics
import subprocess

import harness
import services
from figures import heading, table

PROGRAMS = ("redis-server", "nginx", "postgres")
F_SETPIPE_SZ = 1031
PUSHES = frozenset(range(0x50, 0x58))
BRANCHES = frozenset([0xE8, 0xE9, 0xEB, *range(0x70, 0x80)])
LONG_NOPS = tuple(bytes.fromhex(nop) for nop in ("0f1f00", "0f1f40", "660f1f44", "0f1f80", "0f1f84"))


def price_class(code):
    """The floor's instruction that costs what the one costs that these bytes begin with: what Linux
    6.18 emulates is `push` of a register, nops as assemblers write them, relative jumps and calls."""
    if code[0] in PUSHES or (code[0] == 0x41 and code[1] in PUSHES):
        return "push"
    if code[0] == 0x90:
        return "nop"
    if code.startswith(b"\x0f\x1f\x44"):
        return "nop (5 bytes)"
    if code.startswith(LONG_NOPS):
        return "nop (4 bytes)"
    branch = code[1:] if code[0] == 0xF2 else code  # `bnd`
    if branch[0] in BRANCHES or (branch[0] == 0x0F and branch[1] in range(0x80, 0x90)):
        return "jmp"
    return "endbr64" if code.startswith(b"\xf3\x0f\x1e\xfa") else "mov"


STEPPED = ("endbr64", "mov")


class Prices:
    """Of the floor: a probe at an entry, and what follows at the return."""

    def __init__(self, floor):
        self.enter = {name: kinds["enter"]["median"] for name, kinds in floor.items()}
        self.back = floor["push"]["pair"]["median"] - self.enter["push"]

    def call(self, at, by):
        """A call: entry probe on `at`, and a return probe or a probe on `ret`."""
        return self.enter[at] + (self.enter["ret"] if by == "sites" else self.back)


def place_of(row):
    """File offset of the probe; "site_offset" may count from the function."""
    site = row["site_offset"]
    return site if site >= row["offset"] else row["offset"] + site


def judge(rows, code, prices):
    """Figures of one program's functions"""
    probed = [row for row in rows if not row.get("skipped")]
    emulated, at_symbol, plain, moved, safe, disagree = 0, 0, [], [], [], []
    for row in probed:
        first, chosen = (price_class(code(offset)) for offset in (row["offset"], place_of(row)))
        emulated += chosen not in STEPPED
        at_symbol += first not in STEPPED
        plain.append(prices.call(first, "return-probe"))
        moved.append(prices.call(chosen, "return-probe"))
        safe.append(prices.call(chosen, row["return"]))
        if (chosen not in STEPPED) != row["emulated"]:
            disagree.append(row["name"])
    return {
        "functions": len(rows),
        "probed": len(probed),
        "at_symbol": at_symbol / len(probed),
        "emulated": emulated / len(probed),
        "moved": sum(place_of(row) != row["offset"] for row in probed) / len(probed),
        "return_sites": sum(row["return"] == "sites" for row in probed) / len(probed),
        "ratio": statistics.mean(moved) / statistics.mean(plain),
        "ratio_with_sites": statistics.mean(safe) / statistics.mean(plain),
        "disagree": len(disagree),
        "disagree_examples": disagree[:5],
    }


@contextlib.contextmanager
def reader(path):
    with open(path, "rb") as f:
        yield lambda offset: os.pread(f.fileno(), 16, offset).ljust(16, b"\0")


def pid_of_postgres(t):
    """A database is not needed: its list of settings does not fit into the pipe."""
    folders = sorted(os.listdir("/usr/lib/postgresql")) if os.path.isdir("/usr/lib/postgresql") else []
    if not folders:
        raise harness.Skip("postgresql is not installed")
    process = t.spawn([f"/usr/lib/postgresql/{folders[-1]}/bin/postgres", "--describe-config"], stdout=subprocess.PIPE)
    fcntl.fcntl(process.stdout.fileno(), F_SETPIPE_SZ, 4096)
    harness.wait_until(lambda: process.poll() is not None or harness.process_state(process.pid) == "S", "postgres waits")
    harness.check(process.poll() is None, "postgres ended")
    return process.pid


def pid_of(t, program):
    if program == "postgres":
        return pid_of_postgres(t)
    return {"redis-server": services.Redis, "nginx": services.Nginx}[program](t).pids[0]


def program_figures(t, program, prices):
    pid = pid_of(t, program)
    done = t.run(harness.PATHBPF, "funcs", "--format", "json", "-p", pid, f"{program}:*", timeout=120)
    if done.returncode == 2:
        raise harness.Skip(f"this pathbpf has no `funcs`: {done.stderr.strip().splitlines()[:1]}")
    harness.equal(done.returncode, 0, f"pathbpf funcs: {done.stderr[-500:]}")
    rows = json.loads(done.stdout)
    harness.check(rows, f"pathbpf funcs names functions of {program}")
    with reader(f"/proc/{pid}/exe") as code:
        return judge(rows, code, prices)


def share(part):
    return f"{100 * part:.1f} %"


def print_sites(result):
    heading("3. Choice of sites: functions whose entry probe the kernel emulates")
    keys = ("at_symbol", "emulated", "moved", "return_sites")
    ratios = ("ratio", "ratio_with_sites")
    rows = []
    for program, f in result.items():
        counts = [str(f["functions"]), str(f["probed"])] if "functions" in f else [None, None]
        rows.append([program, *counts, *(share(f[k]) for k in keys), *(f"{f[k]:.2f}" for k in ratios)])
    table(["", "functions", "probed", "at symbol+0", "as chosen", "moved", "by ret sites", "cost ratio", "with sites"], rows)
    print("(mean cost of a call by the floor's prices, against that of entry and return probes at symbol+0)")
    for program, f in result.items():
        if f.get("disagree"):
            examples = ", ".join(f["disagree_examples"])
            print(f"{program}: {f['disagree']} functions whose site `funcs` judges otherwise: {examples}")


def measure(t, floor):
    result, prices = {}, Prices(floor)
    for program in PROGRAMS:
        try:
            result[program] = program_figures(t, program, prices)
        except harness.Skip as e:
            print(f"choice of sites: {program} left out: {e}")
    if result:
        keys = ("at_symbol", "emulated", "moved", "return_sites", "ratio", "ratio_with_sites")
        result["mean"] = {k: statistics.mean(f[k] for f in result.values()) for k in keys}
        print_sites(result)
    return result
