/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes and threads: who is traced, and who caused whose work. */
#include <criterion/criterion.h>
#include <string.h>

#include "bpf_calls.h"

#define CHILD_PID 8

static void fork_at(__u64 now_ns, struct task_struct *parent, struct task_struct *child)
{
	shim.now_ns = now_ns;
	cr_assert_eq(pb_proc_fork(NULL, parent, child), 0);
}

static struct thread *thread_at(struct task_struct *task)
{
	return bpf_task_storage_get(&threads, task, NULL, 0);
}

static bool is_target(__u32 pid)
{
	return bpf_map_lookup_elem(&targets, &pid) != NULL;
}

Test(bpf_process, a_forked_child_is_followed_if_asked_for)
{
	for (int follow = 0; follow < 2; follow++) {
		struct task_struct parent = { .pid = 70, .tgid = PID },
				   child = { .pid = CHILD_PID, .tgid = CHILD_PID };
		const struct pb_process *r;

		shim_reset();
		begin(&parent);
		written_config.follow = (__u8)follow;
		fork_at(100, &parent, &child);
		cr_assert_eq(is_target(CHILD_PID), follow);
		cr_assert_eq(thread_at(&child) != NULL, follow);
		cr_assert_eq(records_sent(PB_FORK), follow);
		if (!follow)
			continue;
		cr_assert_eq(thread_at(&child)->pid, CHILD_PID);
		cr_assert_eq(thread_at(&child)->start_ns, 100);
		r = record_sent(PB_FORK, 0, sizeof(*r));
		cr_assert_eq(r->child, CHILD_PID);
		cr_assert_eq(r->h.pid, PID);
		cr_assert_eq(r->h.tid, 70);
	}
}

Test(bpf_process, a_new_thread_is_traced_in_any_case)
{
	struct task_struct parent = { .tgid = PID }, child = { .pid = 71, .tgid = PID };

	begin(&parent);
	fork_at(100, &parent, &child);
	cr_assert_eq(thread_at(&child)->traced, 1);
	cr_assert_eq(thread_at(&child)->forked, 1);
	cr_assert_eq(records_sent(PB_FORK), 0);
}

Test(bpf_process, strangers_children_are_left_alone)
{
	struct task_struct task = { .tgid = PID }, stranger = { .tgid = 99 },
			   child = { .tgid = 100 };

	begin(&task);
	written_config.follow = 1;
	fork_at(100, &stranger, &child);
	cr_assert_null(thread_at(&child));
	cr_assert_eq(shim_find(&targets)->n, 0);
}

Test(bpf_process, calls_of_a_parent_are_not_its_childs)
{
	struct task_struct parent = { .tgid = PID }, child = { .tgid = CHILD_PID };

	begin(&parent);
	written_config.follow = 1;
	enter_at(100, A, SP_A);
	fork_at(110, &parent, &child);
	shim.task = &child;
	leave_at(120, A, SP_A);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 1, "it returns from a call it did not make");
	shim.task = &parent;
	leave_at(130, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A)), 1);
}

Test(bpf_process, our_own_child_is_traced_from_its_exec_on)
{
	struct task_struct task = { .tgid = PID, .comm = "app" };
	struct linux_binprm bprm = { .filename = "/bin/app" };
	__u32 pid = PID, flags = PB_TARGET_AT_EXEC;

	begin(&task)->traced = 0;
	pb_proc_exec(NULL, &task, PID, &bprm);
	cr_assert_eq(thread_at(&task)->traced, 0, "not asked for");
	bpf_map_update_elem(&targets, &pid, &flags, BPF_ANY);
	pb_proc_exec(NULL, &task, PID, &bprm);
	cr_assert_eq(thread_at(&task)->traced, 1);
	cr_assert_eq(*(__u32 *)bpf_map_lookup_elem(&targets, &pid), PB_TARGET_TRACED);
	cr_assert_eq(records_sent(PB_EXEC), 1);
}

Test(bpf_process, a_name_that_matches_makes_a_target)
{
	struct task_struct task = { .tgid = PID, .comm = "worker-3" };
	struct linux_binprm bprm = { .filename = "/bin/worker" };

	begin(&task)->traced = 0;
	strcpy(written_config.comm_glob, "other*");
	pb_proc_exec(NULL, &task, PID, &bprm);
	cr_assert_eq(thread_at(&task)->traced, 0);
	strcpy(written_config.comm_glob, "work*");
	pb_proc_exec(NULL, &task, PID, &bprm);
	cr_assert_eq(thread_at(&task)->traced, 1);
	cr_assert(is_target(PID));
}

Test(bpf_process, one_that_leaves_the_cgroup_leaves_its_calls)
{
	struct kernfs_node inside = { .id = 5 }, outside = { .id = 6 };
	struct cgroup in = { .kn = &inside }, out = { .kn = &outside };
	struct css_set css = { .dfl_cgrp = &out };
	struct task_struct task = { .tgid = PID, .cgroups = &css };
	const struct pb_target_stats *s;
	__u32 pid = PID;

	begin(&task);
	written_config.cgroup_id = 5;
	enter_at(100, A, SP_A);
	thread_at(&task)->off_ns = 120; /* moved while it sleeps */
	shim.now_ns = 150;
	pb_proc_cgroup(NULL, &out, "", &task);
	cr_assert_eq(thread_at(&task)->traced, 0);
	cr_assert_eq(stats_to(A)->unwound, 1);
	cr_assert_eq(stats_to(A)->total_ns, 50);
	s = bpf_map_lookup_elem(&target_stats, &pid);
	cr_assert_eq(s->threads, 1);
	cr_assert_eq(s->blocked_ns, 30);
	css.dfl_cgrp = &in;
	pb_proc_cgroup(NULL, &in, "", &task);
	cr_assert_eq(thread_at(&task)->traced, 1);
	cr_assert(is_target(PID));
}

Test(bpf_process, a_switch_takes_a_stack_if_times_off_cpu_are_wanted)
{
	for (int wanted = 0; wanted < 2; wanted++) {
		struct task_struct task = { .tgid = PID, .__state = 1 }, other = {};
		struct pb_offcpu_key key = { .pid = PID, .why = PB_BLOCKED };
		const struct pb_offcpu_value *v;
		struct thread *t;

		shim_reset();
		task.group_leader = &task;
		t = begin(&task);
		written_config.offcpu = (__u8)wanted;
		shim.frames[0] = 0x401000;
		shim.now_ns = 1000;
		pb_sched_switch(NULL, false, &task, &other);
		cr_assert_eq(t->off_ns, 1000);
		shim.now_ns = 1700;
		pb_sched_switch(NULL, false, &other, &task);
		cr_assert_eq(t->off_ns, 0);
		cr_assert_eq(t->blocked_ns, 700);
		cr_assert_eq(t->switches, 1);
		cr_assert_eq(t->stacks_taken, wanted);
		cr_assert_eq(records_sent(PB_STACK), wanted);
		if (!wanted)
			continue;
		key.stack = ((const struct pb_stack *)record_sent(PB_STACK, 0, 0))->id;
		v = bpf_map_lookup_elem(&offcpu, &key);
		cr_assert_not_null(v);
		cr_assert(v->count == 1 && v->total_ns == 700 && v->exact_ns == 700);
	}
}

Test(bpf_process, a_thread_that_dies_adds_what_it_used_to_its_process)
{
	struct task_struct task = { .tgid = PID, .se = { .sum_exec_runtime = 500 } }, other = {};
	const struct pb_target_stats *s;
	__u32 pid = PID;
	struct thread *t;

	t = begin(&task);
	t->start_ns = 100;
	t->base_cpu_ns = 200;
	t->preempted_ns = 5;
	task.__state = 0x80;
	shim.now_ns = 1000;
	pb_sched_switch(NULL, false, &task, &other);
	s = bpf_map_lookup_elem(&target_stats, &pid);
	cr_assert_not_null(s);
	cr_assert_eq(s->cpu_ns, 300);
	cr_assert_eq(s->wall_ns, 900);
	cr_assert_eq(s->preempted_ns, 5);
	cr_assert_eq(s->threads, 1);
	cr_assert_eq(t->traced, 0);
}

static void wake_at(__u64 now_ns, struct task_struct *woken)
{
	shim.now_ns = now_ns;
	cr_assert_eq(pb_proc_waking(NULL, woken), 0);
}

Test(bpf_process, who_wakes_a_thread_within_a_call_causes_what_it_does_next)
{
	struct task_struct waker = { .pid = 70 }, woken = { .pid = 71 };
	struct thread *w;

	begin(&waker);
	w = begin_thread(&woken);
	wake_at(90, &woken);
	cr_assert_eq(w->cause, PB_CAUSE_NONE, "the waker is in no call");
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	wake_at(120, &woken);
	cr_assert_eq(w->cause, PB_CAUSE_WAKEUP);
	cr_assert_eq(w->cause_ns, 120);
	cr_assert_eq(w->cause_root_ns, 100, "of the root");
	cr_assert_eq(w->cause_tid, 70);
	wake_at(130, &waker);
	cr_assert_eq(thread_at(&waker)->cause, PB_CAUSE_NONE, "nobody causes himself");
}

Test(bpf_process, a_thread_at_work_is_not_caused_by_who_wakes_it)
{
	struct task_struct waker = { .pid = 70 }, woken = { .pid = 71 };
	struct thread *w;

	begin(&waker);
	w = begin_thread(&woken);
	shim.task = &woken;
	enter_at(100, A, SP_A);
	shim.task = &waker;
	enter_at(110, B, SP_B);
	wake_at(120, &woken);
	cr_assert_eq(w->cause, PB_CAUSE_NONE);
	w->spans.depth = 0;
	w->traced = 0;
	wake_at(130, &woken);
	cr_assert_eq(w->cause, PB_CAUSE_NONE, "not traced");
}

Test(bpf_process, who_makes_a_thread_within_a_call_causes_what_it_does)
{
	struct task_struct parent = { .pid = 70, .tgid = PID }, child = { .pid = 71, .tgid = PID },
			   other = { .pid = 72, .tgid = PID };

	begin(&parent);
	written_config.timelines = 1;
	fork_at(90, &parent, &other);
	cr_assert_eq(thread_at(&other)->cause, PB_CAUSE_NONE);
	enter_at(100, A, SP_A);
	fork_at(110, &parent, &child);
	cr_assert_eq(thread_at(&child)->cause, PB_CAUSE_CLONE);
	cr_assert_eq(thread_at(&child)->cause_ns, 110);
	cr_assert_eq(thread_at(&child)->cause_root_ns, 100);
	cr_assert_eq(thread_at(&child)->cause_tid, 70);
}
