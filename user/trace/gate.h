/* SPDX-License-Identifier: GPL-2.0-only */
/* A signal that may be off for a part of the time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct gate {
	int (*set)(void *arg, bool open); /* 0 or a negative errno; NULL: there is no such signal */
	void *arg;
	double duty; /* wanted: 1: always on; 0: never */
	bool open;
	uint64_t opened_ns, seen_ns; /* monotonic; in all, before opened_ns */
	uint64_t began_ns;
};

/* It is on from now on. */
void gate_begin(struct gate *g, int (*set)(void *arg, bool open), void *arg);
/* 0 or a negative errno: it stays as it is. */
int gate_set(struct gate *g, bool open);
/* How long it has been on until now. */
uint64_t gate_seen_ns(const struct gate *g);
/* The part of the time until now that it has been on: 1 without interruption. */
double gate_share(const struct gate *g);
/* It was closed while everything was paused, which does not count; it may have been opened. */
void gate_resume(struct gate *g, uint64_t paused_ns, bool opened);
