/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trends: the recent half of the windows against the half before, for every plugin and every
 * path. A change by more than limits.trend_pct is one. Nothing is said of fewer than
 * TREND_WINDOWS_MIN windows, nor of fewer than limits.min_calls calls (at least one): for the
 * rate in the busier half, for errors and times in each.
 */
#pragma once

#include "data/report.h"

#define TREND_WINDOWS_MIN 4

enum trend_metric {
	TREND_RATE,     /* calls that ended a second */
	TREND_ERRORS,   /* per cent of the calls that failed */
	TREND_DURATION, /* average time of a call, in ns */
	TREND_METRICS,
};

struct trend {
	uint32_t plugin, path; /* one is an index, the other REPORT_NONE */
	enum trend_metric metric;
	double before, recent; /* averages of the halves, in the metric's unit */
	double change_pct;     /* of `before`, signed; INFINITY: from nothing */
	/*
	 * How far such a change may come from nothing but the windows' own spread: one standard
	 * error of the difference, in per cent of `before`. NAN: not known.
	 */
	double noise_pct;
	uint64_t calls_before, calls_recent; /* sample sizes */
};

typedef VEC(struct trend) trend_vec;

/* The two halves; `windows` in each. The oldest of an odd number of windows is in neither. */
struct trend_halves {
	uint64_t from_ns, middle_ns, end_ns;
	uint32_t windows;
};

/* False when there are too few windows. */
bool trend_halves(const struct report *r, struct trend_halves *ret);

/*
 * Appends all trends to an empty vector: those beyond their noise first, and within that the
 * largest changes first. 0, or -ENOMEM with nothing appended.
 */
int trends_make(const struct report *r, trend_vec *ret);

/* More than two standard errors: hardly chance. */
bool trend_is_clear(const struct trend *t);
/* "calls_per_s", "error_pct", "average_ns". */
const char *trend_metric_name(enum trend_metric metric);
