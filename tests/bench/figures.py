# SPDX-License-Identifier: GPL-2.0-only
"""Figures of repeated measurements. The machine may be shared and busy: what a lower quantile (q10)
says repeats best, and ratios are taken between neighbours in time before they are summed up."""
import re
import statistics


def quantile(values, q):
    """Between the two nearest when q falls between them."""
    values = sorted(values)
    at = q * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


def summary(values):
    return {
        "n": len(values),
        "q10": quantile(values, 0.1),
        "median": statistics.median(values),
        "q90": quantile(values, 0.9),
    }


def heading(text):
    print(f"\n{text}\n{'-' * len(text)}")


def table(columns, rows):
    """The first column is text, flush left; cells are strings, None: nothing to say."""
    rows = [[cell or "" for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *rows]) for i in range(len(columns))]
    for line in [columns, *rows]:
        first, *others = (f"{cell:>{w}}" if i else f"{cell:<{w}}" for i, (cell, w) in enumerate(zip(line, widths)))
        print("  ".join([first, *others]).rstrip())


def goal(value, limit, form="{:.2f}"):
    """A line's last word; the comparison is of what is printed."""
    return f"<= {form.format(limit)}: {'met' if round(value, 4) <= limit else 'MISSED'}"


def peak_rss_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read())[1])
