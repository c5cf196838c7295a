/* SPDX-License-Identifier: GPL-2.0-only */
/* The guard over function probes: hits by node, and the alarm when too much is spent. */
#include <criterion/criterion.h>
#include <stdint.h>

#include "bpf_calls.h"

static __u64 hits(__u32 node)
{
	return *(const __u64 *)bpf_map_lookup_elem(&node_hits, &node);
}

/* Allows `burst_ns` at once and `share` of the time; a call of class 2 costs `cost_ns`. */
static void set_guard(__u64 burst_ns, double share, __u32 cost_ns)
{
	guard_burst_ns = burst_ns;
	guard_share = (__u32)(share * (1 << 20));
	guard_costs[2] = cost_ns;
	guard_alarm = 0;
}

static void call_at(__u64 now_ns, __u32 node)
{
	enter_at(now_ns, node | 2ULL << PB_COOKIE_CLASS, SP_A);
	leave_at(now_ns + 1, node, SP_A);
}

Test(bpf_guard, hits_are_counted_by_node_with_and_without_it)
{
	struct task_struct task = {};

	begin(&task);
	set_guard(0, 0, 1000);
	for (__u64 i = 0; i < 10; i++)
		call_at(100 + i * 10, A);
	cr_expect_eq(guard_alarm, 0);
	set_guard(1000, 0.01, 10);
	call_at(1000, B);
	cr_expect_eq(hits(A), 10);
	cr_expect_eq(hits(B), 1);
}

Test(bpf_guard, a_storm_gives_one_alarm)
{
	struct task_struct task = {};

	begin(&task);
	set_guard(1000, 0.01, 300);
	for (__u64 i = 0; i < 3; i++)
		call_at(1000000000 + i * 10, A);
	cr_expect_eq(guard_alarm, 0, "900 of 1000 are spent");
	for (__u64 i = 3; i < 50; i++)
		call_at(1000000000 + i * 10, A);
	cr_expect_eq(guard_alarm, 1);
	cr_expect_eq(hits(A), 50, "what is spent is still counted");
}

Test(bpf_guard, what_stays_below_the_share_never_gives_one)
{
	struct task_struct task = {};

	begin(&task);
	set_guard(1000, 0.01, 300);
	for (__u64 i = 0; i < 10000; i++)
		call_at(1000000000 + i * 31000, A); /* 300 in 31,000: just below 1 % */
	cr_expect_eq(guard_alarm, 0);
	for (__u64 i = 0; i < 10000; i++)
		call_at(2000000000 + i * 29000, A); /* and above */
	cr_expect_eq(guard_alarm, 1);
}
