/* SPDX-License-Identifier: GPL-2.0-only */
/* Quantities for people. */
#include "data/units.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

/* Three digits: 1.23, 12.3, 123. The limits are where rounding would need a fourth. */
static void print_digits(struct cell *c, double value, const char *unit)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

	snprintf(c->s, sizeof(c->s), "%.*f%s", decimals, value, unit);
}

struct cell text_ns(uint64_t ns)
{
	static const char *const units[] = { "us", "ms", "s" };
	double value = (double)ns;
	struct cell c;
	size_t i = 0;

	if (ns < 1000) {
		snprintf(c.s, sizeof(c.s), ns ? "%" PRIu64 "ns" : "%" PRIu64, ns);
		return c;
	}
	for (value /= 1000; value >= 999.5 && i < 2; i++)
		value /= 1000;
	if (value < 9999.5)
		print_digits(&c, value, units[i]);
	else if (value / 3600 < 9999.5)
		print_digits(&c, value / 3600, "h");
	else
		print_digits(&c, value / 86400, "d");
	return c;
}

struct cell text_count(uint64_t n)
{
	static const char *const units[] = { "k", "M", "G", "T", "P", "E" };
	double value = (double)n / 1000;
	struct cell c;
	size_t i = 0;

	if (n < 100000) {
		snprintf(c.s, sizeof(c.s), "%" PRIu64, n);
		return c;
	}
	for (; value >= 999.5 && i < 5; i++)
		value /= 1000;
	print_digits(&c, value, units[i]);
	return c;
}

struct cell text_bytes(uint64_t bytes)
{
	static const char *const units[] = { " KiB", " MiB", " GiB", " TiB" };
	double value = (double)bytes / 1024;
	struct cell c;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(c.s, sizeof(c.s), "%" PRIu64 " B", bytes);
		return c;
	}
	for (; value >= 999.5 && i < 3; i++)
		value /= 1024;
	print_digits(&c, value, units[i]);
	return c;
}

struct cell text_pct(double part, double whole)
{
	double pct = whole > 0 ? 100 * part / whole : NAN;
	struct cell c;

	if (!isfinite(pct))
		snprintf(c.s, sizeof(c.s), "-");
	else if (pct > 0 && pct < 0.05)
		snprintf(c.s, sizeof(c.s), "<0.1%%");
	else if (pct >= 99999.5)
		snprintf(c.s, sizeof(c.s), ">99999%%");
	else if (pct == 0 || pct >= 99.95)
		snprintf(c.s, sizeof(c.s), "%.0f%%", pct);
	else
		snprintf(c.s, sizeof(c.s), "%.1f%%", pct);
	return c;
}
