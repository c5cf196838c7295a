/* SPDX-License-Identifier: GPL-2.0-only */
/* What tracing costs, from blocks with and without. */
#include <criterion/criterion.h>
#include <math.h>

#include "work_sample.h"

#define N 12

static struct work_pair pairs[N];
static struct work_costs costs;

static void setup(void)
{
	for (size_t i = 0; i < N; i++)
		pairs[i] = work_sample_pair(i, 1.1, 0.02);
}

TestSuite(workblocks, .init = setup);

static void make(enum work_unit unit)
{
	cr_assert_eq(work_costs_make(pairs, N, unit, &costs), 0);
}

static void same(double got, double want, double share, const char *what)
{
	cr_assert(fabs(got - want) <= share * fabs(want), "%s: %g, should be %g", what, got, want);
}

Test(workblocks, ten_per_cent_are_found)
{
	const struct work_cost *c = &costs.by[WORK_SENDS];

	make(WORK_UNITS);
	cr_assert_eq(costs.unit, WORK_SENDS, "the first of those that are equally steady");
	cr_assert(costs.chosen);
	same(c->off_ns, 100000, 0.02, "CPU time a send");
	same(c->on_ns, 110000, 0.02, "traced");
	same(c->off_rate, 1000, 1e-9, "sends a second");
	same(abtest_pct(abtest_best(&c->cpu)->value), 10, 0.02, "per cent");
	cr_assert(abtest_best(&c->cpu)->low > log(1.095));
	cr_assert(abtest_best(&c->cpu)->high < log(1.105));
	same(abtest_best(&c->rate)->value, 0, 0, "throughput is the same");
	same(c->spread, 0.02, 0.6, "spread");
}

Test(workblocks, the_steadiest_unit_is_chosen)
{
	/* Answers come in batches of any size; requests are read one by one. */
	for (size_t i = 0; i < N; i++) {
		pairs[i].off.units[WORK_SENDS] += 400 * (i % 3);
		pairs[i].on.units[WORK_SENDS] += 400 * ((i + 1) % 3);
	}
	make(WORK_UNITS);
	cr_assert_eq(costs.unit, WORK_RECEIVES);
	same(abtest_pct(abtest_best(&costs.by[WORK_RECEIVES].cpu)->value), 10, 0.02, "per cent");
}

Test(workblocks, what_is_chosen_does_not_depend_on_traced_blocks)
{
	for (size_t i = 0; i < N; i++)
		pairs[i].on.units[WORK_SENDS] += 900 * (i % 3);
	make(WORK_UNITS);
	cr_assert_eq(costs.unit, WORK_SENDS);
}

Test(workblocks, a_slightly_steadier_unit_further_down_is_not_preferred)
{
	for (size_t i = 0; i < N; i++)
		pairs[i].off.units[WORK_SENDS] += i % 2; /* 0.1 % */
	make(WORK_UNITS);
	cr_assert_eq(costs.unit, WORK_SENDS);
}

Test(workblocks, what_depends_on_busyness_must_be_much_steadier)
{
	/* CPU time a request varies by its size; that of a turn of the event loop does not. */
	for (size_t i = 0; i < N; i++) {
		pairs[i] = work_sample_pair(i, 1.1, 0.02);
		pairs[i].off.units[WORK_SWITCHES] = pairs[i].off.cpu_ns / 110000;
		pairs[i].off.units[WORK_SWITCHES] += i % 2 ? 16 : 0; /* 1.8 % */
		pairs[i].on.units[WORK_SWITCHES] = pairs[i].on.cpu_ns / 110000;
	}
	make(WORK_UNITS);
	cr_assert(costs.by[WORK_SWITCHES].spread < costs.by[WORK_SENDS].spread);
	cr_assert_eq(costs.unit, WORK_SENDS);
	for (size_t i = 0; i < N; i++)
		pairs[i].off.units[WORK_SWITCHES] = pairs[i].off.cpu_ns / 110000;
	make(WORK_UNITS);
	cr_assert(costs.by[WORK_SWITCHES].spread < costs.by[WORK_SENDS].spread / 2);
	cr_assert_eq(costs.unit, WORK_SWITCHES);
}

Test(workblocks, rare_events_are_no_unit)
{
	for (size_t i = 0; i < N; i++) {
		pairs[i].off.units[WORK_SENDS] = pairs[i].on.units[WORK_SENDS] = WORK_ENOUGH - 1;
		pairs[i].off.units[WORK_ACCEPTS] = pairs[i].on.units[WORK_ACCEPTS] = 1;
	}
	make(WORK_UNITS);
	cr_assert_not(costs.by[WORK_SENDS].usable);
	cr_assert_eq(costs.unit, WORK_RECEIVES);
	make(WORK_SENDS);
	cr_assert_eq(costs.unit, WORK_SENDS, "unless asked for");
	cr_assert_not(costs.chosen);
}

Test(workblocks, pairs_without_work_are_left_out_and_counted)
{
	pairs[4].on.units[WORK_SENDS] = 0;
	pairs[7].off.cpu_ns = 0;
	make(WORK_SENDS);
	cr_assert_eq(costs.by[WORK_SENDS].pairs, N - 2);
	cr_assert_eq(costs.by[WORK_SENDS].left_out, 2);
	same(abtest_pct(abtest_best(&costs.by[WORK_SENDS].cpu)->value), 10, 0.02, "per cent");
}

Test(workblocks, an_idle_target_has_no_unit)
{
	for (size_t i = 0; i < N; i++)
		for (int u = 0; u < WORK_TIME; u++)
			pairs[i].off.units[u] = pairs[i].on.units[u] = 0;
	make(WORK_UNITS);
	cr_assert_eq(costs.unit, WORK_UNITS, "time is never chosen");
	make(WORK_NAMED);
	cr_assert_eq(costs.unit, WORK_UNITS);
	make(WORK_TIME);
	cr_assert_eq(costs.unit, WORK_TIME);
	same(costs.by[WORK_TIME].off_ns, 0.1, 0.02, "CPU time a nanosecond");
	cr_assert_eq(work_costs_make(pairs, 2, WORK_TIME, &costs), 0);
	cr_assert_eq(costs.unit, WORK_UNITS, "two pairs are too few");
	cr_assert_eq(work_costs_make(pairs, 0, WORK_UNITS, &costs), 0);
	cr_assert_eq(costs.unit, WORK_UNITS, "none, too");
}

Test(workblocks, units_that_contradict_are_told)
{
	/* Slowed, an event loop finds more to do at each turn. */
	for (size_t i = 0; i < N; i++)
		pairs[i].on.units[WORK_CALLS] = 4000;
	make(WORK_UNITS);
	cr_assert_eq(costs.unit, WORK_SENDS);
	cr_assert(costs.disagree[WORK_CALLS]);
	cr_assert_not(costs.disagree[WORK_SENDS]);
	cr_assert_not(costs.disagree[WORK_RECEIVES]);
}

Test(workblocks, one_disturbed_block_does_not_make_a_unit_unsteady)
{
	double before;

	make(WORK_UNITS);
	before = costs.by[WORK_SENDS].spread;
	pairs[3].off.units[WORK_SENDS] = 100;
	make(WORK_UNITS);
	cr_assert(costs.by[WORK_SENDS].spread < 2 * before, "%g, was %g",
		  costs.by[WORK_SENDS].spread, before);
}

Test(workblocks, changes_cost_what_work_does_not_explain)
{
	work_change_vec changes = {};
	struct work_change come = { .begins = true }, go = {};
	struct work_change_cost c;

	make(WORK_SENDS);
	/* 200 sends at 100 us, and 5 ms beyond. */
	come.block = (struct work_block){ .wall_ns = 200, .cpu_ns = 25000000, .tracer_cpu_ns = 70 };
	come.block.units[WORK_SENDS] = 200;
	vec_push(&changes, come);
	come.block.wall_ns = 400;
	vec_push(&changes, come);
	go.block.wall_ns = 1000;
	vec_push(&changes, go);
	c = work_change_cost(&changes, true, &costs);
	cr_assert_eq(c.n, 2);
	same(c.wall_ns, 300, 1e-9, "time");
	same(c.tracer_cpu_ns, 70, 1e-9, "of the tracer");
	same(c.target_cpu_ns, 5000000, 0.1, "of the target");
	c = work_change_cost(&changes, false, &costs);
	cr_assert_eq(c.n, 1);
	same(c.wall_ns, 1000, 1e-9, "going");
	changes.n = 0;
	cr_assert_eq(work_change_cost(&changes, true, &costs).n, 0);
	vec_done(&changes);
}

Test(workblocks, the_tracers_share_is_of_the_blocks_that_it_was_there)
{
	same(work_tracer_pct(pairs, N), 0.5, 1e-9, "5 ms a second");
	cr_assert(isnan(work_tracer_pct(pairs, 0)));
}

Test(workblocks, the_order_is_balanced_and_by_chance)
{
	int first = 0, different = 0, other = 0;

	for (uint64_t i = 0; i < 2000; i += 2) {
		cr_assert_neq(work_on_first(42, i), work_on_first(42, i + 1));
		first += work_on_first(42, i);
		different += work_on_first(42, i) != work_on_first(42, i + 2);
		other += work_on_first(42, i) != work_on_first(43, i);
	}
	/* Of 1000 throws of a coin: within five standard deviations. */
	cr_assert(first > 420 && first < 580, "%d", first);
	cr_assert(different > 420 && different < 580, "%d", different);
	cr_assert(other > 420 && other < 580, "%d", other);
}

Test(workblocks, units_have_names)
{
	for (int i = 0; i < WORK_UNITS; i++) {
		const char *name = work_unit_name((enum work_unit)i);

		cr_assert_eq(name == NULL, i == WORK_NAMED);
		if (name)
			cr_assert_eq(work_unit_by_name(name), i);
	}
	cr_assert_eq(work_unit_by_name("requests"), WORK_UNITS);
	cr_assert_null(work_unit_name(WORK_UNITS));
}
