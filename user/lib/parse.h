/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers as people write them on a command line. Each function reads the whole string and
 * returns 0, or -EINVAL (-ENOMEM) with a sentence for the user in `why` that names the text and
 * what would be right. No locale, no signs, no white space, no exponents.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/vec.h"

typedef VEC(uint32_t) u32_vec;

#define PARSE_HZ_MAX  49999
#define PARSE_PID_MAX 4194304 /* the kernel's PID_MAX_LIMIT on 64 bits */

/* A whole number in min … max. */
int parse_number(const char *s, uint64_t min, uint64_t max, uint64_t *ret, char *why, size_t size);
/* A time: seconds with decimals, or a number with ns, us, ms, s, m, h. Zero is refused. */
int parse_duration(const char *s, uint64_t max_ns, uint64_t *ret_ns, char *why, size_t size);
/* A size in bytes: a number, decimals allowed, with K, M, G or T for powers of 1024 (KiB, …). */
int parse_bytes(const char *s, uint64_t *ret, char *why, size_t size);
/* A percentage in min … max, with decimals, with or without "%". */
int parse_percent(const char *s, double min, double max, double *ret, char *why, size_t size);
/* A sampling rate, 1 … PARSE_HZ_MAX, with or without "Hz". */
int parse_frequency(const char *s, uint32_t *ret_hz, char *why, size_t size);
/* "1,2,3": process IDs, each once; appended, and only when all are right. */
int parse_pids(const char *s, u32_vec *pids, char *why, size_t size);
