/* SPDX-License-Identifier: GPL-2.0-only */
/* What waits for work and what for an answer, on reports with known truth. */
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

TestSuite(loops, .init = setup, .fini = teardown);

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

#define READ "read_packet;read_reallen;vio_read;socket_io;" POLL

Test(loops, an_event_loop_is_no_request_and_its_waiting_is_nobodys)
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

Test(loops, a_loop_is_known_without_the_kernels_names_too)
{
	stack_cpu(r, 0, START "main;run;handle", 900);
	stack_blocked(r, 0, START "main;run;libc:epoll_wait", 4000);
	stack_blocked(r, 0, START "main;run;handle;libc:pthread_mutex_lock", 100);
	find();
	expect("handle", 900, 100, 900 + 0);
	expect("handle > pthread_mutex_lock", 0, 100, 100);
	expect_idle("run > epoll_wait", 4000);
}

Test(loops, a_loop_in_main_is_called_by_what_it_waits_in)
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

Test(loops, rusts_main_is_a_main_too)
{
	stack_cpu(r, 0, START "web::main;handle", 500);
	stack_blocked(r, 0, START "web::main;" EPOLL, 5000);
	find();
	expect("handle", 500, 0, 500);
	expect_idle("epoll_wait", 5000);
}

Test(loops, a_loop_without_a_name_is_called_by_what_leads_to_its_waiting)
{
	stack_cpu(r, 0, THREAD "?1010;handle", 500);
	stack_cpu(r, 0, THREAD "?1010;queue_pop;libc:pthread_mutex_lock", 100);
	stack_blocked(r, 0, THREAD "?1010;queue_pop;" COND, 5000);
	find();
	expect("handle", 500, 0, 500);
	expect("queue_pop > pthread_mutex_lock", 100, 0, 100);
	expect_idle("queue_pop > pthread_cond_wait", 5000);
}

Test(loops, a_loop_that_never_waits_is_still_no_request)
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

Test(loops, a_worker_takes_jobs_from_a_queue)
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

Test(loops, waiting_for_an_answer_is_the_requests)
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

Test(loops, a_thread_a_connection_waits_for_the_next_request)
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

Test(loops, a_server_may_wait_far_below_its_loop)
{
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

Test(loops, a_client_that_reads_answers_far_below_is_not_idle)
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

Test(loops, processes_that_were_forked_have_their_own_loops)
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

Test(loops, threads_of_one_beginning_may_have_different_loops)
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

Test(loops, a_batch_job_begins_at_main)
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

Test(loops, sleep_of_a_function_is_its_own_and_that_of_a_loop_is_idle)
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

Test(loops, a_name_that_speaks_of_waiting_is_no_proof_of_it)
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

Test(loops, a_client_that_waits_for_its_server_is_not_idle)
{
	/* No sample on the CPU tells what is a loop. */
	stack_blocked(r, 0, START "main;step;query;" RECV, 3000);
	stack_blocked(r, 0, START "main;" SLEEP, 5000);
	find();
	expect("step > query > recv", 0, 3000, 3000);
	expect_idle("usleep", 5000);
}

Test(loops, locks_and_the_disk_are_never_idle)
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

Test(loops, kernel_threads_wait_for_others_work)
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
