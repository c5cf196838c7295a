/* SPDX-License-Identifier: GPL-2.0-only */
/* Trends: the recent half of the windows against the half before. */
#include <criterion/criterion.h>
#include <math.h>

#include "analysis/trends.h"
#include "sample_plugins.h"
#include "sample_report.h"

#define SEC 1000000000ull

static struct report *r;
static trend_vec trends;

/* Ten windows of a second, in which nothing has happened yet. */
static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
	sample_add_plugins(r);
	r->activities.n = 0;
}

static void teardown(void)
{
	vec_done(&trends);
	report_free(r);
}

TestSuite(trends, .init = setup, .fini = teardown);

static void make(void)
{
	vec_done(&trends);
	cr_assert_eq(trends_make(r, &trends), 0);
}

/* Of P_GOOD: the same in each window of a half; NULL: there is no such trend. */
static const struct trend *find(enum trend_metric metric)
{
	make();
	vec_foreach (t, &trends) {
		if (t->plugin == P_GOOD && t->metric == metric)
			return t;
	}
	return NULL;
}

static void add_halves(uint64_t calls, uint64_t errors, uint64_t each_ns, uint64_t recent_calls,
		       uint64_t recent_errors, uint64_t recent_each_ns)
{
	r->activities.n = 0;
	for (uint64_t s = 0; s < 10; s++) {
		if (s < 5 && calls)
			sample_add_activity(r, P_GOOD, REPORT_NONE, s, calls, errors,
					    calls * each_ns);
		if (s >= 5 && recent_calls)
			sample_add_activity(r, P_GOOD, REPORT_NONE, s, recent_calls, recent_errors,
					    recent_calls * recent_each_ns);
	}
}

Test(trends, a_change_at_the_limit_is_none)
{
	add_halves(100, 0, 10, 105, 0, 10);
	cr_assert_null(find(TREND_RATE));
	add_halves(100, 0, 10, 106, 0, 10);
	cr_assert_float_eq(find(TREND_RATE)->change_pct, 6, 1e-9);
	add_halves(100, 0, 10, 95, 0, 10);
	cr_assert_null(find(TREND_RATE));
	add_halves(100, 0, 10, 94, 0, 10);
	cr_assert_float_eq(find(TREND_RATE)->change_pct, -6, 1e-9);
}

Test(trends, both_averages_and_the_samples_are_told)
{
	const struct trend *t;

	add_halves(100, 10, 2000, 50, 20, 3000);
	t = find(TREND_RATE);
	cr_assert_eq(t->before, 100);
	cr_assert_eq(t->recent, 50);
	cr_assert_eq(t->change_pct, -50);
	cr_assert_eq(t->calls_before, 500);
	cr_assert_eq(t->calls_recent, 250);
	t = find(TREND_ERRORS);
	cr_assert_eq(t->before, 10);
	cr_assert_eq(t->recent, 40);
	cr_assert_eq(t->change_pct, 300);
	t = find(TREND_DURATION);
	cr_assert_eq(t->before, 2000);
	cr_assert_eq(t->recent, 3000);
	cr_assert_eq(t->change_pct, 50);
	cr_assert_eq(trends.n, 3);
	cr_assert_eq(trends.v[0].metric, TREND_ERRORS, "the largest change first");
}

Test(trends, of_too_few_calls_nothing_is_said)
{
	add_halves(1, 0, 10, 1, 1, 99); /* five calls each, of which ten are wanted */
	cr_assert_eq((make(), trends.n), 0);
	add_halves(2, 0, 10, 1, 1, 99);
	cr_assert_not_null(find(TREND_RATE), "ten in the busier half");
	cr_assert_null(find(TREND_ERRORS), "five in the recent half");
	cr_assert_null(find(TREND_DURATION));
	add_halves(2, 0, 10, 2, 1, 99);
	cr_assert_not_null(find(TREND_ERRORS));
	cr_assert_not_null(find(TREND_DURATION));
	r->limits.min_calls = 11;
	cr_assert_null(find(TREND_ERRORS));
}

Test(trends, a_minimum_of_zero_still_needs_a_call)
{
	r->limits.min_calls = 0;
	add_halves(0, 0, 0, 0, 0, 0);
	cr_assert_eq((make(), trends.n), 0);
	add_halves(1, 0, 10, 0, 0, 0);
	cr_assert_eq(find(TREND_RATE)->change_pct, -100);
	cr_assert_eq(trends.n, 1);
}

Test(trends, of_too_few_windows_nothing_is_said)
{
	struct trend_halves h;

	add_halves(100, 0, 10, 200, 0, 10);
	r->duration_ns = 3 * SEC;
	cr_assert_not(trend_halves(r, &h));
	cr_assert_eq((make(), trends.n), 0);
	r->duration_ns = 3 * SEC + 1;
	cr_assert(trend_halves(r, &h));
	cr_assert_eq(h.windows, 2);
	r->window_ns = 0;
	cr_assert_not(trend_halves(r, &h));
	cr_assert_eq((make(), trends.n), 0);
	r->window_ns = SEC;
	r->windows_from_ns = r->duration_ns;
	cr_assert_not(trend_halves(r, &h));
	r->windows_from_ns = UINT64_MAX;
	cr_assert_not(trend_halves(r, &h));
}

Test(trends, the_oldest_of_an_odd_number_of_windows_is_left_out)
{
	struct trend_halves h;

	r->windows_from_ns = 1 * SEC;
	cr_assert(trend_halves(r, &h));
	cr_assert_eq(h.windows, 4);
	cr_assert_eq(h.from_ns, 2 * SEC);
	cr_assert_eq(h.middle_ns, 6 * SEC);
	cr_assert_eq(h.end_ns, 10 * SEC);
	sample_add_activity(r, P_GOOD, REPORT_NONE, 1, 1000, 0, 10);
	cr_assert_null(find(TREND_RATE));
}

Test(trends, a_last_window_that_was_cut_short_counts_by_its_length)
{
	add_halves(100, 0, 10, 100, 0, 10);
	r->duration_ns = 9 * SEC + SEC / 10;
	r->activities.v[9].end_ns = r->duration_ns;
	r->activities.v[9].calls = 10;
	r->activities.v[9].total_ns = 100;
	make();
	cr_assert_eq(trends.n, 0, "%zu", trends.n);
}

Test(trends, what_came_from_nothing_has_no_percentage)
{
	const struct trend *t;

	add_halves(0, 0, 0, 100, 0, 10);
	t = find(TREND_RATE);
	cr_assert(isinf(t->change_pct));
	cr_assert_eq(t->before, 0);
	cr_assert_eq(t->recent, 100);
	cr_assert(trend_is_clear(t));
	add_halves(100, 0, 10, 100, 1, 10);
	cr_assert(isinf(find(TREND_ERRORS)->change_pct));
	add_halves(100, 1, 10, 100, 0, 10);
	cr_assert_eq(find(TREND_ERRORS)->change_pct, -100);
}

Test(trends, what_went_silent_is_a_trend)
{
	const struct trend *t;

	add_halves(100, 0, 10, 0, 0, 0);
	t = find(TREND_RATE);
	cr_assert_eq(t->change_pct, -100);
	cr_assert_eq(t->recent, 0);
	cr_assert_eq(t->noise_pct, 0);
}

/* 100 a second on average in both halves, by turns: a few per cent are chance. */
Test(trends, a_change_within_the_spread_of_the_windows_is_not_clear)
{
	static const uint64_t calls[] = { 20, 180, 40, 160, 100, 30, 190, 60, 150, 120 };

	for (uint64_t s = 0; s < 10; s++)
		sample_add_activity(r, P_GOOD, REPORT_NONE, s, calls[s], 0, calls[s] * 10);
	cr_assert_float_eq(find(TREND_RATE)->change_pct, 10, 1e-9);
	cr_assert_gt(find(TREND_RATE)->noise_pct, 20);
	cr_assert_not(trend_is_clear(find(TREND_RATE)));
	add_halves(100, 0, 10, 110, 0, 10);
	cr_assert(trend_is_clear(find(TREND_RATE)));
}

Test(trends, windows_without_calls_widen_the_spread)
{
	sample_add_activity(r, P_GOOD, REPORT_NONE, 2, 500, 0, 500);
	sample_add_activity(r, P_GOOD, REPORT_NONE, 7, 600, 0, 600);
	cr_assert_float_eq(find(TREND_RATE)->change_pct, 20, 1e-9);
	cr_assert_not(trend_is_clear(find(TREND_RATE)));
}

Test(trends, plugins_and_paths_are_told_apart)
{
	for (uint64_t s = 0; s < 10; s++) {
		sample_add_activity(r, 0, REPORT_NONE, s, 100, 0, 1000);
		sample_add_activity(r, REPORT_NONE, 0, s, s < 5 ? 100 : 200, 0, 1000);
	}
	cr_assert_null(find(TREND_RATE));
	cr_assert_eq(trends.n, 2);
	cr_assert_eq(trends.v[0].path, 0);
	cr_assert_eq(trends.v[0].plugin, REPORT_NONE);
}

Test(trends, activities_of_nobody_or_of_no_time_are_left_out)
{
	sample_add_activity(r, P_COUNT, REPORT_NONE, 9, 1000, 0, 10);
	sample_add_activity(r, REPORT_NONE, REPORT_NONE, 9, 1000, 0, 10);
	sample_add_activity(r, P_GOOD, REPORT_NONE, 9, 1000, 0, 10);
	r->activities.v[2].start_ns = r->activities.v[2].end_ns;
	make();
	cr_assert_eq(trends.n, 0);
}

Test(trends, a_limit_of_zero_turns_them_off)
{
	add_halves(100, 0, 10, 200, 0, 10);
	r->limits.trend_pct = 0;
	make();
	cr_assert_eq(trends.n, 0);
	report_free(r);
	r = report_new();
	make();
	cr_assert_eq(trends.n, 0);
}
