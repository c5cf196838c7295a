/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The truth of a hostile workload: how often each function was called, how many of these calls
 * leave it without a return, and which of them fail of what. The table is shared by processes
 * that are forked later; counting is safe in threads, and in signal handlers for what was
 * counted or expected before.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#include "../common.h"

/* Makes the table; to be called once, before anything is counted. */
void tally_init(void);
/* A call that begins, and that ends within the trace. */
void tally_call(const char *name);
/* `n` calls that somebody else makes. */
void tally_calls(const char *name, uint64_t n);
/* One of the calls leaves without a return. */
void tally_unwound(const char *name);
/* One of the calls fails. */
void tally_error(const char *name, const char *type);
/* Enters a name with no calls. */
void tally_expect(const char *name);
uint64_t tally_count(const char *name);
/*
 * Prints {"calls":{NAME:N},"unwound":{NAME:N},"errors":{NAME:{TYPE:N}}MORE} as one line; MORE in
 * printf() terms begins with a comma, or is empty.
 */
void tally_print(const char *more, ...) __attribute__((format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif
