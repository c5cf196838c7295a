/* SPDX-License-Identifier: GPL-2.0-only */
/* Trends: the recent half of the windows against the half before. */
#include "analysis/trends.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/percent.h"
#include "lib/cleanup.h"

/* The spread of one metric over the windows of a half. */
struct spread {
	uint32_t n; /* windows in which it has a value */
	double sum, squares;
};

/* What one subject did in one half. */
struct half {
	uint64_t calls, errors;
	double total_ns;
	struct spread spread[TREND_METRICS];
};

/* The halves of one subject: before and recent. */
struct pair {
	struct half half[2];
};

const char *trend_metric_name(enum trend_metric metric)
{
	static const char *const names[TREND_METRICS] = { "calls_per_s", "error_pct",
							  "average_ns" };

	return names[metric];
}

bool trend_halves(const struct report *r, struct trend_halves *ret)
{
	uint64_t from = r->windows_from_ns, end = r->duration_ns, length = r->window_ns, n, half;

	if (!length || end <= from)
		return false;
	n = (end - from - 1) / length + 1;
	if (n < TREND_WINDOWS_MIN || n > UINT32_MAX)
		return false;
	half = n / 2;
	ret->windows = (uint32_t)half;
	ret->end_ns = end;
	ret->middle_ns = from + (n - half) * length;
	ret->from_ns = from + (n - 2 * half) * length;
	return true;
}

static void spread_add(struct spread *s, double value)
{
	s->n++;
	s->sum += value;
	s->squares += value * value;
}

static void half_add(struct half *h, const struct activity *a)
{
	double seconds = (double)(a->end_ns - a->start_ns) / 1e9;

	h->calls += a->calls;
	h->errors += a->errors;
	h->total_ns += (double)a->total_ns;
	spread_add(&h->spread[TREND_RATE], (double)a->calls / seconds);
	if (!a->calls)
		return;
	spread_add(&h->spread[TREND_ERRORS], percent((double)a->errors, (double)a->calls));
	spread_add(&h->spread[TREND_DURATION], (double)a->total_ns / (double)a->calls);
}

/* Plugins first, then paths. */
static struct pair *add_up(const struct report *r, const struct trend_halves *h)
{
	struct pair *pairs = calloc(r->plugins.n + r->paths.n + 1, sizeof(*pairs));

	if (!pairs)
		return NULL;
	vec_foreach (a, &r->activities) {
		uint64_t middle = a->start_ns + (a->end_ns - a->start_ns) / 2;
		size_t i = a->plugin;

		if (a->end_ns <= a->start_ns || middle < h->from_ns)
			continue;
		if (a->plugin >= r->plugins.n) {
			if (a->path >= r->paths.n)
				continue;
			i = r->plugins.n + a->path;
		}
		half_add(&pairs[i].half[middle >= h->middle_ns], a);
	}
	return pairs;
}

/* The squared standard error of a mean; NAN of a single value. */
static double squared_error(const struct spread *s)
{
	double mean = s->sum / s->n, variance;

	if (s->n < 2)
		return NAN;
	variance = (s->squares - s->sum * mean) / (s->n - 1);
	/* Rounding can make it negative where all values are equal. */
	return (variance > 0 ? variance : 0) / s->n;
}

static double average(const struct half *h, enum trend_metric metric, double seconds)
{
	switch (metric) {
	case TREND_RATE:
		return (double)h->calls / seconds;
	case TREND_ERRORS:
		return percent((double)h->errors, (double)h->calls);
	case TREND_DURATION:
		return h->total_ns / (double)h->calls;
	case TREND_METRICS:
		break;
	}
	return NAN;
}

static bool is_enough(const struct pair *p, enum trend_metric metric, uint64_t min_calls)
{
	uint64_t before = p->half[0].calls, recent = p->half[1].calls;

	if (!min_calls)
		min_calls = 1;
	if (metric == TREND_RATE)
		return before >= min_calls || recent >= min_calls;
	return before >= min_calls && recent >= min_calls;
}

static bool compare_halves(const struct trend_halves *h, const struct pair *p,
			   const struct limits *l, struct trend *t)
{
	const struct half *before = &p->half[0], *recent = &p->half[1];
	struct spread spread[2] = { before->spread[t->metric], recent->spread[t->metric] };
	double noise;

	if (!is_enough(p, t->metric, l->min_calls))
		return false;
	t->before = average(before, t->metric, (double)(h->middle_ns - h->from_ns) / 1e9);
	t->recent = average(recent, t->metric, (double)(h->end_ns - h->middle_ns) / 1e9);
	t->calls_before = before->calls;
	t->calls_recent = recent->calls;
	if (t->before == t->recent)
		return false;
	/* A window in which nothing ended has a rate all the same. */
	for (int i = 0; i < 2 && t->metric == TREND_RATE; i++)
		spread[i].n = spread[i].n > h->windows ? spread[i].n : h->windows;
	noise = sqrt(squared_error(&spread[0]) + squared_error(&spread[1]));
	t->change_pct = t->before > 0 ? 100 * (t->recent - t->before) / t->before : INFINITY;
	t->noise_pct = t->before > 0 ? 100 * noise / t->before : NAN;
	return fabs(t->change_pct) > l->trend_pct;
}

bool trend_is_clear(const struct trend *t)
{
	return isinf(t->change_pct) || fabs(t->change_pct) > 2 * t->noise_pct;
}

static int by_change(const void *a, const void *b)
{
	const struct trend *x = a, *y = b;
	double v = fabs(x->change_pct), w = fabs(y->change_pct);

	if (trend_is_clear(x) != trend_is_clear(y))
		return trend_is_clear(x) ? -1 : 1;
	if (v != w)
		return v > w ? -1 : 1;
	if (x->plugin != y->plugin)
		return x->plugin < y->plugin ? -1 : 1;
	if (x->path != y->path)
		return x->path < y->path ? -1 : 1;
	return (int)x->metric - (int)y->metric;
}

int trends_make(const struct report *r, trend_vec *ret)
{
	_cleanup_free_ struct pair *pairs = NULL;
	struct trend_halves h;
	int err = 0;

	if (!(r->limits.trend_pct > 0) || !trend_halves(r, &h))
		return 0;
	pairs = add_up(r, &h);
	if (!pairs)
		return -ENOMEM;
	for (size_t i = 0; i < r->plugins.n + r->paths.n && !err; i++) {
		bool is_plugin = i < r->plugins.n;

		for (int m = 0; m < TREND_METRICS && !err; m++) {
			struct trend t = { .plugin = is_plugin ? (uint32_t)i : REPORT_NONE,
					   .path = is_plugin ? REPORT_NONE
							     : (uint32_t)(i - r->plugins.n),
					   .metric = (enum trend_metric)m };

			if (compare_halves(&h, &pairs[i], &r->limits, &t))
				err = vec_push(ret, t);
		}
	}
	if (err)
		vec_done(ret);
	else if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_change);
	return err;
}
