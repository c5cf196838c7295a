/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists of plugins or of paths. */
#include "analysis/rankings.h"

#include <stdlib.h>

#include "analysis/percent.h"

const char *ranking_name(enum ranking kind)
{
	static const char *const names[RANKINGS] = { "slow", "failed", "memory", "most_used",
						     "most_reliable" };

	return names[kind];
}

const char *ranking_unit(enum ranking kind)
{
	static const char *const units[RANKINGS] = { "ns", "pct", "bytes", "count", "pct" };

	return units[kind];
}

/* Does it belong on the list? Then its value is there. */
static bool qualifies(const struct subject *s, enum ranking kind, const struct limits *l,
		      double *value)
{
	switch (kind) {
	case RANKING_SLOW:
		*value = (double)s->longest_ns;
		return l->slow_ns && s->longest_ns > l->slow_ns;
	case RANKING_FAILED:
		*value = s->error_pct;
		return s->calls && s->errors;
	case RANKING_MEMORY:
		*value = (double)s->memory_bytes;
		return s->memory_bytes;
	case RANKING_MOST_USED:
		*value = (double)s->calls;
		return s->calls;
	case RANKING_RELIABLE:
		*value = percent(s->calls > s->errors ? (double)(s->calls - s->errors) : 0,
				 (double)s->calls);
		return s->calls && s->calls >= l->min_calls;
	case RANKINGS:
		break;
	}
	return false;
}

static int by_value(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	if (x->subject.calls != y->subject.calls)
		return x->subject.calls > y->subject.calls ? -1 : 1;
	if (x->subject.plugin != y->subject.plugin)
		return x->subject.plugin < y->subject.plugin ? -1 : 1;
	return x->subject.path < y->subject.path ? -1 : x->subject.path > y->subject.path;
}

int ranking_make(const struct report *r, enum ranking kind, bool paths, ranked_vec *ret)
{
	size_t n = paths ? r->paths.n : r->plugins.n;
	int err = 0;

	for (uint32_t i = 0; i < n && !err; i++) {
		struct ranked entry;

		if (paths)
			subject_of_path(r, i, &entry.subject);
		else
			subject_of_plugin(r, i, &entry.subject);
		if (qualifies(&entry.subject, kind, &r->limits, &entry.value))
			err = vec_push(ret, entry);
	}
	if (err)
		vec_done(ret);
	else if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_value);
	return err;
}
