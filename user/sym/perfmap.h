/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbols of JIT-compiled code from /tmp/perf-PID.map: lines "START SIZE NAME", hexadecimal, as
 * the kernel's tools/perf/Documentation/jit-interface.txt describes. Later lines win.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

struct perfmap;

/* Reads the whole stream; broken lines are skipped. 0 or a negative errno. */
int perfmap_read(FILE *f, struct perfmap **ret);
void perfmap_free(struct perfmap *m);
/* The name of the code at an address of the process, or NULL; valid as long as the map. */
const char *perfmap_find(const struct perfmap *m, uint64_t addr);
