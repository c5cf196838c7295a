/* SPDX-License-Identifier: GPL-2.0-only */
/* Bottleneck rules over plugins and paths. */
#include "analysis/findings.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/finding_text.h"
#include "analysis/subject.h"
#include "lib/cleanup.h"

const char *finding_rule_name(enum finding_rule rule)
{
	static const char *const names[FINDING_RULES] = { "HIGH_ERROR_RATE", "SLOW_EXECUTION",
							  "HIGH_MEMORY", "HIGH_CPU", "UNRELIABLE" };

	return names[rule];
}

const char *finding_unit(enum finding_rule rule)
{
	static const char *const units[FINDING_RULES] = { "pct", "ns", "bytes", "pct", "count" };

	return units[rule];
}

/* What a rule compares with what; a value that is not known is NAN, which is above nothing. */
static void judge(const struct subject *s, const struct limits *l, struct finding *f)
{
	switch (f->rule) {
	case HIGH_ERROR_RATE:
		f->value = s->error_pct;
		f->limit = l->error_pct;
		break;
	case SLOW_EXECUTION:
		f->value = (double)s->longest_ns;
		f->limit = (double)l->slow_ns;
		break;
	case HIGH_MEMORY:
		f->value = (double)s->memory_bytes;
		f->limit = (double)l->memory_bytes;
		break;
	case HIGH_CPU:
		f->value = s->cpu_pct;
		f->limit = l->cpu_pct;
		break;
	case UNRELIABLE:
		f->value = (double)s->failures;
		f->limit = (double)l->failures;
		break;
	case FINDING_RULES:
		break;
	}
}

/* Adds a finding for every rule that the subject breaks. */
static int examine(const struct report *r, const struct subject *s, finding_vec *v)
{
	for (int rule = 0; rule < FINDING_RULES; rule++) {
		struct finding f = { .rule = (enum finding_rule)rule,
				     .plugin = s->plugin,
				     .path = s->path };
		_cleanup_(buf_done) struct buf text = {};
		int err;

		judge(s, &r->limits, &f);
		if (!(f.limit > 0 && f.value > f.limit))
			continue;
		finding_format(&text, r, s, &f);
		if (text.err)
			return text.err;
		f.text = text.data;
		err = vec_push(v, f);
		if (err)
			return err;
		text = (struct buf){};
	}
	return 0;
}

/* A caller's time and CPU time hold those of its callees. */
static bool is_inclusive(enum finding_rule rule)
{
	return rule == SLOW_EXECUTION || rule == HIGH_CPU;
}

/* Marks the findings of paths that have one by the same rule below them. */
static int mark_inherited(const struct report *r, finding_vec *v)
{
	_cleanup_free_ bool *above = calloc(r->paths.n + 1, FINDING_RULES * sizeof(*above));

	if (!above)
		return -ENOMEM;
	vec_foreach (f, v) {
		uint32_t path = f->path;

		if (!is_inclusive(f->rule))
			continue;
		while (path < r->paths.n) {
			uint32_t parent = r->paths.v[path].parent;

			/* A parent stands before its child: the walk ends. */
			if (parent >= path || above[(size_t)parent * FINDING_RULES + f->rule])
				break;
			above[(size_t)parent * FINDING_RULES + f->rule] = true;
			path = parent;
		}
	}
	vec_foreach (f, v)
		f->inherited =
		    f->path < r->paths.n && above[(size_t)f->path * FINDING_RULES + f->rule];
	return 0;
}

static int by_weight(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	double v = x->value / x->limit, w = y->value / y->limit;

	if (x->inherited != y->inherited)
		return x->inherited ? 1 : -1;
	if (v != w)
		return v > w ? -1 : 1;
	if (x->plugin != y->plugin)
		return x->plugin < y->plugin ? -1 : 1;
	if (x->path != y->path)
		return x->path < y->path ? -1 : 1;
	return (int)x->rule - (int)y->rule;
}

int findings_make(const struct report *r, finding_vec *ret)
{
	struct subject s;
	int err = 0;

	for (uint32_t i = 0; i < r->plugins.n && !err; i++) {
		subject_of_plugin(r, i, &s);
		err = examine(r, &s, ret);
	}
	for (uint32_t i = 0; i < r->paths.n && !err; i++) {
		/* A limit is for calls: a loop or a job may well have all of the CPU. */
		if (r->paths.v[i].sampled)
			continue;
		subject_of_path(r, i, &s);
		err = examine(r, &s, ret);
	}
	if (!err)
		err = mark_inherited(r, ret);
	if (err)
		findings_done(ret);
	else if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_weight);
	return err;
}

void findings_done(finding_vec *v)
{
	vec_foreach (f, v)
		free(f->text);
	vec_done(v);
}
