/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths from stacks, on reports with known truth. */
#include "analysis/sampled.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack_report.h"

static struct report *r;

static void setup(void)
{
	r = stack_report();
}

static void teardown(void)
{
	report_free(r);
}

TestSuite(sampled, .init = setup, .fini = teardown);

static void find(void)
{
	cr_assert_eq(sampled_paths(r), 0);
	stack_check(r);
}

static const struct path *get(const char *path)
{
	return stack_get(r, path);
}

static void expect(const char *path, uint64_t cpu_ms, uint64_t offcpu_ms, uint64_t self_ms)
{
	stack_expect(r, path, cpu_ms, offcpu_ms, self_ms);
}

static void expect_none(const char *path)
{
	stack_expect_none(r, path);
}

static void expect_idle(const char *where, uint64_t ms)
{
	stack_expect_idle(r, where, ms);
}

Test(sampled, recursion_is_one_node)
{
	stack_cpu(r, 0, START "main;fib;fib;fib;fib", 300);
	stack_cpu(r, 0, START "main;fib;fib", 200);
	stack_cpu(r, 0, START "main;fib;fib;leaf", 100);
	stack_cpu(r, 0, START "main;fib;leaf", 50);
	find();
	expect("main > fib", 650, 0, 500);
	expect("main > fib > leaf", 150, 0, 150);
	cr_assert_eq(r->paths.n, 3);
}

Test(sampled, functions_that_call_each_other_stand_twice_at_most)
{
	stack_cpu(r, 0, START "main;even;odd;even;odd;even;odd;even;leaf", 400);
	stack_cpu(r, 0, START "main;even;odd;even;odd", 300);
	stack_cpu(r, 0, START "main;even;own", 300);
	find();
	expect("main > even", 1000, 0, 0);
	expect("main > even > odd > even > odd", 300, 0, 300);
	expect("main > even > odd > even > leaf", 400, 0, 400);
}

Test(sampled, of_a_long_row_of_wrappers_the_ends_stay)
{
	stack_cpu(r, 0, START "main;a;w1;w2;w3;w4;w5;w6;work", 900);
	stack_cpu(r, 0, START "main;a", 100);
	stack_cpu(r, 0, START "main;b;v1;v2;work", 900);
	stack_cpu(r, 0, START "main;b", 100);
	find();
	expect("main > a > w1 > w2 > w6 > work", 900, 0, 900);
	expect("main > b > v1 > v2 > work", 900, 0, 900);
}

Test(sampled, what_takes_little_time_is_its_callers_own)
{
	stack_cpu(r, 0, START "main;serve;big", 900);
	stack_cpu(r, 0, START "main;serve;small", 4);
	stack_cpu(r, 0, START "main;serve;libc:malloc;libc:_int_malloc", 15);
	stack_cpu(r, 0, START "main;serve;libc:memcpy", 81);
	find();
	expect("main > serve", 1000, 0, 19);
	expect("main > serve > memcpy", 81, 0, 81);
	expect_none("main > serve > small");
	expect_none("main > serve > malloc");
}

Test(sampled, what_the_library_calls_back_is_the_programs)
{
	stack_cpu(r, 0, START "main;sort_all;libc:qsort;libc:msort_with_tmp;compare", 600);
	stack_cpu(r, 0, START "main;sort_all;libc:qsort;libc:msort_with_tmp", 400);
	find();
	expect("main > sort_all", 1000, 0, 0);
	expect("main > sort_all > compare", 600, 0, 600);
	expect("main > sort_all > qsort", 400, 0, 400);
}

Test(sampled, the_inlined_and_the_cold_are_functions_like_others)
{
	stack_cpu(r, 0, START "main;parse;i:copy_header", 500);
	stack_cpu(r, 0, START "main;copy_header", 100);
	stack_cpu(r, 0, START "main;parse.cold", 200);
	stack_cpu(r, 0, START "main;parse", 200);
	find();
	expect("main > parse", 900, 0, 400);
	expect("main > parse > copy_header", 500, 0, 500);
	expect("main > copy_header", 100, 0, 100);
}

Test(sampled, only_what_has_no_name_at_all_is_shown_without)
{
	stack_cpu(r, 0, START "main;serve;?1010;handle;?1210;inner;?1310", 600);
	stack_cpu(r, 0, START "main;serve;?1020;handle;?1220", 200);
	stack_cpu(r, 0, START "?5000;?6010;libc:memcpy", 100);
	stack_cpu(r, 0, START "?5040;?6020", 50);
	find();
	expect("main > serve > handle", 800, 0, 200);
	expect("main > serve > handle > inner", 600, 0, 600);
	expect("[app+0x5000]", 150, 0, 0);
	expect("[app+0x5000] > [app+0x6000]", 150, 0, 50);
	expect("[app+0x5000] > [app+0x6000] > memcpy", 100, 0, 100);
	cr_assert_eq(r->attributed.cpu.named_ns / MS, 900);
	cr_assert_eq(r->attributed.cpu.unnamed_ns / MS, 50);
}

Test(sampled, python_between_native_frames)
{
	stack_cpu(r, 0,
		  THREAD
		  "py:Thread._bootstrap@/py/threading.py;py:Thread.run@/py/threading.py;py:serve@/"
		  "srv/web.py;py:app@/srv/app.py;py:price@/srv/app.py",
		  500);
	stack_cpu(r, 0,
		  THREAD
		  "py:Thread._bootstrap@/py/threading.py;py:Thread.run@/py/threading.py;py:serve@/"
		  "srv/web.py;py:app@/srv/app.py;json.so/scan;py:hook@/srv/app.py",
		  200);
	stack_cpu(r, 0,
		  THREAD "py:Thread._bootstrap@/py/threading.py;py:Thread.run@/py/"
			 "threading.py;py:serve@/srv/web.py;py:app@/srv/app.py;json.so/scan",
		  100);
	stack_blocked(
	    r, 0,
	    THREAD "py:Thread._bootstrap@/py/threading.py;py:Thread.run@/py/threading.py;py:serve@/"
		   "srv/web.py;py:accept@/py/socket.py;libc:accept4;k:inet_csk_accept",
	    6000);
	/* The big lock is a lock. */
	stack_blocked(
	    r, 0,
	    THREAD "py:Thread._bootstrap@/py/threading.py;py:Thread.run@/py/threading.py;py:serve@/"
		   "srv/web.py;py:app@/srv/app.py;libc:pthread_cond_timedwait;k:do_futex",
	    400);
	find();
	expect("app (/srv/app.py)", 800, 400, 0);
	expect("app (/srv/app.py) > price (/srv/app.py)", 500, 0, 500);
	expect("app (/srv/app.py) > scan > hook (/srv/app.py)", 200, 0, 200);
	expect("app (/srv/app.py) > pthread_cond_timedwait", 0, 400, 400);
	expect_idle("serve (/srv/web.py) > accept4", 6000);
	cr_assert_eq(r->nodes.v[get("app (/srv/app.py)")->node].kind, NODE_PYTHON);
	cr_assert_eq(r->nodes.v[get("app (/srv/app.py) > scan")->node].kind, NODE_FUNCTION);
}

Test(sampled, javascript_begins_its_own_requests)
{
#define NODE START "node/node::Start;node/uv_run;node/uv__io_poll;"
	stack_cpu(r, 0,
		  NODE "node/uv__stream_io;node/OnRead;node/"
		       "Builtins_JSEntry;js:onRequest@node:_http_server;js:handle@/srv/a.js",
		  500);
	stack_cpu(r, 0,
		  NODE "node/uv__stream_io;node/OnRead;node/"
		       "Builtins_JSEntry;js:onRequest@node:_http_server;js:handle@/srv/a.js;node/"
		       "Builtins_CEntry;node/v8::internal::Runtime_Compile;node/v8::internal::Zone",
		  200);
	stack_cpu(r, 0, NODE "node/uv__stream_io;libc:read", 100);
	stack_cpu(r, 0, NODE "libc:epoll_pwait;k:do_epoll_wait", 60);
	stack_blocked(r, 0, NODE "libc:epoll_pwait;k:do_epoll_wait", 9000);
	find();
	expect("onRequest (node:_http_server)", 700, 0, 0);
	expect("onRequest (node:_http_server) > handle (/srv/a.js)", 700, 0, 500);
	expect("onRequest (node:_http_server) > handle (/srv/a.js) > v8::internal::Runtime_Compile",
	       200, 0, 200);
	expect("uv__stream_io > read", 100, 0, 100);
	cr_assert_eq(r->nodes.v[get("onRequest (node:_http_server)")->node].kind, NODE_JAVASCRIPT);
	cr_assert_geq(r->attributed.idle_ns, 9000 * MS);
}

Test(sampled, erlang_processes_begin_below_the_scheduler)
{
#define BEAM THREAD "beam.smp/sched_thread;beam.smp/process_main;"
	stack_cpu(r, 0,
		  BEAM "erl:proc_lib:init_p_do_apply/3@proc_lib.erl;erl:gen_server:loop/"
		       "5@gen_server.erl;erl:bank:handle_call/3@bank.erl",
		  600);
	stack_cpu(r, 0,
		  BEAM "erl:proc_lib:init_p_do_apply/3@proc_lib.erl;erl:gen_server:loop/"
		       "5@gen_server.erl;erl:bank:handle_call/3@bank.erl;beam.smp/"
		       "ets_insert_2;beam.smp/db_put",
		  300);
	stack_cpu(r, 0, BEAM "beam.smp/erts_schedule", 100);
	stack_blocked(
	    r, 0, BEAM "beam.smp/erts_schedule;beam.smp/ethr_event_wait;libc:syscall;k:do_futex",
	    9000);
	find();
	expect("gen_server:loop/5 (gen_server.erl) > bank:handle_call/3 (bank.erl)", 900, 0, 600);
	expect("gen_server:loop/5 (gen_server.erl) > bank:handle_call/3 (bank.erl) > ets_insert_2",
	       300, 0, 300);
	cr_assert_eq(r->attributed.idle_ns, 9000 * MS, "%s", stack_paths(r));
}

Test(sampled, what_probes_count_stays_as_it_is_and_has_a_sampled_part)
{
	uint32_t command = stack_counted(r, REPORT_NONE, "process_command", 5000, 600);
	uint32_t lookup = stack_counted(r, command, "lookup", 4000, 250);

	stack_cpu(r, 0, START "main;run;read_query;process_command;call;lookup;hash", 200);
	stack_cpu(r, 0, START "main;run;read_query;process_command;call;lookup", 50);
	stack_cpu(r, 0, START "main;run;read_query;process_command;call;set", 300);
	stack_cpu(r, 0, START "main;run;read_query;libc:read", 250);
	stack_cpu(r, 0, START "main;run;" EPOLL, 100);
	stack_blocked(r, 0, START "main;run;" EPOLL, 5000);
	find();
	cr_assert_eq(r->paths.v[command].stats.total_ns, 600 * MS, "exact figures stay");
	cr_assert_eq(r->paths.v[command].stats.calls, 5000);
	cr_assert_not(r->paths.v[command].sampled);
	expect("process_command > lookup > hash", 200, 0, 200);
	cr_assert_eq(get("process_command > lookup > hash")->parent, lookup);
	expect("process_command > call > set", 300, 0, 300);
	expect("read_query > read", 250, 0, 250);
	expect("read_query", 250, 0, 0);
	expect_none("read_query > process_command");
	expect_none("process_command > call > lookup");
	cr_assert_eq(r->attributed.cpu.named_ns, 900 * MS);
}

Test(sampled, a_tail_call_hides_a_counted_caller)
{
	uint32_t command = stack_counted(r, REPORT_NONE, "process", 100, 500);
	uint32_t write = stack_counted(r, command, "lookup_write", 100, 400);
	uint32_t lookup = stack_counted(r, write, "lookup", 100, 300);

	stack_cpu(r, 0, START "main;process;lookup;hash", 300);
	stack_cpu(r, 0, START "main;process", 200);
	find();
	cr_assert_eq(get("process > lookup_write > lookup > hash")->parent, lookup);
	expect_none("process > lookup");
}

Test(sampled, another_caller_in_between_is_no_tail_call)
{
	uint32_t job = stack_counted(r, REPORT_NONE, "job_a", 100, 500);

	stack_counted(r, job, "spin", 100, 400);
	stack_cpu(r, 0, START "main;job_a;spin", 300);
	stack_cpu(r, 0, START "main;job_b;spin", 200);
	find();
	cr_assert_eq(get("job_a > spin")->stats.total_ns, 400 * MS);
	expect("main > job_b > spin", 200, 0, 200);
}

Test(sampled, a_counted_function_that_never_returned_is_sampled)
{
	stack_counted(r, REPORT_NONE, "other", 1, 1);
	r->nodes.v[0].name = report_str(r, "run"); /* probed, and called before that */
	r->paths.n = 0;
	stack_cpu(r, 0, START "main;run;work", 900);
	stack_cpu(r, 0, START "main;run", 100);
	find();
	expect("main > run > work", 900, 0, 900);
	cr_assert_eq(get("main > run")->node, 0, "the node is the same");
}

Test(sampled, a_function_without_a_name_may_be_counted_too)
{
	uint32_t counted = stack_counted(r, REPORT_NONE, "app+0x1000", 10, 500);

	stack_cpu(r, 0, START "main;?1010;parse", 300);
	stack_cpu(r, 0, START "main;?1020", 200);
	find();
	cr_assert_eq(get("app+0x1000 > parse")->parent, counted);
	cr_assert_eq(r->paths.n, 2);
}

Test(sampled, a_stack_without_its_root_goes_where_its_functions_are)
{
	stack_cpu(r, 0, START "main;serve;parse;token", 500);
	stack_cpu(r, 0, START "main;other;parse", 100);
	stack_cpu(r, 0, START "main;serve;write", 200);
	stack_cpu(r, 0, "!;parse;token", 100);
	stack_cpu(r, 0, "!;libc:memcpy", 1);
	find();
	expect("main > serve > parse", 600, 0, 0);
	expect("main > serve > parse > token", 600, 0, 600);
	expect("main > other > parse", 100, 0, 100);
	expect_none("parse");
}

Test(sampled, time_that_no_sample_hit_is_nobodys)
{
	uint32_t other = stack_target(r, "sh", "/bin/sh");

	stack_cpu(r, 0, START "main", 500);
	r->targets.v[other].cpu_ns = 30 * MS;
	find();
	cr_assert_eq(r->attributed.cpu.all_ns, 530 * MS);
	cr_assert_eq(r->attributed.cpu.named_ns, 500 * MS);
}

Test(sampled, samples_are_worth_the_programs_exact_time)
{
	uint32_t twin = stack_target(r, "app", "/bin/app");

	stack_cpu(r, 0, START "main;a", 300);
	stack_cpu(r, 0, START "main;b", 100);
	/* A third of the ticks was missed; the twin was too short to be hit at all. */
	r->targets.v[0].cpu_ns = 600 * MS;
	r->targets.v[twin].cpu_ns = 40 * MS;
	find();
	expect("main > a", 480, 0, 480);
	expect("main > b", 160, 0, 160);
	cr_assert_eq(get("main > a")->estimate.samples, 300);
	cr_assert_leq(get("main > a")->estimate.cpu_low_ns, 470 * MS);
	cr_assert_geq(get("main > a")->estimate.cpu_high_ns, 490 * MS);
}

Test(sampled, without_accounting_a_sample_is_a_period)
{
	stack_cpu(r, 0, START "main", 500);
	r->targets.v[0].cpu_ns = 0;
	cr_assert_eq(sampled_paths(r), 0);
	expect("main", 500, 0, 500);
}

Test(sampled, nothing_at_all_is_no_path)
{
	find();
	cr_assert_eq(r->paths.n, 0);
	stack_cpu(r, 0, "", 5);
	stack_blocked(r, 0, "", 50);
	r->paths.n = 0;
	find();
	cr_assert_eq(r->paths.n, 0);
}

Test(sampled, a_damaged_report_is_survived)
{
	uint32_t bad = UINT32_MAX;

	stack_cpu(r, 0, START "main;a", 5);
	r->cpu_samples.v[0].stack = 77;
	stack_cpu(r, 0, START "main;b", 5);
	r->cpu_samples.v[1].target = 77;
	stack_blocked(r, 0, START "main;c", 5);
	r->offcpu_samples.v[0].stack = report_add_stack(r, &bad, 1);
	cr_assert_eq(sampled_paths(r), 0);
}

Test(sampled, two_hundred_nodes_are_enough)
{
	char stack[128];

	for (int i = 0; i < 190; i++) {
		snprintf(stack, sizeof(stack), START "main;f%d;g%d;h%d", i, i, i);
		stack_cpu(r, 0, stack, 100);
	}
	find();
	cr_assert_leq(r->paths.n, 200);
	cr_assert_geq(r->paths.n, 150);
}
