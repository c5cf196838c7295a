/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stacks: gathered into scratch memory, sent whole or interned by a hash of their frames. */
#pragma once

#include "emit.bpf.h"
#include "unwind.bpf.h"

/* Words of both sides. */
static __always_inline __u64 stack_words(const struct pb_stack *s)
{
	__u64 n = s->kernel + s->user;

	asm volatile("" : "+r"(n)); /* the verifier shall see the very number that is bounded */
	return n > STACK_WORDS ? STACK_WORDS : n;
}

/* Bytes of a stack record up to its last word. */
static __always_inline __u64 stack_size(const struct pb_stack *s)
{
	return __builtin_offsetof(struct pb_stack, ips) + stack_words(s) * sizeof(__u64);
}

static __always_inline void stack_header(struct pb_stack *s, __u32 kind, struct task_struct *task,
					 __u32 pid)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	s->h.time_ns = bpf_ktime_get_ns();
	s->h.kind = kind;
	s->h.pid = pid;
	s->h.tid = task->pid;
	s->id = 0;
	if (bpf_probe_read_kernel_str(s->comm, sizeof(s->comm), leader->comm) < 0)
		s->comm[0] = 0;
}

/* The user's side as the kernel walks it, along frame pointers. */
static __always_inline void stack_follow_chain(void *ctx, struct pb_stack *s)
{
	long bytes = bpf_get_stack(ctx, &s->ips[s->kernel & 127], PB_FRAMES_MAX * sizeof(__u64),
				   BPF_F_USER_STACK);

	s->user = bytes > 0 ? bytes / sizeof(__u64) : 0;
	s->end = PB_END_CHAIN;
	s->by_rbp = 0;
	s->skipped = 0;
}

#ifndef UNWIND_OTHER_TASK
/*
 * The user's side, by unwind tables. A function of its own, verified once a file and not once a
 * place where stacks are taken.
 */
__weak int stack_unwind(struct stack_work *w, __u32 pid)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!w || !unwind_begin(w, task, pid))
		return 0;
	unwind_run(w, task);
	return 1;
}

/* The current task's frames, the kernel's (if wanted) first. */
static __always_inline void stack_gather(void *ctx, struct stack_work *w, __u32 pid,
					 bool with_kernel)
{
	struct pb_stack *s = &w->s;
	__u32 kernel = 0;
	long bytes;

	if (with_kernel) {
		bytes = bpf_get_stack(ctx, s->ips, PB_FRAMES_MAX * sizeof(__u64), 0);
		kernel = bytes > 0 ? bytes / sizeof(__u64) : 0;
		if (kernel > PB_FRAMES_MAX)
			kernel = PB_FRAMES_MAX;
	}
	s->kernel = kernel;
	if (!stack_unwind(w, pid))
		stack_follow_chain(ctx, s);
}
#endif

/*
 * The top of the user's stack: user space finds callers there that a walk along frame pointers
 * skips, because the innermost functions keep none.
 */
static __always_inline void stack_read_top(struct pb_stack *s, struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	s->sp = s->user && s->end == PB_END_CHAIN ? BPF_CORE_READ(regs, sp) : 0;
	s->bp = BPF_CORE_READ(regs, bp);
	if (s->sp && bpf_probe_read_user(s->top, sizeof(s->top), (void *)s->sp))
		s->sp = 0;
}

/* Sends a gathered stack; counted under `lost` when the ring is full. */
static __always_inline bool stack_send(struct pb_stack *s, __u32 lost)
{
	__u64 size = stack_size(s);

	s->h.size = size;
	if (bpf_ringbuf_output(&records, s, size, wakeup_flags())) {
		count(lost);
		return false;
	}
	return true;
}

struct stack_hash_ctx {
	struct pb_stack *s;
	__u64 h;
};

static long stack_hash_step(__u32 i, struct stack_hash_ctx *c)
{
	if (i >= STACK_WORDS)
		return 1;
	c->h = (c->h ^ c->s->ips[i]) * 0xff51afd7ed558ccdULL;
	c->h ^= c->h >> 32;
	return 0;
}

static __always_inline __u64 stack_hash(struct pb_stack *s, __u64 seed)
{
	struct stack_hash_ctx c = { .s = s };

	c.h = seed * 0x9e3779b97f4a7c15ULL + s->kernel + ((__u64)s->end << 32);
	bpf_loop(stack_words(s), stack_hash_step, &c, 0);
	return c.h ? c.h : 1;
}

/*
 * The id of a gathered stack, which user space has been or is now told; 0 when that failed. Ids
 * are told apart by process image: an exec changes what addresses mean. own: of the current task,
 * whose top of the stack is not read yet.
 */
static __always_inline __u64 stack_intern(struct pb_stack *s, struct task_struct *task, __u32 pid,
					  bool own)
{
	__u64 seed = (__u64)pid << 32 ^ BPF_CORE_READ(task, self_exec_id), id;
	__u8 sent = 1;

	id = stack_hash(s, seed);
	if (bpf_map_lookup_elem(&stacks, &id))
		return id;
	if (bpf_map_update_elem(&stacks, &id, &sent, BPF_ANY)) {
		count(PB_LOST_STACKS);
		return 0;
	}
	stack_header(s, PB_STACK, task, pid);
	if (own)
		stack_read_top(s, task);
	s->id = id;
	if (!stack_send(s, PB_LOST_STACKS)) {
		bpf_map_delete_elem(&stacks, &id);
		return 0;
	}
	return id;
}

#ifndef UNWIND_OTHER_TASK
/* Takes and interns the current task's stack. */
static __always_inline __u64 stack_take(void *ctx, __u32 slot, struct task_struct *task, __u32 pid,
					bool with_kernel)
{
	struct stack_work *w = bpf_map_lookup_elem(&stack_scratch, &slot);

	if (!w)
		return 0;
	stack_gather(ctx, w, pid, with_kernel);
	return stack_intern(&w->s, task, pid, true);
}
#endif
