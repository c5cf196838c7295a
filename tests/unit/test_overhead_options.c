/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of `overhead`. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "cmd/overhead_options.h"

#define WORDS_MAX 24

struct line {
	char text[512], *argv[WORDS_MAX + 2];
	int argc;
	struct overhead_options o;
};

static int parse(struct line *l, const char *text)
{
	char *save = NULL;

	l->argc = 1;
	l->argv[0] = (char[]){ "overhead" };
	snprintf(l->text, sizeof(l->text), "%s", text);
	for (char *word = strtok_r(l->text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		cr_assert_lt(l->argc, WORDS_MAX);
		l->argv[l->argc++] = word;
	}
	l->argv[l->argc] = NULL;
	return overhead_options_parse(&l->o, l->argc, l->argv);
}

static const struct overhead_options *parsed(struct line *l, const char *text)
{
	cr_assert_eq(parse(l, text), -1, "'%s'", text);
	return &l->o;
}

static void refused(const char *text)
{
	struct line l = {};

	cr_redirect_stderr();
	cr_assert_eq(parse(&l, text), 2, "'%s'", text);
	overhead_options_done(&l.o);
}

Test(overhead_options, defaults_are_those_of_the_manual)
{
	struct line l = {};
	const struct overhead_options *o = parsed(&l, "-p 1,2");

	cr_assert_eq(o->pids.n, 2);
	cr_assert_eq(o->duration_ns, 60000000000);
	cr_assert_eq(o->block_ns, 0);
	cr_assert_eq(o->unit, WORK_UNITS);
	cr_assert_null(o->function);
	cr_assert(isnan(o->max_overhead_pct));
	cr_assert_not(o->has_seed || o->json || o->on_cpu || o->no_follow);
	cr_assert_eq(o->record_n, 0);
	overhead_options_done(&l.o);
}

Test(overhead_options, what_stands_behind_two_dashes_is_the_traced_runs)
{
	struct line l = {};
	const struct overhead_options *o = parsed(&l, "-d 20 -p 1 -- -t f* --no-cpu -q");

	cr_assert_eq(o->duration_ns, 20000000000);
	cr_assert_eq(o->record_n, 4);
	cr_assert_str_eq(o->record[0], "-t");
	cr_assert_str_eq(o->record[3], "-q");
	cr_assert_null(o->record[4]);
	overhead_options_done(&l.o);
	cr_assert_eq(parsed(&l, "-p 1 --")->record_n, 0);
	overhead_options_done(&l.o);
}

Test(overhead_options, units_are_named)
{
	struct line l = {};

	cr_assert_eq(parsed(&l, "-n a* --unit accepts")->unit, WORK_ACCEPTS);
	cr_assert_eq(parsed(&l, "-n a* --unit time")->unit, WORK_TIME);
	cr_assert_eq(parsed(&l, "-n a* --unit sys:futex")->unit, WORK_NAMED);
	cr_assert_eq(l.o.unit_nr, SYS_futex);
	cr_assert_null(l.o.function);
	cr_assert_eq(parsed(&l, "-n a* --unit path:lib.so:f*")->unit, WORK_NAMED);
	cr_assert_str_eq(l.o.function, "lib.so:f*");
	cr_assert_eq(l.o.unit_nr, -1);
	cr_assert_eq(parsed(&l, "-n a* --unit path:f --unit sends")->unit, WORK_SENDS);
	cr_assert_null(l.o.function, "the last one holds");
}

Test(overhead_options, the_rest_is_read)
{
	struct line l = {};
	const struct overhead_options *o =
	    parsed(&l, "-n x --max-overhead 1.5% --seed 7 --block 0.5 --format json --clock on-cpu "
		       "--no-follow");

	cr_assert_eq(o->max_overhead_pct, 1.5);
	cr_assert(o->has_seed && o->seed == 7 && o->json && o->on_cpu && o->no_follow);
	cr_assert_eq(o->block_ns, 500000000);
	cr_assert_str_eq(o->name_glob, "x");
}

Test(overhead_options, wrong_lines_are_refused)
{
	refused("");
	refused("-d 5");
	refused("-p 1 -n x");
	refused("-p 1 stray");
	refused("-p x");
	refused("-p 1 --unit requests");
	refused("-p 1 --unit sys:reed");
	refused("-p 1 --unit path:");
	refused("-p 1 --format csv");
	refused("-p 1 --clock wall");
	refused("-p 1 --block 0.05");
	refused("-p 1 -d 10 --block 5");
	refused("-p 1 --no-cpu");
	refused("-p 1 -- -- ls");
	refused("-p 1 -- -d 5");
	refused("-p 1 -- -q -d5");
	refused("-p 1 -- --duration=5");
	refused("-p 1 -- --dur 5");
}
