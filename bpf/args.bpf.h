/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Arguments of recorded calls, and the slice of a call. */
#pragma once

#include "timeline.bpf.h"
#include <bpf/bpf_tracing.h>

/*
 * A register by its index in struct pt_regs. Copied, because the verifier wants constant offsets
 * and compilers like to make one load of many.
 */
static __subprog __u64 reg_value(struct pt_regs *ctx, __u8 reg)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + (reg & 31) * sizeof(value));
	return value;
}

/* Reads one argument to where it belongs in the record; bytes used. */
static __subprog __u32 read_arg(struct pt_regs *ctx, const struct pb_arg *a, char *to)
{
	__u64 *value = (__u64 *)to;
	__u64 addr;

	if (a->place == PB_ARG_CONST) {
		*value = a->value;
		return 8;
	}
	*value = reg_value(ctx, a->reg);
	if (a->place == PB_ARG_MEMORY) {
		addr = *value + a->value;
		if (a->index != 255)
			addr += reg_value(ctx, a->index) << (a->shift & 3);
		*value = 0;
		bpf_probe_read_user(value, sizeof(*value), (void *)addr);
	}
	if (!a->is_string)
		return 8;
	addr = *value;
	to[0] = 0;
	/* A kernel function is given the kernel's strings and the user's. */
	if (a->is_string == PB_STRING_ANY && (__s64)addr < 0)
		bpf_probe_read_kernel_str(to, PB_ARG_STRING_LEN, (void *)addr);
	else
		bpf_probe_read_user_str(to, PB_ARG_STRING_LEN, (void *)addr);
	return PB_ARG_STRING_LEN;
}

/* The arguments that the user asked for, of a slice. */
static __subprog int record_args(struct pt_regs *ctx, struct pb_timeline *r, struct pb_slice *slice,
				 const __u32 *key)
{
	struct pb_args *args = bpf_map_lookup_elem(&node_args, key);
	__u32 at = r->args_len;

	if (!args)
		return 0;
	slice->args = (__u16)at;
	for (__u32 i = 0; i < PB_ARGS_MAX && i < args->n; i++) {
		if (at > PB_ARG_BYTES - PB_ARG_STRING_LEN)
			break;
		at += read_arg(ctx, &args->arg[i], &r->args[at]);
	}
	slice->args_len = (__u16)(at - slice->args);
	r->args_len = (__u16)at;
	return 0;
}

/* The slice of a call that has just begun, with its arguments. */
static __subprog int record_span(struct pt_regs *ctx, struct task_struct *task, struct thread *t,
				 struct span *f)
{
	struct pb_timeline *r;
	struct pb_node *n;

	record_slice(task, t, f);
	n = f->slice ? bpf_map_lookup_elem(&nodes, &f->node) : NULL;
	r = n && n->args ? timeline_of(&t->spans) : NULL;
	if (r)
		record_args(ctx, r, &r->slices[(f->slice - 1) & (PB_SLICES_MAX - 1)], &n->args);
	return 0;
}
