/* SPDX-License-Identifier: GPL-2.0-only */
/* What holds of paths from any stacks, on reports made by chance. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/sampled.h"
#include "lib/buf.h"
#include "stack_report.h"

/* Beginnings, functions, and ends of stacks. */
static const char *const roots[] = {
	"_start;libc:__libc_start_main;main;run;",
	"libc:clone3;libc:start_thread;worker;",
	"libc:clone3;libc:start_thread;py:Thread.run@/py/threading.py;py:serve@/srv/a.py;",
	"node/node::Start;node/uv_run;",
	"libc:clone3;libc:start_thread;",
	"!;",
	"",
	"k:ret_from_fork;k:kthread;k:worker_thread;",
};
static const char *const functions[] = {
	"a;",
	"b;",
	"c;",
	"d;",
	"e;",
	"f.cold;",
	"f;",
	"?1010;",
	"?1020;",
	"?2010;",
	"i:a;",
	"libc:qsort;",
	"js:on@/srv/a.js;",
	"py:g@/srv/a.py;",
	"node/vm;",
	"counted;",
	"below;",
	"std::sort;",
	"run;",
};
static const char *const ends[] = {
	"libc:epoll_wait;k:do_epoll_wait",
	"queue_pop;libc:pthread_cond_wait;k:do_futex;k:futex_wait",
	"libc:recv;k:__x64_sys_recvfrom;k:sk_wait_data",
	"libc:usleep;k:hrtimer_nanosleep",
	"libc:write;k:ksys_write",
	"libc:pthread_mutex_lock;libc:__lll_lock_wait;k:do_futex",
	"libc:memcpy",
	"!;a",
	"a",
	"",
};

#define PICK(list) list[(uint32_t)rand_r(seed) % (sizeof(list) / sizeof((list)[0]))]

static void make_stack(struct buf *b, unsigned int *seed)
{
	int depth = rand_r(seed) % 12;

	buf_clear(b);
	buf_add_str(b, PICK(roots));
	for (int i = 0; i < depth; i++)
		buf_add_str(b, PICK(functions));
	buf_add_str(b, PICK(ends));
}

static struct report *make_report(unsigned int seed_value)
{
	unsigned int state = seed_value, *seed = &state;
	struct report *r = stack_report();
	int samples = rand_r(seed) % 300;
	struct buf b = {};

	stack_target(r, "app", "/bin/app");
	stack_target(r, "other", NULL);
	if (rand_r(seed) % 2)
		stack_counted(r, stack_counted(r, REPORT_NONE, "counted", 10, 500), "below", 5,
			      200);
	for (int i = 0; i < samples; i++) {
		uint32_t target = (uint32_t)rand_r(seed) % 3;
		uint64_t n = 1 + (uint64_t)(rand_r(seed) % 40);

		make_stack(&b, seed);
		switch (rand_r(seed) % 4) {
		case 0:
			stack_blocked(r, target, buf_str(&b), 10 * n);
			break;
		case 1:
			stack_preempted(r, target, buf_str(&b), n);
			break;
		default:
			stack_cpu(r, target, buf_str(&b), n);
		}
	}
	/* Ticks are missed, and accounting goes on. */
	for (uint32_t t = 0; t < r->targets.n; t++)
		r->targets.v[t].cpu_ns += (uint64_t)(rand_r(seed) % 1000000);
	buf_done(&b);
	return r;
}

ParameterizedTestParameters(sampled_random, all_time_is_somewhere_and_callers_have_their_callees)
{
	static unsigned int seeds[200];

	for (unsigned int i = 0; i < 200; i++)
		seeds[i] = i;
	return cr_make_param_array(unsigned int, seeds, 200);
}

ParameterizedTest(unsigned int *seed, sampled_random,
		  all_time_is_somewhere_and_callers_have_their_callees)
{
	struct report *r = make_report(*seed), *again = make_report(*seed);
	char *one, *two;
	size_t sampled = 0;

	cr_assert_eq(sampled_paths(r), 0);
	stack_check(r);
	vec_foreach (p, &r->paths)
		sampled += p->sampled;
	cr_assert_leq(sampled, 200);
	/* The same stacks, the same paths. */
	cr_assert_eq(sampled_paths(again), 0);
	one = stack_paths(r);
	two = stack_paths(again);
	cr_assert_str_eq(one, two);
	free(one);
	free(two);
	report_free(r);
	report_free(again);
}
