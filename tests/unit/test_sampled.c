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
	const struct path *p = stack_path(r, path);

	if (!p) {
		char *all = stack_paths(r);

		cr_assert_fail("no path '%s' among:\n%s", path, all);
	}
	return p;
}

static void expect(const char *path, uint64_t cpu_ms, uint64_t offcpu_ms, uint64_t self_ms)
{
	const struct path *p = get(path);

	cr_assert_eq(p->cpu_ns / MS, cpu_ms, "CPU of '%s': %lu\n%s", path, p->cpu_ns / MS,
		     stack_paths(r));
	cr_assert_eq(p->offcpu_ns / MS, offcpu_ms, "off CPU of '%s': %lu\n%s", path,
		     p->offcpu_ns / MS, stack_paths(r));
	cr_assert_eq(p->stats.self_ns / MS, self_ms, "self of '%s': %lu\n%s", path,
		     p->stats.self_ns / MS, stack_paths(r));
}

static void expect_none(const char *path)
{
	cr_assert_null(stack_path(r, path), "'%s' among:\n%s", path, stack_paths(r));
}

static void expect_idle(const char *where, uint64_t ms)
{
	cr_assert_eq(stack_idle_ms(r, where), ms, "idle in '%s':\n%s", where, stack_paths(r));
}

#define START  "_start;libc:__libc_start_main;libc:__libc_start_call_main;"
#define THREAD "libc:clone3;libc:start_thread;"
#define EPOLL  "libc:epoll_wait;k:do_syscall_64;k:__x64_sys_epoll_wait;k:do_epoll_wait"
#define COND   "libc:pthread_cond_wait;k:do_syscall_64;k:__x64_sys_futex;k:do_futex;k:futex_wait"
#define RECV   "libc:recv;k:do_syscall_64;k:__x64_sys_recvfrom;k:tcp_recvmsg;k:sk_wait_data"
#define SLEEP  "libc:usleep;libc:clock_nanosleep;k:__x64_sys_clock_nanosleep;k:hrtimer_nanosleep"
#define POLL   "libc:poll;k:do_syscall_64;k:__x64_sys_poll;k:do_sys_poll;k:do_poll.constprop.0"

Test(sampled, an_event_loop_is_no_request_and_its_waiting_is_nobodys)
{
	stack_cpu(r, 0, START "main;run;turn;read_query;parse", 300);
	stack_cpu(r, 0, START "main;run;turn;read_query", 100);
	stack_cpu(r, 0, START "main;run;turn;reply;libc:write;k:ksys_write", 400);
	stack_cpu(r, 0, START "main;run;turn;" EPOLL, 150);
	stack_cpu(r, 0, START "main;run;turn", 50);
	stack_blocked(r, 0, START "main;run;turn;" EPOLL ";k:schedule", 8000);
	stack_blocked(r, 0, START "main;run;turn;reply;libc:write;k:ksys_write;k:sock_alloc", 30);
	find();
	expect("read_query", 400, 0, 100);
	expect("read_query > parse", 300, 0, 300);
	expect("reply", 400, 30, 0);
	expect("reply > write", 400, 30, 430);
	expect("turn", 200, 0, 50);
	cr_assert(get("turn")->estimate.loop);
	cr_assert_not(get("reply")->estimate.loop);
	expect("turn > epoll_wait", 150, 0, 150);
	expect_none("main");
	expect_idle("turn > epoll_wait", 8000);
	cr_assert_eq(r->attributed.cpu.named_ns, 1000 * MS);
	cr_assert_eq(r->attributed.offcpu.named_ns, 30 * MS);
	cr_assert_eq(r->attributed.offcpu.all_ns, 30 * MS);
}

Test(sampled, a_loop_is_known_without_the_kernels_names_too)
{
	stack_cpu(r, 0, START "main;run;handle", 900);
	stack_blocked(r, 0, START "main;run;libc:epoll_wait", 4000);
	stack_blocked(r, 0, START "main;run;handle;libc:pthread_mutex_lock", 100);
	find();
	expect("handle", 900, 100, 900 + 0);
	expect("handle > pthread_mutex_lock", 0, 100, 100);
	expect_idle("run > epoll_wait", 4000);
}

Test(sampled, a_loop_in_main_is_called_by_what_it_waits_in)
{
	stack_cpu(r, 0, START "main;handle", 500);
	stack_cpu(r, 0, START "main;" EPOLL, 100);
	stack_cpu(r, 0, START "main", 20);
	stack_blocked(r, 0, START "main;" EPOLL, 5000);
	find();
	expect("handle", 500, 0, 500);
	expect("epoll_wait", 120, 0, 120);
	expect_none("main");
	expect_idle("epoll_wait", 5000);
}

Test(sampled, a_loop_without_a_name_is_called_by_what_leads_to_its_waiting)
{
	stack_cpu(r, 0, THREAD "?1010;handle", 500);
	stack_cpu(r, 0, THREAD "?1010;queue_pop;libc:pthread_mutex_lock", 100);
	stack_blocked(r, 0, THREAD "?1010;queue_pop;" COND, 5000);
	find();
	expect("handle", 500, 0, 500);
	expect("queue_pop > pthread_mutex_lock", 100, 0, 100);
	expect_idle("queue_pop > pthread_cond_wait", 5000);
}

Test(sampled, a_loop_that_never_waits_is_still_no_request)
{
	/* Under full load: a glimpse of waiting in ten seconds. */
	stack_cpu(r, 0, START "main;run;parse", 5000);
	stack_cpu(r, 0, START "main;run;answer", 4000);
	stack_cpu(r, 0, START "main;run;" EPOLL, 999);
	stack_blocked(r, 0, START "main;run;" EPOLL, 1);
	find();
	expect("parse", 5000, 0, 5000);
	expect("answer", 4000, 0, 4000);
	expect("run", 999, 0, 0);
	expect_idle("run > epoll_wait", 1);
}

Test(sampled, a_worker_takes_jobs_from_a_queue)
{
	stack_cpu(r, 0, THREAD "worker;run_job;resize", 600);
	stack_cpu(r, 0, THREAD "worker;run_job;encode", 300);
	stack_cpu(r, 0, THREAD "worker;queue_pop;libc:pthread_mutex_lock", 20);
	stack_blocked(r, 0, THREAD "worker;queue_pop;" COND, 20000);
	stack_blocked(r, 0, THREAD "worker;run_job;encode;libc:fsync;k:__x64_sys_fsync", 500);
	stack_blocked(r, 0, START "main;libc:pthread_join;libc:__pthread_clockjoin_ex;k:do_futex",
		      10000);
	find();
	expect("run_job", 900, 500, 0);
	expect("run_job > resize", 600, 0, 600);
	expect("run_job > encode", 300, 500, 300);
	expect("run_job > encode > fsync", 0, 500, 500);
	expect("worker", 20, 0, 0);
	expect_idle("worker > pthread_cond_wait", 20000);
	expect_idle("pthread_join", 10000);
	expect_none("main");
}

Test(sampled, waiting_for_an_answer_is_the_requests)
{
	/* The loop waits by epoll; a handler waits for its database by poll and by recv. */
	stack_cpu(r, 0, START "main;run;handle;render", 700);
	stack_cpu(r, 0, START "main;run;handle;query;send_query", 100);
	stack_cpu(r, 0, START "main;run;" EPOLL, 100);
	stack_blocked(r, 0, START "main;run;" EPOLL, 3000);
	stack_blocked(r, 0, START "main;run;handle;query;" RECV, 2000);
	stack_blocked(r, 0, START "main;run;handle;query;wait_reply;" POLL, 1000);
	stack_blocked(r, 0, START "main;run;handle;query;other_loop;" EPOLL, 500);
	find();
	expect("handle", 800, 3500, 0);
	expect("handle > query", 100, 3500, 0);
	expect("handle > query > recv", 0, 2000, 2000);
	expect("handle > query > wait_reply > poll", 0, 1000, 1000);
	expect("handle > query > other_loop > epoll_wait", 0, 500, 500);
	expect_idle("run > epoll_wait", 3000);
	cr_assert_eq(r->idle.n, 1);
}

Test(sampled, a_thread_a_connection_waits_for_the_next_request)
{
	stack_cpu(r, 0, THREAD "connection;serve;answer", 800);
	stack_cpu(r, 0, THREAD "connection;read_request;" RECV, 60);
	stack_blocked(r, 0, THREAD "connection;read_request;" RECV, 30000);
	stack_blocked(r, 0, THREAD "connection;serve;answer;query;" RECV, 4000);
	stack_blocked(r, 0,
		      START "main;accept_all;libc:accept4;k:__x64_sys_accept4;k:inet_csk_accept",
		      10000);
	find();
	expect("serve", 800, 4000, 0);
	expect("serve > answer", 800, 4000, 800);
	expect("serve > answer > query > recv", 0, 4000, 4000);
	expect_idle("connection > recv", 30000);
	expect_idle("accept_all > accept4", 10000);
}

Test(sampled, a_server_may_wait_far_below_its_loop)
{
#define READ "read_packet;read_reallen;vio_read;socket_io;" POLL
	stack_cpu(r, 0, THREAD "connection;do_command;dispatch;execute", 800);
	stack_cpu(r, 0, THREAD "connection;do_command;dispatch;parse", 200);
	stack_cpu(r, 0, THREAD "connection;do_command;" READ, 80);
	stack_blocked(r, 0, THREAD "connection;do_command;" READ, 9000);
	stack_blocked(r, 0, THREAD "connection;do_command;dispatch;reply;socket_io;" POLL, 700);
	stack_blocked(r, 0, THREAD "libstdc++.so.6/std::execute;purge;" COND, 10000);
	stack_blocked(r, 0, THREAD "libstdc++.so.6/std::execute;log;" COND, 10000);
	find();
	expect("dispatch", 1000, 700, 0);
	expect("dispatch > execute", 800, 0, 800);
	expect("dispatch > reply > socket_io > poll", 0, 700, 700);
	expect_idle("do_command > poll", 9000);
	expect_idle("purge > pthread_cond_wait", 10000);
	expect_idle("log > pthread_cond_wait", 10000);
}

Test(sampled, a_client_that_reads_answers_far_below_is_not_idle)
{
	stack_cpu(r, 0, THREAD "worker;job;report", 500);
	stack_cpu(r, 0, THREAD "worker;job;query;send_query;libc:send", 90);
	stack_cpu(r, 0, THREAD "worker;job;query;read_reply;parse_rows", 50);
	stack_cpu(r, 0, THREAD "worker;job;query;" READ, 80);
	stack_blocked(r, 0, THREAD "worker;job;query;" READ, 9000);
	find();
	cr_assert_eq(r->attributed.idle_ns, 0, "%s", stack_paths(r));
	expect("worker > job > query", 220, 9000, 0);
}

Test(sampled, processes_that_were_forked_have_their_own_loops)
{
	uint32_t worker = stack_target(r, "app", "/bin/app");
	uint32_t other = stack_target(r, "app", "/bin/app");
	uint32_t brief = stack_target(r, "app", "/bin/app");

	/* The parent waits for connections; children begin in its function, and wait for queries.
	 */
	stack_blocked(r, 0, START "main;postmaster;libc:select;k:do_select", 10000);
	stack_cpu(r, worker, START "main;postmaster;backend;parse", 300);
	stack_cpu(r, worker, START "main;postmaster;backend;execute", 500);
	stack_cpu(r, worker, START "main;postmaster;backend;read_command;" RECV, 50);
	stack_blocked(r, worker, START "main;postmaster;backend;read_command;" EPOLL, 7000);
	stack_blocked(r, worker, START "main;postmaster;backend;execute;lock_row;wait_latch;" EPOLL,
		      900);
	stack_cpu(r, other, START "main;postmaster;backend;execute", 400);
	stack_blocked(r, other, START "main;postmaster;backend;read_command;" EPOLL, 8000);
	/* One that never waited is like the others. */
	stack_cpu(r, brief, START "main;postmaster;backend;execute", 4);
	find();
	expect("parse", 300, 0, 300);
	expect("execute", 904, 900, 904);
	expect("execute > lock_row > wait_latch > epoll_wait", 0, 900, 900);
	expect_idle("postmaster > select", 10000);
	expect_idle("backend > epoll_wait", 15000);
	expect_none("postmaster > backend");
	expect_none("main");
}

Test(sampled, threads_of_one_beginning_may_have_different_loops)
{
	/* Both threads live for all ten seconds; what starts them is no loop. */
	stack_cpu(r, 0, THREAD "thread_main;serve;turn;handle", 4000);
	stack_cpu(r, 0, THREAD "thread_main;serve;turn;" EPOLL, 500);
	stack_blocked(r, 0, THREAD "thread_main;serve;turn;" EPOLL, 5500);
	stack_blocked(r, 0, THREAD "thread_main;logger;" COND, 10000);
	find();
	expect("handle", 4000, 0, 4000);
	expect_idle("turn > epoll_wait", 5500);
	expect_idle("logger > pthread_cond_wait", 10000);
	expect_none("serve");
	expect_none("thread_main");
}

Test(sampled, a_batch_job_begins_at_main)
{
	stack_cpu(r, 0, START "main;load", 200);
	stack_cpu(r, 0, START "main;compute;inner", 700);
	stack_cpu(r, 0, START "main;compute", 90);
	stack_blocked(r, 0, START "main;load;libc:read;k:ksys_read;k:filemap_read", 300);
	find();
	expect("main", 990, 300, 0);
	expect("main > load > read", 0, 300, 300);
	expect("main > compute", 790, 0, 90);
	expect("main > compute > inner", 700, 0, 700);
	cr_assert_eq(r->attributed.idle_ns, 0);
	cr_assert_not(get("main")->estimate.loop);
}

Test(sampled, sleep_of_a_function_is_its_own_and_that_of_a_loop_is_idle)
{
	stack_cpu(r, 0, START "main;pace;work", 400);
	stack_blocked(r, 0, START "main;pace;nap_long;" SLEEP, 3000);
	stack_blocked(r, 0, START "main;pace;nap_short;" SLEEP, 1000);
	stack_cpu(r, 0, THREAD "janitor;sweep", 300);
	stack_blocked(r, 0, THREAD "janitor;" SLEEP, 9000);
	find();
	expect("main > pace", 400, 4000, 0);
	expect("main > pace > nap_long", 0, 3000, 0);
	expect("main > pace > nap_long > usleep", 0, 3000, 3000);
	expect("main > pace > nap_short", 0, 1000, 0);
	expect("sweep", 300, 0, 300);
	expect_idle("janitor > usleep", 9000);
}

Test(sampled, a_name_that_speaks_of_waiting_is_no_proof_of_it)
{
	stack_cpu(r, 0, THREAD "player;prepare", 400);
	stack_blocked(r, 0, THREAD "player;libc:syscall;k:do_futex;k:futex_wait", 1000);
	stack_blocked(r, 0, THREAD "player;role_sleep;wait_sleep;" SLEEP, 3000);
	stack_blocked(r, 0, THREAD "player;role_poll;wait_poll;" POLL, 2000);
	stack_blocked(r, 0, THREAD "player;role_cond;wait_cond;" COND, 1000);
	find();
	expect("role_sleep > wait_sleep", 0, 3000, 0);
	expect("role_poll > wait_poll", 0, 2000, 0);
	expect("role_cond > wait_cond", 0, 1000, 0);
	expect_idle("player > syscall", 1000);
}

Test(sampled, a_client_that_waits_for_its_server_is_not_idle)
{
	/* No sample on the CPU tells what is a loop. */
	stack_blocked(r, 0, START "main;step;query;" RECV, 3000);
	stack_blocked(r, 0, START "main;" SLEEP, 5000);
	find();
	expect("step > query > recv", 0, 3000, 3000);
	expect_idle("usleep", 5000);
}

Test(sampled, locks_and_the_disk_are_never_idle)
{
	stack_cpu(r, 0, THREAD "worker;job", 500);
	stack_blocked(r, 0, THREAD "worker;" COND, 1000);
	stack_blocked(r, 0,
		      THREAD
		      "worker;libc:pthread_mutex_lock;libc:__lll_lock_wait;k:do_futex;k:futex_wait",
		      2000);
	stack_blocked(
	    r, 0, THREAD "worker;libc:read;k:ksys_read;k:ext4_file_read_iter;k:filemap_read", 3000);
	stack_preempted(r, 0, THREAD "worker;" EPOLL, 700);
	stack_blocked(
	    r, 0,
	    THREAD "worker;libc:recv;k:__x64_sys_recvfrom;k:asm_exc_page_fault;k:handle_mm_fault",
	    40);
	find();
	cr_assert_eq(r->attributed.idle_ns, 1000 * MS, "%s", stack_paths(r));
	expect("worker > pthread_mutex_lock", 0, 2000, 2000);
	expect("worker > read", 0, 3000, 3000);
	expect("worker > epoll_wait", 0, 700, 700);
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

Test(sampled, kernel_threads_wait_for_others_work)
{
	uint32_t kworker = stack_target(r, "kworker/0:1", NULL);

	stack_cpu(r, 0, START "main", 500);
	stack_cpu(
	    r, kworker,
	    "k:ret_from_fork_asm;k:ret_from_fork;k:kthread;k:worker_thread;k:process_one_work",
	    100);
	stack_blocked(r, kworker,
		      "k:ret_from_fork_asm;k:ret_from_fork;k:kthread;k:worker_thread;k:schedule",
		      9000);
	stack_cpu(r, 0, "k:do_syscall_64;k:do_exit", 10);
	find();
	expect("worker_thread", 100, 0, 100);
	cr_assert_eq(r->nodes.v[get("worker_thread")->node].kind, NODE_KERNEL);
	expect_idle("worker_thread", 9000);
	cr_assert_eq(r->attributed.cpu.all_ns - r->attributed.cpu.named_ns, 10 * MS);
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
