/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbols of JIT-compiled code from /tmp/perf-PID.map: lines "START SIZE NAME", hexadecimal, as
 * the kernel's tools/perf/Documentation/jit-interface.txt describes. Later lines win.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

struct codemap;

/*
 * Adds the lines from *offset to the end of the file, and moves *offset behind the last whole one:
 * one that is just being written is added as it is, and again next time. Broken lines are skipped.
 * 0 or a negative errno.
 */
int perfmap_read(FILE *f, uint64_t *offset, struct codemap *m);
