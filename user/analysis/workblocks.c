/* SPDX-License-Identifier: GPL-2.0-only */
/* What tracing costs, from blocks with and without. */
#include "analysis/workblocks.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

/* Spreads, of a dozen blocks, are known to a quarter or so. */
#define NEARLY       1.25
#define MUCH         2.0
#define SPREAD_FLOOR 0.001 /* below a thousandth, steadiness is no matter */
/* A unit that is chosen, not asked for, has enough work in this share of the pairs. */
#define ENOUGH_SHARE 0.8

static const char *const names[WORK_UNITS] = {
	[WORK_SENDS] = "sends", [WORK_RECEIVES] = "receives", [WORK_ACCEPTS] = "accepts",
	[WORK_CALLS] = "calls", [WORK_SWITCHES] = "switches", [WORK_TIME] = "time",
};

const char *work_unit_name(enum work_unit unit)
{
	return unit < WORK_UNITS ? names[unit] : NULL;
}

enum work_unit work_unit_by_name(const char *name)
{
	for (int i = 0; i < WORK_UNITS; i++)
		if (names[i] && !strcmp(names[i], name))
			return (enum work_unit)i;
	return WORK_UNITS;
}

/* What of the pairs is looked at for one unit, a value a pair. */
struct columns {
	double *cpu, *rate; /* ln of on / off */
	double *off, *on, *off_rate, *on_rate;
	size_t n;
};

static int columns_alloc(struct columns *c, size_t n)
{
	double *all = calloc(6 * n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	*c =
	    (struct columns){ all, all + n, all + 2 * n, all + 3 * n, all + 4 * n, all + 5 * n, 0 };
	return 0;
}

static void columns_done(struct columns *c)
{
	free(c->cpu);
}

static double cpu_a_unit(const struct work_block *b, enum work_unit unit)
{
	return (double)b->cpu_ns / (double)b->units[unit];
}

static double rate(const struct work_block *b, enum work_unit unit)
{
	return (double)b->units[unit] / (double)b->wall_ns * 1e9;
}

static bool has_work(const struct work_block *b, enum work_unit unit, uint64_t enough)
{
	return b->cpu_ns && b->wall_ns && b->units[unit] >= enough;
}

static void fill(struct columns *c, const struct work_pair *pairs, size_t n, enum work_unit unit,
		 uint64_t enough)
{
	for (size_t i = 0; i < n; i++) {
		const struct work_block *off = &pairs[i].off, *on = &pairs[i].on;

		if (!has_work(off, unit, enough) || !has_work(on, unit, enough))
			continue;
		c->off[c->n] = cpu_a_unit(off, unit);
		c->on[c->n] = cpu_a_unit(on, unit);
		c->off_rate[c->n] = rate(off, unit);
		c->on_rate[c->n] = rate(on, unit);
		c->cpu[c->n] = log(c->on[c->n] / c->off[c->n]);
		c->rate[c->n] = log(c->on_rate[c->n] / c->off_rate[c->n]);
		c->n++;
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts. */
static double median(double *v, size_t n)
{
	if (!n)
		return NAN;
	qsort(v, n, sizeof(*v), compare);
	return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

/*
 * By the median distance from the median, which one disturbed block does not move; 1.4826 makes it
 * the standard deviation of normal noise. Overwrites v.
 */
static double spread(double *v, size_t n)
{
	double middle;

	for (size_t i = 0; i < n; i++)
		v[i] = log(v[i]);
	middle = median(v, n);
	for (size_t i = 0; i < n; i++)
		v[i] = fabs(v[i] - middle);
	return 1.4826 * median(v, n);
}

static int make_one(const struct work_pair *pairs, size_t n, enum work_unit unit, uint64_t enough,
		    struct work_cost *ret)
{
	_cleanup_(columns_done) struct columns c = {};
	struct work_cost cost = {};
	int err = columns_alloc(&c, n);

	if (err)
		return err;
	fill(&c, pairs, n, unit, enough);
	cost.pairs = c.n;
	cost.left_out = n - c.n;
	err = abtest_paired(c.cpu, c.n, &cost.cpu);
	err = err ? err : abtest_paired(c.rate, c.n, &cost.rate);
	if (err == -ENOMEM)
		return err;
	cost.usable = !err;
	cost.off_ns = median(c.off, c.n);
	cost.on_ns = median(c.on, c.n);
	cost.off_rate = median(c.off_rate, c.n);
	cost.on_rate = median(c.on_rate, c.n);
	cost.spread = spread(c.off, c.n);
	*ret = cost;
	return 0;
}

static bool may_be_chosen(const struct work_cost *c, size_t n)
{
	return c->usable && (double)c->pairs >= ENOUGH_SHARE * (double)n;
}

static double spread_of(const struct work_costs *c, enum work_unit unit)
{
	return unit == WORK_UNITS ? INFINITY : fmax(c->by[unit].spread, SPREAD_FLOOR);
}

/* Of the units from first to last the steadiest, or one before it that is nearly so. */
static enum work_unit choose_among(const struct work_costs *c, size_t n, enum work_unit first,
				   enum work_unit last)
{
	double best = INFINITY;

	for (int i = (int)first; i <= (int)last; i++)
		if (may_be_chosen(&c->by[i], n))
			best = fmin(best, spread_of(c, (enum work_unit)i));
	for (int i = (int)first; i <= (int)last; i++)
		if (may_be_chosen(&c->by[i], n) && spread_of(c, (enum work_unit)i) <= NEARLY * best)
			return (enum work_unit)i;
	return WORK_UNITS;
}

/*
 * The one whose CPU time a unit is steadiest, as long as nobody traces; but one that depends on how
 * busy the target is only if it is much steadier: it may be steady and wrong. What is asked for is
 * never chosen; nor is time: the CPU time a second of a busy thread is one second, however slow
 * tracing makes it.
 */
static enum work_unit choose(const struct work_costs *c, size_t n)
{
	enum work_unit direct = choose_among(c, n, WORK_SENDS, WORK_ACCEPTS);
	enum work_unit indirect = choose_among(c, n, WORK_CALLS, WORK_SWITCHES);

	if (direct == WORK_UNITS)
		return indirect;
	return spread_of(c, direct) <= MUCH * spread_of(c, indirect) ? direct : indirect;
}

static bool apart(const struct abtest *a, const struct abtest *b)
{
	const struct abtest_interval *x = abtest_best(a), *y = abtest_best(b);

	return x->low > y->high || y->low > x->high;
}

int work_costs_make(const struct work_pair *pairs, size_t n, enum work_unit unit,
		    struct work_costs *ret)
{
	struct work_costs c = { .unit = unit, .chosen = unit == WORK_UNITS };
	int err = 0;

	for (int i = 0; i < WORK_UNITS && !err; i++)
		err = make_one(pairs, n, (enum work_unit)i, i == (int)unit ? 1 : WORK_ENOUGH,
			       &c.by[i]);
	if (err)
		return err;
	if (c.chosen)
		c.unit = choose(&c, n);
	else if (!c.by[unit].usable)
		c.unit = WORK_UNITS;
	for (int i = 0; i < WORK_TIME && c.unit < WORK_UNITS; i++)
		c.disagree[i] = c.by[i].usable && apart(&c.by[i].cpu, &c.by[c.unit].cpu);
	*ret = c;
	return 0;
}

struct work_change_cost work_change_cost(const work_change_vec *changes, bool begins,
					 const struct work_costs *of)
{
	const struct work_cost *cost = &of->by[of->unit];
	struct work_change_cost sum = {};

	vec_foreach (c, changes) {
		if (c->begins != begins)
			continue;
		sum.n++;
		sum.wall_ns += (double)c->block.wall_ns;
		sum.tracer_cpu_ns += (double)c->block.tracer_cpu_ns;
		sum.target_cpu_ns +=
		    (double)c->block.cpu_ns - (double)c->block.units[of->unit] * cost->off_ns;
	}
	if (sum.n) {
		sum.wall_ns /= (double)sum.n;
		sum.tracer_cpu_ns /= (double)sum.n;
		sum.target_cpu_ns /= (double)sum.n;
	}
	return sum;
}

double work_tracer_pct(const struct work_pair *pairs, size_t n)
{
	double cpu_ns = 0, wall_ns = 0;

	for (size_t i = 0; i < n; i++) {
		cpu_ns += (double)pairs[i].on.tracer_cpu_ns;
		wall_ns += (double)pairs[i].on.wall_ns;
	}
	return wall_ns > 0 ? 100 * cpu_ns / wall_ns : NAN;
}

/* splitmix64: S. Vigna's mixer of a counter, in the public domain. */
static uint64_t mix(uint64_t z)
{
	z += 0x9e3779b97f4a7c15;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

bool work_on_first(uint64_t seed, uint64_t pair)
{
	return (mix(mix(seed) + pair / 2) >> 63) ^ (pair & 1);
}
