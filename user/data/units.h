/* SPDX-License-Identifier: GPL-2.0-only */
/* Quantities for people: three digits and a unit, in a few columns. */
#pragma once

#include <stdint.h>

/* A short text by value, for use as a printf argument: text_ns(t).s */
struct cell {
	char s[24];
};

struct cell text_ns(uint64_t ns);                /* "1.23ms": three digits */
struct cell text_count(uint64_t n);              /* "12345", "123k" */
struct cell text_bytes(uint64_t bytes);          /* "31.0 MiB" */
struct cell text_pct(double part, double whole); /* "0.3%"; "-" of nothing */
