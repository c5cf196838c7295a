/* SPDX-License-Identifier: GPL-2.0-only */
/* Mistakes that the span core once made. */
#include <criterion/criterion.h>
#include <signal.h>
#include "bpf_calls.h"

#define RET1 0x401000

/* A, followed by its ends, tail-calls B, which has a return probe; A's jump was not reported. */
Test(bpf_mended, mixed_tail)
{
	struct task_struct task = {};
	begin(&task);
	enter_sites(100, A, SP_A, RET1);
	enter_at(110, B, SP_A);
	leave_at(150, B, SP_A);
	cr_assert_neq(path_to(A, B), 0);
	cr_assert_eq(stats_to(A, B)->total_ns, 40);
}

Test(bpf_mended, depth_after_overflow)
{
	struct task_struct task = {};
	begin(&task);
	for (__u32 i = 0; i < PB_SPAN_DEPTH; i++)
		enter_sites(100, A, 0x20000 - 16 * i, RET1 + i);
	for (int i = 0; i < 5; i++) {
		enter_sites(110, B, 0x10000, RET1);
		leave_site(120, B, 0x10000, 0);
	}
	cr_expect_eq(counted(PB_MISSED_RETURNS), 0, "%llu: they are lost already",
		     counted(PB_MISSED_RETURNS));
	enter_sites(130, A, 0x10000, RET1);
	leave_site(140, A, 0x10000, 0);
	for (__u32 i = PB_SPAN_DEPTH; i--;)
		leave_site(200, A, 0x20000 - 16 * i, 0);
	cr_expect_eq(stats_to(A)->depth_max, PB_SPAN_DEPTH + 1, "%llu", stats_to(A)->depth_max);
}

Test(bpf_mended, syscall_span_in_timeline)
{
	struct task_struct task = {}, other = {};
	struct pt_regs regs = { .sp = 0x6000 };
	const struct pb_timeline *r;
	__u32 nr = 3, node = C + 1;
	task.group_leader = &task;
	begin(&task);
	written_config.timelines = 1;
	written_config.syscall_spans = 1;
	bpf_map_update_elem(&syscall_nodes, &nr, &node, BPF_ANY);
	enter_at(1000, A, SP_A);
	shim.now_ns = 2000;
	pb_sys_enter(NULL, &regs, 3);
	shim.now_ns = 3000;
	task.__state = 1;
	pb_sched_switch(NULL, false, &task, &other);
	shim.now_ns = 8000;
	pb_sched_switch(NULL, false, &other, &task);
	shim.now_ns = 9000;
	pb_sys_exit(NULL, &regs, -9);
	leave_at(10000, A, SP_A);
	r = record_sent(PB_TIMELINE, 0, sizeof(r->h));
	cr_assert_eq(r->n, 3, "%u slices", r->n);
}

Test(bpf_mended, stale_cause)
{
	struct task_struct waker = { .pid = 70 }, woken = { .pid = 71 };
	struct thread *w;
	begin(&waker);
	written_config.timelines = 1;
	w = begin_thread(&woken);
	enter_at(1000, A, SP_A);
	pb_proc_waking(NULL, &woken);
	shim.task = &woken;
	w->spans.record_window = 0;
	w->spans.recorded = 400; /* busy: this root is not recorded */
	enter_at(2000, B, SP_A);
	leave_at(2100, B, SP_A);
	/* next window: an unrelated root */
	enter_at((1ULL << 27) + 5, B, SP_A);
	leave_at((1ULL << 27) + 500, B, SP_A);
	cr_assert_eq(((const struct pb_timeline *)record_sent(PB_TIMELINE, 0, 24))->cause, 0);
}

Test(bpf_mended, realtime_signals)
{
	struct signal_struct signal = { .flags = 4,
					.group_exit_code = 35,
					.live = { .counter = 1 } };
	struct task_struct task = { .signal = &signal };
	begin(&task);
	enter_at(100, A, SP_A);
	pb_proc_signal(NULL, SIGKILL, NULL, NULL);
	shim.now_ns = 200;
	pb_proc_exit(NULL, &task);
	cr_assert_eq(errors_of(path_to(A), PB_ERROR_SIGNAL, 35), 1);
}
