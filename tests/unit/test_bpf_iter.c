/* SPDX-License-Identifier: GPL-2.0-only */
/* The thread iterator: the end, a pause, and a look at what goes on; and programs that are inert.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bpf_calls.h"
#include "trace/livesums.h"

static struct bpf_iter_meta meta;

static void iterate_at(__u64 now_ns, __u32 kind, struct task_struct *task)
{
	struct bpf_iter__task ctx = { .meta = &meta, .task = task };

	shim.now_ns = now_ns;
	iter_kind = kind;
	cr_assert_eq(pb_iter_end(&ctx), 0);
}

static struct thread *thread_at(struct task_struct *task)
{
	return bpf_task_storage_get(&threads, task, NULL, 0);
}

static const struct pb_target_stats *target_of(__u32 pid)
{
	return bpf_map_lookup_elem(&target_stats, &pid);
}

Test(bpf_iter, a_look_changes_nothing)
{
	struct task_struct task = { .tgid = PID };
	struct thread *t = begin(&task), before;
	struct live_sums live = {};

	written_config.offcpu = 1;
	t->start_ns = 50;
	t->base_cpu_ns = 5;
	task.se.sum_exec_runtime = 25;
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	t->off_ns = 200;
	t->off_stack = 77;
	t->off_why = PB_BLOCKED;
	t->blocked_ns = 3;
	task.on_cpu = 0;
	before = *t;
	iterate_at(1000, PB_ITER_LIVE, &task);
	cr_assert_eq(memcmp(&before, t, sizeof(before)), 0);
	cr_assert_null(target_of(PID));
	cr_assert_eq(shim_find(&offcpu)->n, 0);
	cr_assert_eq(live_sums_add(&live, shim.seq, shim.seq_len), 0);
	cr_assert_eq(live.targets.n, 1);
	cr_assert_eq(live.targets.v[0].pid, PID);
	cr_assert_eq(live.targets.v[0].stats.cpu_ns, 20);
	cr_assert_eq(live.targets.v[0].stats.wall_ns, 950);
	cr_assert_eq(live.targets.v[0].stats.blocked_ns, 803);
	cr_assert_eq(live.targets.v[0].stats.threads, 1);
	cr_assert_eq(live.offcpu.n, 1);
	cr_assert_eq(live.offcpu.v[0].key.stack, 77);
	cr_assert_eq(live.offcpu.v[0].value.total_ns, 800);
	cr_assert_eq(live.offcpu.v[0].value.exact_ns, 800);
	cr_assert_eq(live.paths.n, 2);
	cr_assert_eq(live.paths.v[0].path, path_to(A));
	cr_assert_eq(live.paths.v[0].open, 1);
	live_sums_done(&live);
	/* The end finds the same. */
	iterate_at(1000, PB_ITER_END, &task);
	cr_assert_eq(target_of(PID)->wall_ns, 950);
	cr_assert_eq(target_of(PID)->blocked_ns, 803);
	cr_assert_eq(stats_to(A)->open, 1);
}

Test(bpf_iter, who_runs_does_not_wait)
{
	struct task_struct task = { .tgid = PID, .on_cpu = 1 };
	struct thread *t = begin(&task);
	struct live_sums live = {};

	written_config.offcpu = 1;
	t->off_ns = 200;
	iterate_at(1000, PB_ITER_LIVE, &task);
	cr_assert_eq(live_sums_add(&live, shim.seq, shim.seq_len), 0);
	cr_assert_eq(live.offcpu.n, 0);
	cr_assert_eq(live.targets.v[0].stats.blocked_ns, 0);
	live_sums_done(&live);
}

Test(bpf_iter, threads_of_one_process_are_summed_up)
{
	struct task_struct one = { .tgid = PID }, two = { .tgid = PID };
	struct live_sums live = {};

	begin(&one)->start_ns = 100;
	begin_thread(&two)->start_ns = 300;
	enter_at(400, A, SP_A);
	shim.task = &two;
	enter_at(410, A, SP_A);
	iterate_at(1000, PB_ITER_LIVE, &one);
	iterate_at(1000, PB_ITER_LIVE, &two);
	cr_assert_eq(live_sums_add(&live, shim.seq, shim.seq_len), 0);
	cr_assert_eq(live.targets.n, 1);
	cr_assert_eq(live.targets.v[0].stats.wall_ns, 900 + 700);
	cr_assert_eq(live.targets.v[0].stats.threads, 2);
	cr_assert_eq(live.paths.n, 1);
	cr_assert_eq(live.paths.v[0].open, 2);
	live_sums_done(&live);
}

Test(bpf_iter, what_it_wrote_is_checked)
{
	struct pb_live live[2] = { { .pid = 1, .spans = 1000 } };
	struct live_sums sums = {};

	cr_assert_eq(live_sums_add(&sums, live, sizeof(live)), -EPROTO);
	cr_assert_eq(live_sums_add(&sums, live, sizeof(live[0]) - 1), -EPROTO);
	cr_assert_eq(live_sums_add(&sums, NULL, 0), 0);
	live_sums_done(&sums);
}

Test(bpf_iter, a_pause_closes_and_forgets)
{
	struct task_struct task = { .tgid = PID };
	struct thread *t = begin(&task);

	t->start_ns = 50;
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	iterate_at(1000, PB_ITER_PAUSE, &task);
	cr_assert_eq(counted(PB_LOST_SPANS), 2, "their ends will not be seen");
	cr_assert_eq(target_of(PID)->wall_ns, 950);
	cr_assert_eq(target_of(PID)->threads, 1);
	t = thread_at(&task);
	cr_assert_eq(t->traced, 0);
	cr_assert_eq(t->spans.depth, 0);
	/* It goes on: the return of a call from before is one without an entry. */
	t->traced = 1;
	t->pid = PID;
	t->start_ns = 2000;
	leave_at(2100, B, SP_B);
	enter_at(2200, C, SP_B);
	leave_at(2300, C, SP_B);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 1);
	cr_assert_eq(calls_of(stats_to(C)), 1);
	cr_assert_eq(path_to(A, C), 0, "nothing of before is around it");
	iterate_at(3000, PB_ITER_END, &task);
	cr_assert_eq(target_of(PID)->wall_ns, 950 + 1000);
	cr_assert_eq(target_of(PID)->threads, 1, "counted once");
}

Test(bpf_iter, a_second_end_finds_nobody_after_a_pause)
{
	struct task_struct task = { .tgid = PID };

	begin(&task)->start_ns = 50;
	iterate_at(1000, PB_ITER_PAUSE, &task);
	iterate_at(2000, PB_ITER_END, &task);
	cr_assert_eq(target_of(PID)->wall_ns, 950);
}

/* Every program, in the midst of everything. */
Test(bpf_iter, inert_programs_do_nothing)
{
	struct task_struct task = { .tgid = PID }, other = { .pid = 9, .tgid = 9 };
	struct pt_regs regs = { .sp = SP_B };
	struct linux_binprm bprm = { .filename = "/bin/true" };
	struct thread *t = begin(&task), before;

	written_config.timelines = written_config.kernel_spans = written_config.syscall_spans = 1;
	written_config.follow = written_config.cpu = written_config.offcpu = 1;
	enter_at(100, A, SP_A);
	before = *t;
	inert = 1;
	shim.now_ns = 200;
	shim.cookie = B;
	pb_span_enter(&regs);
	pb_span_leave(&regs);
	pb_usdt(&regs);
	pb_raise(&regs);
	pb_land(&regs);
	pb_catch(&regs);
	pb_python_raise(&regs);
	pb_python_raise_in(&regs);
	pb_go_enter(&regs);
	pb_go_leave(&regs);
	pb_go_panic(&regs);
	pb_go_exit(&regs);
	pb_kernel_enter(&regs);
	pb_kernel_leave(&regs);
	pb_fentry(&regs);
	pb_fexit(&regs);
	pb_sys_enter(NULL, &regs, 1);
	pb_sys_exit(NULL, &regs, 0);
	pb_sched_switch(NULL, false, &task, &other);
	pb_sched_switch(NULL, false, &other, &task);
	pb_proc_fork(NULL, &task, &other);
	pb_proc_exec(NULL, &task, 9, &bprm);
	pb_proc_signal(NULL, 11, NULL, NULL);
	pb_proc_waking(NULL, &other);
	pb_proc_exit(NULL, &task);
	cr_assert_eq(memcmp(&before, t, sizeof(before)), 0);
	cr_assert_eq(shim_find(&threads)->n, 1);
	cr_assert_eq(shim_find(&targets)->n + shim_find(&syscall_stats)->n, 0);
	cr_assert_null(shim.records);
	for (__u32 i = 0; i < PB_COUNTERS; i++)
		cr_assert_eq(counted(i), 0, "%u", i);
	/* But the end is still told. */
	iterate_at(300, PB_ITER_END, &task);
	cr_assert_eq(stats_to(A)->open, 1);
}
