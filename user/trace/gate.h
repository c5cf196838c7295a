/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A signal that may be off for a part of the time. How large a part it was on is reckoned in CPU
 * time of the targets: on a busy machine they may not run at all in the moment that it is on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Two clocks: monotonic, and CPU time of the targets. */
struct gate_time {
	uint64_t wall_ns, cpu_ns;
};

struct gate {
	int (*set)(void *arg, bool open); /* 0 or a negative errno; NULL: there is no such signal */
	struct gate_time (*now)(void *arg);
	void *arg;
	double duty; /* wanted: 1: always on; 0: never */
	bool open, was_closed;
	struct gate_time opened, seen, began; /* seen: in all, before `opened` */
};

/* It is on from now on. */
void gate_begin(struct gate *g, int (*set)(void *arg, bool open), struct gate_time (*now)(void *),
		void *arg);
/* 0 or a negative errno: it stays as it is. */
int gate_set(struct gate *g, bool open);
/* How long it has been on until now, monotonic. */
uint64_t gate_seen_ns(const struct gate *g);
/* The part of the time until now that it has been on: 1 without interruption. */
double gate_share(const struct gate *g);
/* It was closed while everything was paused, which does not count; it may have been opened. */
void gate_resume(struct gate *g, uint64_t paused_ns, bool opened);

/* The part that `seen` is of the time between two moments. */
double gate_time_share(struct gate_time seen, struct gate_time from, struct gate_time to);
/* Adds the time between two moments; a clock that went back counts as one that stood. */
void gate_time_add(struct gate_time *sum, struct gate_time from, struct gate_time to);
