/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bottlenecks: plugins and paths that break a rule of report.limits. A value at its limit is not
 * above it; a limit of 0 turns its rule off. HIGH_MEMORY is known of plugins only.
 */
#pragma once

#include "data/report.h"

enum finding_rule {
	HIGH_ERROR_RATE, /* per cent of the calls failed */
	SLOW_EXECUTION,  /* ns of the longest call, also of one that has not ended */
	HIGH_MEMORY,     /* bytes asked for or mapped */
	HIGH_CPU,        /* per cent of the targets' CPU time */
	UNRELIABLE,      /* failed calls and loads */
	FINDING_RULES,
};

struct finding {
	enum finding_rule rule;
	uint32_t plugin, path; /* one is an index, the other REPORT_NONE */
	double value, limit;   /* in finding_unit(); whole numbers are exact below 2^53 */
	/* A path that only breaks the rule as one below it does: what to look at is that one. */
	bool inherited;
	char *text; /* owned: one clean sentence with figures, and what to do */
};

typedef VEC(struct finding) finding_vec;

/*
 * Appends all findings to an empty vector: those inherited last, and otherwise by how far they
 * are above their limits, most first. 0, or -ENOMEM with what was appended released.
 */
int findings_make(const struct report *r, finding_vec *ret);
void findings_done(finding_vec *v);

/* "HIGH_ERROR_RATE", …. */
const char *finding_rule_name(enum finding_rule rule);
/* "pct", "ns", "bytes", "count". */
const char *finding_unit(enum finding_rule rule);
