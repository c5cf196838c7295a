/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbols and lines of JIT-compiled code from jit-PID.dump, as the kernel's
 * tools/perf/Documentation/jitdump-specification.txt describes: a file that only grows, of records
 * with the time at which code was put, or moved, to a place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct codemap;

/* How far a dump was read; zeroed at first. */
struct jitdump {
	uint64_t offset;
	bool broken;  /* it is no dump, or one that is not understood */
	bool no_time; /* its clock is not CLOCK_MONOTONIC */
};

/*
 * Adds what was written since the last time; now_ns: CLOCK_MONOTONIC. A record that is not whole
 * yet is left for the next time. The descriptor stays the caller's. 0, -EPROTO (it is broken,
 * nothing more will be read), or another negative errno.
 */
int jitdump_read(struct jitdump *d, int fd, uint64_t now_ns, struct codemap *m);
