/* SPDX-License-Identifier: GPL-2.0-only */
/* The meter's BPF programs: whose CPU time and work is counted, and that none of it gets lost. */
#include <criterion/criterion.h>
#include <string.h>

#include "bpf_calls.h"

#include "bpf/work.bpf.c"

__u32 joining, interrupts_left_out;

#define MS 1000000ULL

static struct task_struct idle = { .comm = "swapper" };

static void setup(void)
{
	shim_reset();
	shim_map(work_targets);
	shim_map(work);
	/* Task storage: any number of threads, by their address. */
	shim_map_init(&workers, BPF_MAP_TYPE_TASK_STORAGE, sizeof(void *), sizeof(struct worker),
		      64);
	joining = interrupts_left_out = 0;
}

TestSuite(bpf_work, .init = setup);

static const struct pb_work *counts(void)
{
	return sums();
}

static __u64 running(void)
{
	return (__u64)(-(__s64)counts()->on_ns + (__s64)PB_WORK_ON / 2) / PB_WORK_ON;
}

/* Time on CPU so far. */
static __u64 on_ns(__u64 now_ns)
{
	return counts()->on_ns + running() * (now_ns + PB_WORK_ON);
}

static struct task_struct process(int pid)
{
	return (struct task_struct){ .pid = pid, .tgid = pid, .__state = 1 };
}

static void look_at(struct task_struct *task)
{
	struct bpf_iter_meta meta = {};
	struct bpf_iter__task ctx = { .meta = &meta, .task = task };

	shim.task = &idle;
	cr_assert_eq(pb_work_iter(&ctx), 0);
}

static void target(__u32 pid)
{
	__u32 none = 0;

	bpf_map_update_elem(&work_targets, &pid, &none, 0);
}

/* As user space begins: two looks. */
static void take_in(struct task_struct *task)
{
	target((__u32)task->tgid);
	joining = 1;
	look_at(task);
	look_at(task);
	joining = 0;
}

static void switch_at(__u64 now_ns, struct task_struct *prev, struct task_struct *next)
{
	shim.now_ns = now_ns;
	cr_assert_eq(pb_work_switch(NULL, false, prev, next), 0);
}

static void call(struct task_struct *task, long nr)
{
	struct pt_regs regs = {};

	shim.task = task;
	cr_assert_eq(pb_work_enter(NULL, &regs, nr), 0);
}

Test(bpf_work, cpu_time_before_the_start_is_not_counted)
{
	struct task_struct t = process(7);

	t.se.sum_exec_runtime = 500 * MS;
	t.nvcsw = 40;
	take_in(&t);
	t.se.sum_exec_runtime += 3 * MS;
	t.nvcsw++;
	switch_at(10 * MS, &t, &idle);
	cr_assert_eq(counts()->cpu_ns, 3 * MS);
	cr_assert_eq(counts()->switches, 1);
}

Test(bpf_work, a_running_thread_is_brought_up_to_date_by_a_look)
{
	struct task_struct t = process(7);

	take_in(&t);
	t.se.sum_exec_runtime = 250 * MS;
	look_at(&t);
	cr_assert_eq(counts()->cpu_ns, 250 * MS);
	look_at(&t);
	cr_assert_eq(counts()->cpu_ns, 250 * MS, "and not twice");
	t.se.sum_exec_runtime = 260 * MS;
	switch_at(300 * MS, &t, &idle);
	cr_assert_eq(counts()->cpu_ns, 260 * MS);
}

Test(bpf_work, two_cpus_that_look_at_once_add_up)
{
	struct task_struct t = process(7);
	struct worker *w;

	take_in(&t);
	w = worker_of(&t);
	/* Another CPU has read 10 ms, and comes to exchange after this one has had 12 ms. */
	t.se.sum_exec_runtime = 12 * MS;
	account(sums(), &t, w);
	t.se.sum_exec_runtime = 10 * MS;
	account(sums(), &t, w);
	t.se.sum_exec_runtime = 15 * MS;
	account(sums(), &t, w);
	cr_assert_eq(counts()->cpu_ns, 15 * MS);
}

Test(bpf_work, threads_are_counted_to_their_last_switch)
{
	struct task_struct t = process(7), made = { .pid = 8, .tgid = 7 };

	take_in(&t);
	pb_work_fork(NULL, &t, &made);
	switch_at(1 * MS, &idle, &made);
	made.se.sum_exec_runtime = 2 * MS;
	made.__state = 0x80; /* dead */
	switch_at(3 * MS, &made, &idle);
	cr_assert_eq(counts()->cpu_ns, 2 * MS);
	cr_assert_eq(on_ns(50 * MS), 2 * MS);
}

Test(bpf_work, forked_children_are_counted_if_asked_for)
{
	for (int follow = 0; follow < 2; follow++) {
		struct task_struct t = process(7), child = process(9);

		setup();
		written_config.follow = (__u8)follow;
		take_in(&t);
		pb_work_fork(NULL, &t, &child);
		child.se.sum_exec_runtime = 4 * MS;
		switch_at(9 * MS, &child, &idle);
		cr_assert_eq(counts()->cpu_ns, follow ? 4 * MS : 0);
	}
}

Test(bpf_work, strangers_are_not_counted)
{
	struct task_struct t = process(7), stranger = process(99), child = process(100);

	written_config.follow = 1;
	take_in(&t);
	look_at(&stranger);
	pb_work_fork(NULL, &stranger, &child);
	stranger.se.sum_exec_runtime = child.se.sum_exec_runtime = 5 * MS;
	switch_at(1 * MS, &stranger, &child);
	switch_at(2 * MS, &child, &stranger);
	call(&stranger, 1);
	shim.task = &stranger;
	pb_work_hit(NULL);
	cr_assert_eq(counts()->cpu_ns, 0);
	cr_assert_eq(running(), 0);
	cr_assert_eq(counts()->calls[1], 0);
	cr_assert_eq(counts()->hits, 0);
}

Test(bpf_work, a_pid_that_is_used_again_later_is_a_strangers)
{
	struct task_struct t = process(7), heir = process(7);

	take_in(&t);
	look_at(&heir);
	cr_assert_null(worker_of(&heir));
}

Test(bpf_work, pathbpf_itself_is_never_a_target)
{
	struct task_struct t = process(7);

	written_config.self_tgid = 7;
	take_in(&t);
	cr_assert_null(worker_of(&t));
}

Test(bpf_work, time_on_cpu_is_that_between_switches)
{
	struct task_struct t = process(7);

	take_in(&t); /* asleep */
	switch_at(10 * MS, &idle, &t);
	cr_assert_eq(on_ns(15 * MS), 5 * MS, "it runs");
	switch_at(20 * MS, &t, &idle);
	switch_at(30 * MS, &idle, &t);
	switch_at(31 * MS, &t, &idle);
	cr_assert_eq(on_ns(100 * MS), 11 * MS);
	cr_assert_eq(running(), 0);
}

Test(bpf_work, who_runs_at_the_start_is_on_cpu_from_then_on)
{
	struct task_struct t = process(7);

	t.on_cpu = 1;
	shim.now_ns = 5 * MS;
	take_in(&t);
	cr_assert_eq(on_ns(8 * MS), 3 * MS);
	switch_at(9 * MS, &t, &idle);
	cr_assert_eq(on_ns(50 * MS), 4 * MS);
}

/* It seemed to run when it was looked at, and had already counted as gone. */
Test(bpf_work, who_leaves_while_it_is_taken_in_does_not_stay_on_cpu)
{
	struct task_struct t = process(7);

	target(7);
	joining = 1;
	t.on_cpu = 1;
	shim.now_ns = 5 * MS;
	look_at(&t);
	t.on_cpu = 0;
	shim.now_ns = 6 * MS;
	look_at(&t);
	joining = 0;
	cr_assert_eq(running(), 0);
	cr_assert_eq(on_ns(50 * MS), 1 * MS);
}

Test(bpf_work, system_calls_are_counted_by_number)
{
	struct task_struct t = process(7);

	take_in(&t);
	call(&t, 0);
	call(&t, 44);
	call(&t, 44);
	call(&t, PB_WORK_CALLS - 1);
	call(&t, PB_WORK_CALLS); /* beyond */
	call(&t, -1);            /* as a debugger sets it */
	cr_assert_eq(counts()->calls[0], 1);
	cr_assert_eq(counts()->calls[44], 2);
	cr_assert_eq(counts()->calls[PB_WORK_CALLS - 1], 1);
	shim.task = &t;
	pb_work_hit(NULL);
	cr_assert_eq(counts()->hits, 1);
}

Test(bpf_work, living_processes_are_told_once_each)
{
	struct task_struct t = process(7), thread = { .pid = 8, .tgid = 7 }, dead = process(9);
	__u32 pid;

	take_in(&t);
	take_in(&dead);
	pb_work_fork(NULL, &t, &thread);
	dead.exit_state = 16;
	shim_map_init(&records, 0, 0, 0, 1);
	for (struct shim_record *r = shim.records; r; r = r->next)
		r->size = 0; /* of the first looks */
	look_at(&t);
	look_at(&thread);
	look_at(&dead);
	for (struct shim_record *r = shim.records; r; r = r->next) {
		if (!r->size)
			continue;
		cr_assert_eq(r->size, sizeof(pid));
		memcpy(&pid, r->data, sizeof(pid));
		cr_assert_eq(pid, 7);
		cr_assert_null(r->next, "one of them");
	}
}

Test(bpf_work, kernels_without_interrupts_in_their_account_are_known)
{
	struct task_struct t = process(7);

	take_in(&t);
	cr_assert_eq(interrupts_left_out, 1, "the shim has every field");
	shim.no_fields = true;
	look_at(&t);
	cr_assert_eq(interrupts_left_out, 0);
}

Test(bpf_work, by_name_a_process_joins_at_exec)
{
	struct task_struct parent = process(50), t = process(7), ours = process(8);

	memcpy(written_config.comm_glob, "redis*", 7);
	written_config.self_tgid = 51;
	t.real_parent = &parent;
	memcpy(t.comm, "redis-server", 13);
	ours = t;
	pb_work_exec(NULL, &t);
	cr_assert_not_null(worker_of(&t));
	cr_assert_eq(running(), 1, "it runs: that is how it executes");
	parent.tgid = 51;
	pb_work_exec(NULL, &ours);
	cr_assert_null(worker_of(&ours), "a tracer of ours");
	memcpy(t.comm, "bash", 5);
	pb_work_exec(NULL, &t);
	cr_assert_not_null(worker_of(&t), "once in, always in");
}
