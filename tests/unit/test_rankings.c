/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists of plugins and paths, and what is derived of a plugin. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/plugin_metrics.h"
#include "analysis/rankings.h"
#include "sample_plugins.h"
#include "sample_report.h"

static struct report *r;
static ranked_vec list;

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
	sample_add_plugins(r);
}

static void teardown(void)
{
	vec_done(&list);
	report_free(r);
}

TestSuite(rankings, .init = setup, .fini = teardown);

static void make(enum ranking kind, bool paths)
{
	vec_done(&list);
	cr_assert_eq(ranking_make(r, kind, paths, &list), 0);
}

/* Entry i is this plugin, with this value. */
static void assert_plugin(size_t i, uint32_t plugin, double value)
{
	cr_assert_lt(i, list.n);
	cr_assert_eq(list.v[i].subject.plugin, plugin);
	cr_assert_eq(list.v[i].value, value);
}

Test(rankings, slow_ones_are_above_the_threshold)
{
	make(RANKING_SLOW, false);
	cr_assert_eq(list.n, 1);
	assert_plugin(0, P_BAD, 7e9);
	r->limits.slow_ns = 5000000;
	make(RANKING_SLOW, false);
	cr_assert_eq(list.n, 1, "at the threshold is not above it");
	r->limits.slow_ns--;
	make(RANKING_SLOW, false);
	cr_assert_eq(list.n, 2);
	assert_plugin(1, P_GOOD, 5e6);
	r->limits.slow_ns = 0;
	make(RANKING_SLOW, false);
	cr_assert_eq(list.n, 0);
}

Test(rankings, failed_ones_stand_by_their_rate)
{
	make(RANKING_FAILED, false);
	cr_assert_eq(list.n, 2);
	assert_plugin(0, P_HOSTILE, 50);
	assert_plugin(1, P_BAD, 30);
}

Test(rankings, memory_hogs_stand_by_bytes)
{
	make(RANKING_MEMORY, false);
	cr_assert_eq(list.n, 2);
	assert_plugin(0, P_BAD, 310 << 20);
	assert_plugin(1, P_GOOD, 4 << 20);
	make(RANKING_MEMORY, true);
	cr_assert_eq(list.n, 0, "nobody knows that of a path");
}

Test(rankings, most_used_are_those_that_were_used)
{
	make(RANKING_MOST_USED, false);
	cr_assert_eq(list.n, 3);
	assert_plugin(0, P_GOOD, 1000);
	assert_plugin(1, P_BAD, 400);
	assert_plugin(2, P_HOSTILE, 2);
}

Test(rankings, most_reliable_need_a_minimum_of_executions)
{
	make(RANKING_RELIABLE, false);
	cr_assert_eq(list.n, 2);
	assert_plugin(0, P_GOOD, 100);
	assert_plugin(1, P_BAD, 70);
	r->limits.min_calls = 400;
	make(RANKING_RELIABLE, false);
	cr_assert_eq(list.n, 2, "the minimum is enough");
	r->limits.min_calls = 401;
	make(RANKING_RELIABLE, false);
	cr_assert_eq(list.n, 1);
	r->limits.min_calls = 0;
	make(RANKING_RELIABLE, false);
	cr_assert_eq(list.n, 3, "without executions nothing is reliable");
}

Test(rankings, ties_stand_by_calls)
{
	r->plugins.v[P_BAD].stats->errors = 0;
	make(RANKING_RELIABLE, false);
	assert_plugin(0, P_GOOD, 100);
	assert_plugin(1, P_BAD, 100);
	r->plugins.v[P_BAD].stats->calls = 1001;
	make(RANKING_RELIABLE, false);
	assert_plugin(0, P_BAD, 100);
}

Test(rankings, paths_have_lists_of_their_own)
{
	make(RANKING_FAILED, true);
	cr_assert_eq(list.n, 3);
	cr_assert_eq(list.v[0].subject.path, 1);
	cr_assert_eq(list.v[0].subject.plugin, REPORT_NONE);
	cr_assert_eq(list.v[0].value, 2.5);
}

Test(rankings, more_errors_than_calls_do_not_wrap)
{
	r->plugins.v[P_BAD].stats->errors = 500;
	make(RANKING_RELIABLE, false);
	assert_plugin(1, P_BAD, 0);
}

Test(rankings, an_empty_report_has_empty_lists)
{
	report_free(r);
	r = report_new();
	for (int kind = 0; kind < RANKINGS; kind++) {
		make((enum ranking)kind, false);
		cr_assert_eq(list.n, 0);
		make((enum ranking)kind, true);
		cr_assert_eq(list.n, 0);
	}
}

Test(rankings, metrics_follow_from_counts)
{
	struct plugin_metrics m;

	plugin_metrics(r, &r->plugins.v[P_BAD], &m);
	cr_assert_eq(m.executions, 400);
	cr_assert_eq(m.ok, 280);
	cr_assert_eq(m.failed, 120);
	cr_assert_eq(m.error_pct, 30);
	cr_assert_eq(m.success_pct, 70);
	cr_assert_eq(m.average_ns, (399 * 3000000ull + 6000000000) / 400);
	cr_assert_eq(m.min_ns, 3000000);
	cr_assert_eq(m.max_ns, 6000000000);
	cr_assert_eq(m.longest_ns, 7000000000);
	cr_assert_leq(llabs((long long)m.p50_ns - 3000000), 3000000 / 16);
	cr_assert_eq(m.load_average_ns, 15000000);
	cr_assert_eq(m.uptime_pct, 50);
	cr_assert(isnan(m.cpu_pct), "its CPU time is not known");
	plugin_metrics(r, &r->plugins.v[P_GOOD], &m);
	cr_assert_eq(m.cpu_pct, 2);
	cr_assert_eq(m.success_pct, 100);
}

Test(rankings, metrics_of_nothing_are_unknown)
{
	struct plugin_metrics m;

	plugin_metrics(r, &r->plugins.v[P_BROKEN], &m);
	cr_assert(isnan(m.error_pct));
	cr_assert(isnan(m.success_pct));
	cr_assert(isnan(m.cpu_pct));
	cr_assert(isnan(m.uptime_pct));
	cr_assert_eq(m.average_ns, 0);
	cr_assert_eq(m.load_average_ns, 0);
	cr_assert_eq(m.failures, 3);
	r->cpu.samples = 0;
	r->targets.n = 0;
	plugin_metrics(r, &r->plugins.v[P_GOOD], &m);
	cr_assert(isnan(m.sample_pct));
	cr_assert(isnan(m.cpu_pct));
	r->plugins.v[P_GOOD].up_ns = 11000000000;
	plugin_metrics(r, &r->plugins.v[P_GOOD], &m);
	cr_assert_eq(m.uptime_pct, 100);
}
