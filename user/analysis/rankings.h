/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists of plugins or of paths, the first being the most remarkable. */
#pragma once

#include "analysis/subject.h"

enum ranking {
	RANKING_SLOW,      /* a call longer than limits.slow_ns; value: its ns */
	RANKING_FAILED,    /* some calls failed; value: per cent of the calls */
	RANKING_MEMORY,    /* value: bytes asked for or mapped; plugins only */
	RANKING_MOST_USED, /* value: calls */
	RANKING_RELIABLE,  /* limits.min_calls calls at least; value: per cent that did not fail */
	RANKINGS,
};

struct ranked {
	struct subject subject;
	double value;
};

typedef VEC(struct ranked) ranked_vec;

/*
 * Appends the list of all plugins, or of all paths, to an empty vector; ties stand with more
 * calls first. 0, or -ENOMEM with nothing appended. The report must outlive it.
 */
int ranking_make(const struct report *r, enum ranking kind, bool paths, ranked_vec *ret);

/* "slow", "failed", "memory", "most_used", "most_reliable". */
const char *ranking_name(enum ranking kind);
/* Of the value: "ns", "pct", "bytes", "count", "pct". */
const char *ranking_unit(enum ranking kind);
