/* SPDX-License-Identifier: GPL-2.0-only */
/* Bottleneck rules: their limits, what they say, and in which order. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/findings.h"
#include "sample_plugins.h"
#include "sample_report.h"

static struct report *r;
static finding_vec findings;

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
	sample_add_plugins(r);
}

static void teardown(void)
{
	findings_done(&findings);
	report_free(r);
}

TestSuite(findings, .init = setup, .fini = teardown);

static void make(void)
{
	findings_done(&findings);
	cr_assert_eq(findings_make(r, &findings), 0);
}

/* The finding of this rule about a plugin or path; NULL: there is none. */
static const struct finding *find(enum finding_rule rule, uint32_t plugin, uint32_t path)
{
	make();
	vec_foreach (f, &findings) {
		if (f->rule == rule && f->plugin == plugin && f->path == path)
			return f;
	}
	return NULL;
}

static const struct finding *of_plugin(enum finding_rule rule, uint32_t plugin)
{
	return find(rule, plugin, REPORT_NONE);
}

static const struct finding *of_path(enum finding_rule rule, uint32_t path)
{
	return find(rule, REPORT_NONE, path);
}

static void assert_says(const struct finding *f, const char *what)
{
	cr_assert_not_null(f);
	cr_assert_not_null(strstr(f->text, what), "no '%s' in: %s", what, f->text);
}

Test(findings, a_share_of_failures_at_the_limit_is_not_above_it)
{
	struct call_stats *s = r->plugins.v[P_GOOD].stats;

	s->errors = 250;
	cr_assert_null(of_plugin(HIGH_ERROR_RATE, P_GOOD));
	s->errors = 251;
	assert_says(of_plugin(HIGH_ERROR_RATE, P_GOOD),
		    "mod_good.so: 251 of 1000 executions failed, 25.1% (limit 25.0%)");
	/* A limit that no double holds exactly. */
	r->limits.error_pct = 0.1;
	s->errors = 1;
	cr_assert_null(of_plugin(HIGH_ERROR_RATE, P_GOOD));
	s->errors = 2;
	cr_assert_not_null(of_plugin(HIGH_ERROR_RATE, P_GOOD));
}

Test(findings, the_commonest_error_is_named)
{
	assert_says(of_plugin(HIGH_ERROR_RATE, P_BAD),
		    "mod_bad.so: 120 of 400 executions failed, 30.0% (limit 25.0%), most with "
		    "exception std::runtime_error (100): begin with that error");
}

Test(findings, a_call_that_takes_the_limit_is_not_slow)
{
	struct call_stats *s = r->plugins.v[P_GOOD].stats;

	s->max_ns = 5000000000;
	cr_assert_null(of_plugin(SLOW_EXECUTION, P_GOOD));
	s->max_ns++;
	assert_says(of_plugin(SLOW_EXECUTION, P_GOOD),
		    "the longest of 1000 executions took 5.00s (limit 5.00s), half of them");
	assert_says(of_plugin(SLOW_EXECUTION, P_GOOD), "it computes for 83.6% of its time");
	r->plugins.v[P_GOOD].offcpu_ns = 306000000;
	assert_says(of_plugin(SLOW_EXECUTION, P_GOOD), "it waits for 75.0% of its time");
	r->plugins.v[P_GOOD].has_cpu = false;
	assert_says(of_plugin(SLOW_EXECUTION, P_GOOD), "see the stacks under it");
}

Test(findings, an_execution_that_does_not_end_is_slow)
{
	assert_says(of_plugin(SLOW_EXECUTION, P_BAD),
		    "has been running for 7.00s and had not ended (limit 5.00s)");
	r->plugins.v[P_BAD].in_flight = 0;
	assert_says(of_plugin(SLOW_EXECUTION, P_BAD), "took 6.00s");
	/* Also when none ever ended. */
	r->plugins.v[P_BAD_AGAIN].in_flight = 1;
	r->plugins.v[P_BAD_AGAIN].in_flight_ns = 5000000001;
	cr_assert_not_null(of_plugin(SLOW_EXECUTION, P_BAD_AGAIN));
	r->plugins.v[P_BAD_AGAIN].in_flight_ns = 5000000000;
	cr_assert_null(of_plugin(SLOW_EXECUTION, P_BAD_AGAIN));
}

Test(findings, memory_is_what_was_asked_for_or_mapped_not_the_sum)
{
	struct plugin *p = &r->plugins.v[P_GOOD];

	p->alloc_bytes = p->mapped_bytes = 100 << 20;
	cr_assert_null(of_plugin(HIGH_MEMORY, P_GOOD));
	p->mapped_bytes++;
	cr_assert_not_null(of_plugin(HIGH_MEMORY, P_GOOD));
	cr_assert_eq(of_plugin(HIGH_MEMORY, P_GOOD)->value, (100 << 20) + 1);
	p->has_memory = false;
	cr_assert_null(of_plugin(HIGH_MEMORY, P_GOOD));
	assert_says(of_plugin(HIGH_MEMORY, P_BAD),
		    "asked for 300 MiB in 12000 allocations, mapped 310 MiB (limit 100 MiB)");
}

Test(findings, cpu_time_is_a_share_of_that_of_the_targets)
{
	struct plugin *p = &r->plugins.v[P_GOOD];

	p->cpu_ns = 4080000000; /* 80 % of 5.1 s */
	cr_assert_null(of_plugin(HIGH_CPU, P_GOOD));
	p->cpu_ns++;
	assert_says(of_plugin(HIGH_CPU, P_GOOD),
		    "used 4.08s of CPU, 80.0% of all that the targets used (limit 80.0%)");
	/* Clocks that disagree make no more than everything. */
	p->cpu_ns = 6000000000;
	cr_assert_eq(of_plugin(HIGH_CPU, P_GOOD)->value, 100);
}

Test(findings, samples_stand_in_for_cpu_time_that_is_not_known)
{
	struct plugin *p = &r->plugins.v[P_GOOD];

	p->has_cpu = false;
	r->cpu.samples = 100;
	p->samples = 80;
	cr_assert_null(of_plugin(HIGH_CPU, P_GOOD));
	p->samples = 81;
	assert_says(of_plugin(HIGH_CPU, P_GOOD), "81.0% of the CPU samples are in it");
	/* Of a handful nothing follows. */
	r->cpu.samples = p->samples = 29;
	cr_assert_null(of_plugin(HIGH_CPU, P_GOOD));
	r->cpu.samples = p->samples = 30;
	cr_assert_not_null(of_plugin(HIGH_CPU, P_GOOD));
}

Test(findings, failed_loads_make_a_plugin_unreliable_too)
{
	r->plugins.v[P_BROKEN].load_errors = 100;
	cr_assert_null(of_plugin(UNRELIABLE, P_BROKEN));
	r->plugins.v[P_BROKEN].load_errors = 101;
	assert_says(of_plugin(UNRELIABLE, P_BROKEN),
		    "broken.so: failed 101 times (limit 100): 0 of 0 executions, and 101 loads");
	assert_says(of_plugin(UNRELIABLE, P_BAD),
		    "failed 120 times (limit 100): 120 of 400 executions, most with");
	r->plugins.v[P_BROKEN].load_errors = UINT64_MAX;
	r->plugins.v[P_BROKEN].stats = calloc(1, sizeof(struct call_stats));
	r->plugins.v[P_BROKEN].stats->calls = r->plugins.v[P_BROKEN].stats->errors = UINT64_MAX;
	cr_assert_not_null(of_plugin(UNRELIABLE, P_BROKEN), "the sum wrapped");
}

Test(findings, paths_are_judged_by_the_same_rules)
{
	struct call_stats *s = &r->paths.v[1].stats; /* 5000 calls, 125 errors */

	assert_says(of_path(UNRELIABLE, 1),
		    "serve > parse_request: failed 125 times (limit 100): 125 of 5000 calls, most "
		    "with ret=-22 (100)");
	s->errors = 100;
	cr_assert_null(of_path(UNRELIABLE, 1));
	s->errors = 1250;
	cr_assert_null(of_path(HIGH_ERROR_RATE, 1));
	s->errors = 1251;
	assert_says(of_path(HIGH_ERROR_RATE, 1), "1251 of 5000 calls failed, 25.0%");
	s->max_ns = 5000000000;
	cr_assert_null(of_path(SLOW_EXECUTION, 1));
	s->max_ns++;
	cr_assert_not_null(of_path(SLOW_EXECUTION, 1));
	r->paths.v[1].cpu_ns = 4080000001;
	cr_assert_not_null(of_path(HIGH_CPU, 1));
	r->paths.v[1].has_cpu = false;
	cr_assert_null(of_path(HIGH_CPU, 1));
	cr_assert_null(of_path(HIGH_MEMORY, 1));
}

Test(findings, a_caller_that_is_slow_for_its_callee_stands_behind_it)
{
	/* serve > db_query > flush */
	r->paths.v[0].stats.max_ns = 9000000000;
	r->paths.v[2].stats.max_ns = 8000000000;
	cr_assert(of_path(SLOW_EXECUTION, 0)->inherited);
	cr_assert_not(of_path(SLOW_EXECUTION, 2)->inherited);
	r->paths.v[3].stats.max_ns = 7000000000;
	cr_assert(of_path(SLOW_EXECUTION, 2)->inherited);
	cr_assert_not(of_path(SLOW_EXECUTION, 3)->inherited);
	cr_assert(findings.v[findings.n - 1].inherited);
	/* A callee's failures are not the caller's. */
	r->paths.v[0].stats.errors = r->paths.v[2].stats.errors = 1000;
	cr_assert_not(of_path(UNRELIABLE, 0)->inherited);
}

Test(findings, a_path_that_is_its_own_parent_ends_the_walk)
{
	r->paths.v[2].stats.max_ns = 8000000000;
	r->paths.v[2].parent = 2;
	cr_assert_not(of_path(SLOW_EXECUTION, 2)->inherited);
	r->paths.v[2].parent = 5;
	cr_assert_not(of_path(SLOW_EXECUTION, 2)->inherited);
}

Test(findings, what_is_farthest_above_its_limit_comes_first)
{
	make();
	cr_assert_gt(findings.n, 3);
	for (size_t i = 1; i < findings.n; i++) {
		const struct finding *a = &findings.v[i - 1], *b = &findings.v[i];

		cr_assert(a->inherited < b->inherited ||
			  a->value / a->limit >= b->value / b->limit);
	}
	cr_assert_eq(findings.v[0].rule, HIGH_MEMORY);
}

Test(findings, a_limit_of_zero_turns_its_rule_off)
{
	r->limits = (struct limits){};
	make();
	cr_assert_eq(findings.n, 0);
	r->limits.failures = 1;
	make();
	cr_assert_gt(findings.n, 0);
	vec_foreach (f, &findings)
		cr_assert_eq(f->rule, UNRELIABLE);
}

Test(findings, without_calls_there_is_no_rate)
{
	r->paths.v[1].stats.calls = r->paths.v[1].stats.errors = 0;
	cr_assert_null(of_path(HIGH_ERROR_RATE, 1));
	r->targets.n = 0;
	cr_assert_null(of_path(HIGH_CPU, 1), "a share of nothing");
	report_free(r);
	r = report_new();
	make();
	cr_assert_eq(findings.n, 0);
}

Test(findings, sentences_are_clean)
{
	r->plugins.v[P_HOSTILE].stats->calls = 1;
	make();
	vec_foreach (f, &findings) {
		struct buf clean = {};

		text_clean(&clean, f->text);
		cr_assert_str_eq(buf_str(&clean), f->text);
		cr_assert_eq(f->text[strlen(f->text) - 1], '.');
		buf_done(&clean);
	}
	assert_says(of_plugin(HIGH_ERROR_RATE, P_HOSTILE), "?[31m?.so: 1 of 1 execution failed");
}

Test(findings, rules_have_the_names_of_the_manual)
{
	cr_assert_str_eq(finding_rule_name(HIGH_ERROR_RATE), "HIGH_ERROR_RATE");
	cr_assert_str_eq(finding_rule_name(SLOW_EXECUTION), "SLOW_EXECUTION");
	cr_assert_str_eq(finding_rule_name(HIGH_MEMORY), "HIGH_MEMORY");
	cr_assert_str_eq(finding_rule_name(HIGH_CPU), "HIGH_CPU");
	cr_assert_str_eq(finding_rule_name(UNRELIABLE), "UNRELIABLE");
	cr_assert_str_eq(finding_unit(SLOW_EXECUTION), "ns");
	cr_assert_str_eq(finding_unit(HIGH_MEMORY), "bytes");
	cr_assert_str_eq(finding_unit(HIGH_CPU), "pct");
}
