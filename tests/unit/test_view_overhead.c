/* SPDX-License-Identifier: GPL-2.0-only */
/* What tracing costs, in words and in JSON. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "view/overhead.h"
#include "work_sample.h"

static work_pair_vec pairs;
static work_change_vec changes;
static struct work_costs costs;
static struct overhead_view view;
static char *text;
static size_t size;

static void given(double more, enum work_unit unit)
{
	struct work_change come = { .begins = true, .block = { .wall_ns = 200000000 } };

	pairs.n = changes.n = 0;
	for (size_t i = 0; i < 12; i++)
		vec_push(&pairs, work_sample_pair(i, more, 0.01));
	vec_push(&changes, come);
	cr_assert_eq(work_costs_make(pairs.v, pairs.n, unit, &costs), 0);
	view = (struct overhead_view){ .version = "1",
				       .target = "process 7 (x)",
				       .record = "",
				       .pairs = &pairs,
				       .changes = &changes,
				       .costs = &costs,
				       .duration_ns = 60000000000,
				       .block_ns = 1000000000,
				       .seed = 5,
				       .budget_pct = NAN };
}

static void teardown(void)
{
	vec_done(&pairs);
	vec_done(&changes);
	free(text);
}

TestSuite(view_overhead, .fini = teardown);

static const char *print(int (*fn)(const struct overhead_view *, FILE *))
{
	FILE *out;

	free(text);
	text = NULL;
	out = open_memstream(&text, &size);
	cr_assert_eq(fn(&view, out), 0);
	fclose(out);
	return text;
}

/* In words: wherever lines are broken. */
static void says(const char *part)
{
	char flat[8192];
	size_t n = 0;

	for (const char *c = print(overhead_text); *c && n < sizeof(flat) - 1; c++) {
		bool blank = *c == ' ' || *c == '\n';

		if (!blank || (n && flat[n - 1] != ' '))
			flat[n++] = blank ? ' ' : *c;
	}
	flat[n] = '\0';
	cr_assert(strstr(flat, part), "'%s' is not in:\n%s", part, text);
}

Test(view_overhead, a_cost_is_told_in_the_first_line)
{
	given(1.1, WORK_UNITS);
	says("Tracing costs 10.0 % (95 %: ");
	says("of its CPU time a send.");
	says("throughput 1000 sends a second without, no other with it");
	says("attaching 200ms on average of 1");
	says("Hodges-Lehmann");
	says("blocks 12 pairs of 1.00s each way, in random order (seed 5), 60.0s in all");
	says("traced with the default run");
	cr_assert_null(strstr(text, "budget"));
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		cr_assert_leq(strcspn(line, "\n"), 80, "%s", line);
}

Test(view_overhead, nothing_is_told_as_nothing)
{
	given(1, WORK_UNITS);
	says("What tracing costs cannot be told from nothing: between -0.");
}

Test(view_overhead, less_than_nothing_is_no_gain)
{
	given(0.9, WORK_UNITS);
	says("The target takes 10.0 % (95 %: 9.");
	says("the work itself has changed");
}

Test(view_overhead, a_budget_is_judged_by_the_whole_interval)
{
	given(1.1, WORK_UNITS);
	view.budget_pct = 5;
	says("budget 5 %: exceeded");
	view.budget_pct = 20;
	says("budget 20 %: kept");
	view.budget_pct = 10;
	says("budget 10 %: may be kept or not");
}

Test(view_overhead, a_named_unit_is_called_by_its_name)
{
	for (size_t i = 0; i < 2; i++) {
		given(1.1, WORK_UNITS);
		for (size_t p = 0; p < pairs.n; p++)
			pairs.v[p].off.units[WORK_NAMED] = pairs.v[p].on.units[WORK_NAMED] = 500;
		cr_assert_eq(work_costs_make(pairs.v, pairs.n, WORK_NAMED, &costs), 0);
		view.unit_arg = i ? "path:lib.so:f" : "sys:futex";
		says(i ? "a call of lib.so:f" : "a call of futex");
		says("as asked for");
	}
}

Test(view_overhead, time_comes_with_a_warning)
{
	given(1.1, WORK_TIME);
	says("CPU time a second.");
	says("takes no more CPU time a second");
	says("100ms a second without the tracer, 110ms with it");
	cr_assert_null(strstr(text, "throughput"));
}

Test(view_overhead, contradictions_and_losses_are_told)
{
	given(1.1, WORK_UNITS);
	for (size_t p = 0; p < pairs.n; p++)
		pairs.v[p].on.units[WORK_CALLS] = 4000;
	pairs.v[0].off.units[WORK_SENDS] = 0;
	cr_assert_eq(work_costs_make(pairs.v, pairs.n, WORK_SENDS, &costs), 0);
	view.lost = 3;
	view.interrupted = true;
	says("but by system calls it would be +37.");
	says("1 more had too little work in a block and were left out");
	says("3 threads could not be counted");
	says("ended by hand");
}

Test(view_overhead, json_has_it_all)
{
	json_error_t err;
	json_t *top, *unit;
	double change;

	given(1.1, WORK_UNITS);
	view.budget_pct = 5;
	top = json_loads(print(overhead_json), 0, &err);
	cr_assert_not_null(top, "%s at %d: %s", err.text, err.line, text);
	cr_assert_str_eq(json_string_value(json_object_get(top, "verdict")), "costs");
	cr_assert_str_eq(json_string_value(json_object_get(top, "budget")), "exceeded");
	unit = json_object_get(top, "unit");
	cr_assert_str_eq(json_string_value(json_object_get(unit, "name")), "sends");
	change = json_real_value(json_object_get(json_object_get(unit, "cpu"), "change_pct"));
	cr_assert(change > 9.5 && change < 10.5, "%g", change);
	cr_assert_eq(json_array_size(json_object_get(top, "blocks")), 24);
	cr_assert_eq(json_array_size(json_object_get(top, "units")), 4);
	cr_assert_eq(json_is_true(json_object_get(json_array_get(json_object_get(top, "blocks"), 0),
						  "traced")),
		     pairs.v[0].on_first);
	json_decref(top);
	view.budget_pct = NAN;
	top = json_loads(print(overhead_json), 0, &err);
	cr_assert(json_is_null(json_object_get(top, "budget")));
	json_decref(top);
}
