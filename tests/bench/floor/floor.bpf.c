/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The least that a probe can do: what it costs is the price of the trap alone. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("uprobe")
int floor_enter(void *ctx)
{
	return 0;
}

SEC("uprobe")
int floor_leave(void *ctx)
{
	return 0;
}

SEC("perf_event")
int floor_tick(void *ctx)
{
	return 0;
}
