/* SPDX-License-Identifier: GPL-2.0-only */
/* How calls fail: by what they return, by the signal that their thread dies of. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>

#include "bpf_calls.h"

struct verdict {
	struct pb_node node;
	__u64 value;
	__s64 recorded;
	__u32 kind;
	bool error;
};

Test(bpf_errors, return_values_are_judged_in_their_width)
{
	static const struct verdict cases[] = {
		{ { .pred = PB_PRED_LT, .width = 4 }, 0xffffffff, -1, PB_ERROR_RETURN, true },
		{ { .pred = PB_PRED_LT, .width = 8 }, 0xffffffff, 0, PB_ERROR_RETURN, false },
		{ { .pred = PB_PRED_LT, .width = 8 }, -3ULL, -3, PB_ERROR_RETURN, true },
		{ { .pred = PB_PRED_LT, .width = 4 }, 0, 0, PB_ERROR_RETURN, false },
		{ { .pred = PB_PRED_LT, .width = 8, .value = -5 },
		  -5ULL,
		  0,
		  PB_ERROR_RETURN,
		  false },
		{ { .pred = PB_PRED_EQ, .width = 4 }, 0xabcd00000000, 0, PB_ERROR_RETURN, true },
		{ { .pred = PB_PRED_EQ, .width = 8 }, 0xabcd00000000, 0, PB_ERROR_RETURN, false },
		{ { .pred = PB_PRED_EQ, .width = 4, .value = -1 },
		  0x1ffffffff,
		  -1,
		  PB_ERROR_RETURN,
		  true },
		{ { .pred = PB_PRED_NE, .width = 4 }, 5, 5, PB_ERROR_RETURN, true },
		{ { .pred = PB_PRED_NE, .width = 8 }, 0, 0, PB_ERROR_RETURN, false },
		{ { .pred = PB_PRED_NONE, .width = 8 }, -1ULL, 0, PB_ERROR_RETURN, false },
		{ { .pred = PB_PRED_NE, .width = 8, .kind = PB_ERROR_GO },
		  0x5000,
		  0x5000,
		  PB_ERROR_GO,
		  true },
		{ { .pred = PB_PRED_LT, .width = 4, .kind = PB_ERROR_ERRNO },
		  (__u32)-ENOENT,
		  ENOENT,
		  PB_ERROR_ERRNO,
		  true },
	};

	for (__u32 i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct verdict v = cases[i];
		struct task_struct task = {};

		shim_reset();
		begin(&task);
		if (!v.node.kind)
			v.node.kind = PB_ERROR_RETURN;
		set_node(A, v.node);
		enter_at(100, A, SP_A);
		leave_value(110, A, SP_A, v.value);
		cr_assert_eq(stats_to(A)->errors, v.error, "case %u", i);
		cr_assert_eq(calls_of(stats_to(A)), 1);
		cr_assert_eq(stats_to(A)->unwound, 0);
		cr_assert_eq(errors_of(path_to(A), v.kind, v.recorded), v.error, "case %u", i);
		cr_assert_eq(error_kinds(), v.error, "case %u", i);
	}
}

Test(bpf_errors, kinds_of_a_value_stay_apart)
{
	struct task_struct task = {};

	begin(&task);
	set_node(A, (struct pb_node){ .pred = PB_PRED_LT, .width = 4, .kind = PB_ERROR_RETURN });
	for (int i = 0; i < 5; i++) {
		enter_at(100, A, SP_A);
		leave_value(110, A, SP_A, i < 3 ? -1ULL : -2ULL);
	}
	cr_assert_eq(stats_to(A)->errors, 5);
	cr_assert_eq(errors_of(path_to(A), PB_ERROR_RETURN, -1), 3);
	cr_assert_eq(errors_of(path_to(A), PB_ERROR_RETURN, -2), 2);
	cr_assert_eq(error_kinds(), 2);
}

Test(bpf_errors, a_full_table_of_errors_is_counted)
{
	struct task_struct task = {};

	begin(&task);
	shim_find(&path_errors)->max = 1;
	set_node(A, (struct pb_node){ .pred = PB_PRED_LT, .width = 4 });
	for (__u64 i = 1; i < 4; i++) {
		enter_at(100, A, SP_A);
		leave_value(110, A, SP_A, -i);
	}
	cr_assert_eq(stats_to(A)->errors, 3, "exact all the same");
	cr_assert_eq(counted(PB_LOST_PATHS), 2);
}

Test(bpf_errors, a_call_that_does_not_return_has_no_value)
{
	struct task_struct task = {};

	begin(&task);
	set_node(B, (struct pb_node){ .pred = PB_PRED_EQ, .width = 4 });
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	leave_value(120, A, SP_A, 0);
	cr_assert_eq(stats_to(A, B)->unwound, 1);
	cr_assert_eq(stats_to(A, B)->errors, 0);
}

/* One thread's end: the signal that it was given last, and the process's status. */
struct death {
	int delivered;
	__s32 status;
	bool group; /* exit_group(), or a signal of the whole process */
	int recorded;
};

static void die(struct task_struct *task, struct signal_struct *signal, struct task_struct *leader,
		const struct death *d)
{
	if (d->delivered)
		cr_assert_eq(pb_proc_signal(NULL, d->delivered, NULL, NULL), 0);
	signal->flags = d->group ? 4 : 0;
	signal->group_exit_code = d->group ? d->status : 0;
	leader->exit_code = d->group ? 0 : d->status;
	task->signal = signal;
	task->group_leader = leader;
	shim.now_ns = 500;
	cr_assert_eq(pb_proc_exit(NULL, task), 0);
}

Test(bpf_errors, a_thread_fails_of_the_signal_that_it_dies_of)
{
	static const struct death cases[] = {
		{ 0, 0, false, 0 },           /* exit(0) */
		{ 0, 3 << 8, true, 0 },       /* exit_group(3) */
		{ SIGKILL, 3 << 8, true, 0 }, /* another thread's exit_group() */
		{ SIGSEGV, SIGSEGV, true, SIGSEGV },
		{ SIGSEGV, SIGSEGV | 128, true, SIGSEGV }, /* with a core */
		{ SIGABRT, SIGABRT | 128, true, SIGABRT },
		{ SIGKILL, SIGSEGV, true, 0 }, /* another thread's fault */
		{ SIGKILL, SIGABRT | 128, true, 0 },
		{ SIGKILL, SIGKILL, true, SIGKILL },
		{ SIGTERM, SIGTERM, true, SIGTERM },
		{ SIGKILL, SIGTERM, true, SIGTERM }, /* the process's, taken by another thread */
		{ SIGKILL, SIGINT, true, SIGINT },
		{ SIGUSR1, SIGTERM, true, 0 }, /* was not told of it: ended in another way */
		{ SIGUSR1, 0, false, 0 },      /* handled, long ago */
	};

	for (__u32 i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct death *d = &cases[i];
		struct task_struct task = {}, leader = {};
		struct signal_struct signal = {};
		struct thread *t;

		shim_reset();
		t = begin(&task);
		enter_at(100, A, SP_A);
		enter_at(200, B, SP_B);
		die(&task, &signal, &leader, d);
		cr_assert_eq(t->spans.depth, 0);
		cr_assert_eq(stats_to(A)->unwound, 1, "case %u", i);
		cr_assert_eq(stats_to(A)->total_ns, 400, "it ended now");
		cr_assert_eq(self_of(stats_to(A)), 100);
		cr_assert_eq(calls_of(stats_to(A, B)), 1);
		cr_assert_eq(stats_to(A)->errors, !!d->recorded, "case %u", i);
		cr_assert_eq(stats_to(A, B)->errors, !!d->recorded, "case %u", i);
		cr_assert_eq(errors_of(path_to(A, B), PB_ERROR_SIGNAL, d->recorded), !!d->recorded,
			     "case %u", i);
		cr_assert_eq(error_kinds(), d->recorded ? 2 : 0, "case %u", i);
	}
}

Test(bpf_errors, the_last_thread_tells_of_its_process)
{
	struct death d = { SIGSEGV, SIGSEGV | 128, true, SIGSEGV };
	struct task_struct task = { .pid = 70, .comm = "worker" }, leader = {};
	struct signal_struct signal = { .live = { .counter = 1 } };
	__u32 pid = PID, flags = PB_TARGET_TRACED;
	const struct pb_process *r;

	begin(&task);
	bpf_map_update_elem(&targets, &pid, &flags, BPF_ANY);
	die(&task, &signal, &leader, &d);
	cr_assert_eq(records_sent(PB_EXIT), 0, "others live on");
	cr_assert_not_null(bpf_map_lookup_elem(&targets, &pid));
	signal.live.counter = 0;
	die(&task, &signal, &leader, &d);
	r = record_sent(PB_EXIT, 0, sizeof(*r));
	cr_assert_not_null(r);
	cr_assert_eq(r->h.pid, PID);
	cr_assert_eq(r->h.tid, 70);
	cr_assert_eq(r->status, SIGSEGV | 128);
	cr_assert_str_eq(r->comm, "worker");
	cr_assert_str_eq(r->file, "");
	cr_assert_null(bpf_map_lookup_elem(&targets, &pid));
}

Test(bpf_errors, an_exec_ends_what_its_caller_was_in)
{
	struct task_struct task = { .tgid = PID };
	struct linux_binprm bprm = { .filename = "/bin/true" };
	struct thread *t = begin(&task);
	const struct pb_process *r;

	enter_at(100, A, SP_A);
	shim.now_ns = 150;
	cr_assert_eq(pb_proc_exec(NULL, &task, PID, &bprm), 0);
	cr_assert_eq(t->spans.depth, 0);
	cr_assert_eq(t->traced, 1);
	cr_assert_eq(stats_to(A)->unwound, 1);
	cr_assert_eq(stats_to(A)->total_ns, 50);
	cr_assert_eq(stats_to(A)->errors, 0);
	r = record_sent(PB_EXEC, 0, sizeof(*r));
	cr_assert_str_eq(r->file, "/bin/true");
}

Test(bpf_errors, without_spans_nothing_is_looked_for)
{
	struct death d = { SIGSEGV, SIGSEGV, true, 0 };
	struct task_struct task = {}, leader = {};
	struct signal_struct signal = {};

	begin(&task);
	written_config.spans = 0;
	die(&task, &signal, &leader, &d);
	cr_assert_eq(error_kinds(), 0);
	cr_assert_eq(records_sent(PB_EXIT), 1);
}
