/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls: counted by path, as spans of their own, and those that are none of the target's. */
#include <criterion/criterion.h>
#include <errno.h>

#include "bpf_calls.h"

#define NR_READ        0
#define NR_MMAP        9
#define NR_MPROTECT    10
#define NR_SIGRETURN   15
#define NR_CLONE       56
#define NR_URETPROBE   335
#define NR_UPROBE      336
#define PROT_READ_EXEC 5
#define SP_CALL        0x6c00 /* of whoever makes the call */

static void sys_enter(__u64 now_ns, __u32 nr)
{
	struct pt_regs regs = { .sp = SP_CALL, .orig_ax = nr };

	shim.now_ns = now_ns;
	cr_assert_eq(pb_sys_enter(NULL, &regs, nr), 0);
}

static void sys_exit(__u64 now_ns, __u32 nr, long ret)
{
	struct pt_regs regs = { .sp = SP_CALL, .orig_ax = nr };

	shim.now_ns = now_ns;
	cr_assert_eq(pb_sys_exit(NULL, &regs, ret), 0);
}

static struct thread *begin_calls(struct task_struct *task)
{
	task->group_leader = task;
	return begin(task);
}

/* Makes a system call a node. */
static void ask_for(__u32 nr, __u32 node)
{
	node++;
	written_config.syscall_spans = 1;
	cr_assert_eq(bpf_map_update_elem(&syscall_nodes, &nr, &node, BPF_ANY), 0);
}

static const struct pb_call_stats *row(__u32 nr, __u32 path)
{
	struct pb_syscall_key key = { .nr = nr, .path = path };
	const struct pb_call_stats *s = bpf_map_lookup_elem(&syscall_stats, &key);

	cr_assert_not_null(s, "system call %u of path %u", nr, path);
	return s;
}

static __u64 failures(__u32 nr, __u32 path, __u32 error)
{
	struct pb_syscall_error_key key = { .nr = nr, .path = path, .error = error };
	const __u64 *n = bpf_map_lookup_elem(&syscall_errors, &key);

	return n ? *n : 0;
}

Test(bpf_syscall, calls_are_counted_by_number_and_path)
{
	struct task_struct task = {};

	begin_calls(&task);
	sys_enter(100, NR_READ);
	sys_exit(130, NR_READ, 4096);
	enter_at(200, A, SP_A);
	sys_enter(210, NR_READ);
	sys_exit(215, NR_READ, -EAGAIN);
	sys_enter(220, NR_READ);
	sys_exit(227, NR_READ, 0);
	leave_at(300, A, SP_A);
	cr_assert_eq(calls_of(row(NR_READ, 0)), 1);
	cr_assert_eq(row(NR_READ, 0)->total_ns, 30);
	cr_assert_eq(calls_of(row(NR_READ, path_to(A))), 2);
	cr_assert_eq(row(NR_READ, path_to(A))->total_ns, 12);
	cr_assert_eq(row(NR_READ, path_to(A))->errors, 1);
	cr_assert_eq(failures(NR_READ, path_to(A), EAGAIN), 1);
	cr_assert_eq(stats_to(A)->errors, 0, "a failed call fails nobody else");
	cr_assert_eq(shim_find(&syscall_stats)->n, 2);
}

Test(bpf_syscall, those_outside_of_paths_have_rows_by_number)
{
	const struct pb_call_stats *hot;
	struct task_struct task = {};
	__u32 nr = NR_READ;

	begin_calls(&task);
	written_hot_syscalls = NR_READ + 1;
	sys_exit(90, NR_READ, 4096);
	sys_enter(100, NR_READ);
	sys_exit(130, NR_READ, -EAGAIN);
	sys_enter(140, NR_MMAP);
	sys_exit(141, NR_MMAP, 0);
	enter_at(200, A, SP_A);
	sys_enter(210, NR_READ);
	sys_exit(215, NR_READ, 0);
	leave_at(300, A, SP_A);
	hot = bpf_map_lookup_elem(&syscall_stats_hot, &nr);
	cr_assert_eq(calls_of(hot), 2);
	cr_assert_eq(hot->min_ns, 30);
	cr_assert_eq(hot->untimed, 1);
	cr_assert_eq(hot->errors, 1);
	cr_assert_eq(calls_of(row(NR_READ, path_to(A))), 1);
	cr_assert_eq(calls_of(row(NR_MMAP, 0)), 1);
	cr_assert_eq(shim_find(&syscall_stats)->n, 2);
}

Test(bpf_syscall, only_small_negative_numbers_are_errors)
{
	struct task_struct task = {};

	begin_calls(&task);
	for (int i = 0; i < 3; i++) {
		sys_enter(100, NR_MMAP);
		sys_exit(130, NR_MMAP, i == 0 ? -4095 : i == 1 ? -4096 : -0x7000000000L);
	}
	cr_assert_eq(row(NR_MMAP, 0)->errors, 1);
	cr_assert_eq(failures(NR_MMAP, 0, 4095), 1);
}

Test(bpf_syscall, one_that_was_under_way_at_attach_has_no_time)
{
	struct task_struct task = {};

	begin_calls(&task);
	sys_exit(130, NR_READ, -EINTR);
	cr_assert_eq(calls_of(row(NR_READ, 0)), 1);
	cr_assert_eq(row(NR_READ, 0)->untimed, 1);
	cr_assert_eq(row(NR_READ, 0)->errors, 1);
}

Test(bpf_syscall, the_kernels_own_trampolines_are_no_calls_of_the_targets)
{
	static const __u32 numbers[] = { NR_URETPROBE, NR_UPROBE };
	struct task_struct task = {};
	struct thread *t = begin_calls(&task);

	for (size_t i = 0; i < 2; i++) {
		sys_enter(100, NR_READ);
		sys_exit(110, NR_READ, 0);
		sys_enter(120, numbers[i]);
		sys_exit(130, numbers[i], -1);
	}
	cr_assert_eq(shim_find(&syscall_stats)->n, 1);
	cr_assert_eq(calls_of(row(NR_READ, 0)), 2);
	cr_assert_eq(t->trampoline, 0);
	cr_assert_eq(shim_find(&syscall_errors)->n, 0);
}

Test(bpf_syscall, a_childs_side_of_fork_returns_from_no_call_of_its_own)
{
	struct task_struct task = {};
	struct thread *t = begin_calls(&task);

	t->forked = 1;
	sys_exit(130, NR_CLONE, 0);
	cr_assert_eq(shim_find(&syscall_stats)->n, 0);
	sys_enter(140, NR_READ);
	sys_exit(150, NR_READ, 0);
	cr_assert_eq(calls_of(row(NR_READ, 0)), 1);
}

Test(bpf_syscall, a_call_that_changes_the_registers_is_known_by_its_entry)
{
	struct task_struct task = {};

	begin_calls(&task);
	sys_enter(100, NR_SIGRETURN);
	sys_exit(110, NR_READ, -EINTR); /* the registers of the interrupted call */
	cr_assert_eq(calls_of(row(NR_SIGRETURN, 0)), 1);
	cr_assert_eq(shim_find(&syscall_stats)->n, 1);
}

Test(bpf_syscall, new_code_is_told_of)
{
	struct pt_regs regs = { .orig_ax = NR_MMAP, .dx = PROT_READ_EXEC, .di = 0x12000 };
	struct task_struct task = { .pid = 9, .comm = "loader" };
	const struct pb_process *r;

	begin_calls(&task);
	pb_sys_enter(NULL, &regs, NR_MMAP);
	pb_sys_exit(NULL, &regs, 0x7f000000);
	regs.orig_ax = NR_MPROTECT;
	pb_sys_enter(NULL, &regs, NR_MPROTECT);
	pb_sys_exit(NULL, &regs, 0);
	pb_sys_enter(NULL, &regs, NR_MPROTECT);
	pb_sys_exit(NULL, &regs, -EACCES); /* failed */
	regs.dx = 3;
	pb_sys_enter(NULL, &regs, NR_MPROTECT);
	pb_sys_exit(NULL, &regs, 0); /* data */
	cr_assert_eq(records_sent(PB_MMAP), 2);
	r = record_sent(PB_MMAP, 0, sizeof(*r));
	cr_assert_eq(r->addr, 0x7f000000);
	cr_assert_eq(r->h.pid, PID);
	cr_assert_eq(r->h.tid, 9);
	r = record_sent(PB_MMAP, 1, sizeof(*r));
	cr_assert_eq(r->addr, 0x12000);
}

Test(bpf_syscall, a_full_ring_is_counted)
{
	struct pt_regs regs = { .orig_ax = NR_MMAP, .dx = PROT_READ_EXEC };
	struct task_struct task = {};

	begin_calls(&task);
	shim.ring_full = true;
	pb_sys_enter(NULL, &regs, NR_MMAP);
	pb_sys_exit(NULL, &regs, 0x7f000000);
	cr_assert_eq(counted(PB_LOST_EVENTS), 1);
}

Test(bpf_syscall, a_full_table_is_counted)
{
	struct task_struct task = {};

	begin_calls(&task);
	shim_find(&syscall_stats)->max = 1;
	shim_find(&syscall_stats_spare)->max = 1;
	for (__u32 nr = 0; nr < 3; nr++) {
		sys_enter(100, nr);
		sys_exit(110, nr, 0);
	}
	cr_assert_eq(shim_find(&syscall_stats_spare)->n, 1, "what has no room goes there first");
	cr_assert_eq(counted(PB_LOST_PATHS), 1);
}

Test(bpf_syscall, one_that_was_asked_for_is_a_span)
{
	struct task_struct task = {};
	struct thread *t = begin_calls(&task);

	ask_for(NR_READ, C);
	enter_at(100, A, SP_A);
	sys_enter(110, NR_READ);
	cr_assert_eq(t->spans.depth, 2);
	sys_exit(140, NR_READ, 7);
	sys_enter(150, NR_CLONE); /* nobody asked for it */
	sys_exit(160, NR_CLONE, 7);
	leave_at(200, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A, C)), 1);
	cr_assert_eq(stats_to(A, C)->total_ns, 30);
	cr_assert_eq(self_of(stats_to(A)), 70);
	cr_assert_eq(calls_of(row(NR_READ, path_to(A))), 1, "and of its caller still");
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
	cr_assert_eq(shim_find(&path_ids)->n, 2);
}

Test(bpf_syscall, one_that_fails_fails_as_a_span_by_its_errno)
{
	struct task_struct task = {};

	begin_calls(&task);
	ask_for(NR_READ, C);
	set_node(C, (struct pb_node){ .pred = PB_PRED_NE, .width = 8 });
	sys_enter(110, NR_READ);
	sys_exit(140, NR_READ, -ENOENT);
	sys_enter(150, NR_READ);
	sys_exit(160, NR_READ, 12);
	cr_assert_eq(calls_of(stats_to(C)), 2);
	cr_assert_eq(stats_to(C)->errors, 1);
	cr_assert_eq(stats_to(C)->unwound, 0);
	cr_assert_eq(errors_of(path_to(C), PB_ERROR_ERRNO, ENOENT), 1);
	cr_assert_eq(error_kinds(), 1, "what it returns is judged by nothing else");
}

Test(bpf_syscall, node_0_is_a_node)
{
	struct task_struct task = {};

	begin_calls(&task);
	ask_for(NR_READ, 0);
	sys_enter(110, NR_READ);
	sys_exit(140, NR_READ, 0);
	cr_assert_eq(shim_find(&path_stats)->n, 1);
	cr_assert_eq(calls_of(stats_of(1)), 1);
}

Test(bpf_syscall, entering_the_kernel_ends_what_was_jumped_over)
{
	struct task_struct task = {};

	begin_calls(&task);
	ask_for(NR_READ, C);
	enter_at(100, A, SP_A);
	enter_at(105, B, SP_CALL - 0x100); /* left by longjmp: the caller's frame is above it */
	sys_enter(110, NR_READ);
	sys_exit(140, NR_READ, 0);
	cr_assert_eq(stats_to(A, B)->unwound, 1);
	cr_assert_eq(calls_of(stats_to(A, C)), 1);
}

Test(bpf_syscall, one_made_on_the_signal_stack_leaves_the_interrupted_calls_open)
{
	struct task_struct task = { .sas_ss_sp = 0x9000, .sas_ss_size = 0x800 };
	struct pt_regs regs = { .sp = 0x9700 };
	struct thread *t = begin_calls(&task);

	ask_for(NR_READ, C);
	enter_at(100, A, SP_A);
	shim.now_ns = 110;
	pb_sys_enter(NULL, &regs, NR_READ);
	cr_assert_eq(t->spans.depth, 2);
	cr_assert_eq(span_at(&t->spans, 1)->stack, ON_SIGNAL);
	shim.now_ns = 120;
	pb_sys_exit(NULL, &regs, 0);
	leave_at(200, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A, C)), 1);
	cr_assert_eq(stats_to(A)->unwound, 0);
}

Test(bpf_syscall, an_exec_is_no_failure_of_its_span)
{
	struct task_struct task = {};
	struct linux_binprm bprm = { .filename = "/bin/true" };
	struct thread *t = begin_calls(&task);

	ask_for(59, C);
	sys_enter(110, 59);
	shim.now_ns = 120;
	pb_proc_exec(NULL, &task, PID, &bprm);
	sys_exit(140, 59, 0);
	cr_assert_eq(t->spans.depth, 0);
	cr_assert_eq(calls_of(stats_to(C)), 1);
	cr_assert_eq(stats_to(C)->errors, 0);
}

Test(bpf_syscall, spans_neither_begin_nor_end_while_the_trace_closes)
{
	struct task_struct task = {};
	struct thread *t = begin_calls(&task);

	ask_for(NR_READ, C);
	sys_enter(110, NR_READ);
	closing = 1;
	sys_exit(140, NR_READ, 0);
	cr_assert_eq(t->spans.depth, 1);
	sys_enter(150, NR_READ);
	sys_exit(160, NR_READ, 0);
	cr_assert_eq(t->spans.depth, 1);
	cr_assert_eq(calls_of(row(NR_READ, path_to(C))), 2, "the calls are counted themselves");
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_syscall, stacks_of_calls_are_interned_and_counted)
{
	struct pb_syscall_stack_key key = { .pid = PID, .nr = NR_READ };
	struct task_struct task = { .pid = 9 };
	const struct pb_stack *r;
	const __u64 *n;

	begin_calls(&task);
	shim.frames[0] = 0x401234;
	shim.frames[1] = 0x402345;
	for (int i = 0; i < 3; i++) {
		sys_enter(100, NR_READ);
		sys_exit(110, NR_READ, 0);
	}
	cr_assert_eq(records_sent(PB_STACK), 1, "the stack is sent once");
	r = record_sent(PB_STACK, 0, offsetof(struct pb_stack, ips) + 2 * sizeof(__u64));
	cr_assert_eq(r->h.size, offsetof(struct pb_stack, ips) + 2 * sizeof(__u64));
	cr_assert_eq(r->user, 2);
	cr_assert_eq(r->kernel, 0);
	cr_assert_eq(r->ips[1], 0x402345);
	key.stack = r->id;
	n = bpf_map_lookup_elem(&syscall_stacks, &key);
	cr_assert_not_null(n);
	cr_assert_eq(*n, 3);
	shim_find(&syscall_stacks)->max = 1;
	sys_enter(120, NR_CLONE);
	sys_exit(130, NR_CLONE, 0);
	cr_assert_eq(counted(PB_LOST_STACKS), 1);
}
