/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emergency stop: every BPF program is inert at once, then every probe is removed, by whatever
 * thread asks for it and whatever the main thread does meanwhile.
 *
 * Probes hang on descriptors (links, and perf events). Each such number is made to stand for
 * /dev/null, which drops the probe behind it, while all who know the number may go on to use and
 * close it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"

struct emergency;

struct emergency_outcome {
	const char *why;   /* who asked: static */
	bool hung;         /* nobody did: the main loop did not run */
	uint32_t removed;  /* descriptors of probes */
	uint64_t took_ns;  /* from the request to the last one gone */
	uint64_t began_ns; /* monotonic */
};

/* inert: what the programs look at; it must outlive this. 0 or a negative errno. */
int emergency_new(volatile uint32_t *inert, struct emergency **ret);
void emergency_free(struct emergency *e);
DEFINE_CLEANUP(struct emergency *, emergency_free)

/* Somebody who is probed: where he runs probes are removed soonest. By any thread. NULL-safe. */
void emergency_set_target(struct emergency *e, uint32_t pid);

/*
 * Stops everything; returns when all is gone. The main thread is given a moment to come to a halt
 * in emergency_acknowledge(), so that it opens no file meanwhile. By any thread but the main one;
 * only the first call does anything, others wait for it. Allocates no memory, takes no lock of
 * stdio.
 */
void emergency_stop(struct emergency *e, const char *why, bool hung, struct emergency_outcome *ret);
/* Has there been one? By any thread. */
bool emergency_happened(const struct emergency *e);
/* Removes what the main thread has attached since, until it acknowledges. By any thread. */
void emergency_sweep(struct emergency *e);
/* Readable from the moment one is asked for, until it is acknowledged. */
int emergency_fd(const struct emergency *e);
/*
 * The main thread: has there been one? Then waits until it is over; from now on nobody touches its
 * descriptors any more, and it attaches nothing.
 */
bool emergency_acknowledge(struct emergency *e, struct emergency_outcome *ret);
/* The main thread: nothing is attached any more, and nothing will be. NULL-safe. */
void emergency_over(struct emergency *e);
/* Has the main thread done either, or was there nothing to acknowledge? */
bool emergency_is_acknowledged(struct emergency *e);

/* In a child after fork(): drops its copies of the probes, so that they live no longer than ours.
 */
void emergency_drop_probes(void);
