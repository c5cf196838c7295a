/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Jumps from anywhere in an object into the first instructions of its functions: hand-written
 * assembly enters a function behind its start, and what a compiler has moved away from a function
 * comes back without anything that leads there (handlers of exceptions). One look at all code of
 * the object, about a nanosecond a byte, for all functions at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sym/symbols.h"

/* Addresses from … to, both included: of entry sites, what follows the start up to the site. */
struct guarded {
	uint64_t from, to;
	bool entered; /* result */
};

/*
 * Finds which of the ranges, sorted by `from` and apart from each other, a direct jump or call
 * leads into. The object is open as fd. 0 or a negative errno; then `entered` says nothing.
 */
int intruders_find(int fd, const struct symbols *symbols, struct guarded *ranges, size_t n);
