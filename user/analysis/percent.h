/* SPDX-License-Identifier: GPL-2.0-only */
/* Shares. */
#pragma once

#include <math.h>

/* In per cent; NAN of nothing. Exact where part and whole are below 2^46. */
static inline double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : NAN;
}

/* The same of two measurements that need not agree at the edges: at most 100. */
static inline double percent_within(double part, double whole)
{
	double pct = percent(part, whole);

	return pct > 100 ? 100 : pct;
}
