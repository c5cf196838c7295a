/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which calls of a plugin's entries are executions of it: those from outside. Not what its own code
 * calls, nor what a system library calls on its behalf (qsort's comparison, a thread's function).
 */
#pragma once

#include <bpf/bpf_tracing.h>
#include "spans.bpf.h"

static __always_inline struct span *plugin_span(struct spans *s)
{
	return span_at(s, (s->plugin_top - 1) & (SPANS_MAX - 1));
}

/* Does this return address lie in a system library? */
__weak int plugin_from_system(__u32 pid, __u64 ret)
{
	struct pb_system_text *text = bpf_map_lookup_elem(&system_texts, &pid);

	for (int i = 0; text && i < PB_SYSTEM_TEXTS; i++) {
		if (ret - text->start[i] < text->size[i])
			return 1;
	}
	return 0;
}

/* `mov $15, %eax; syscall`, to which signal handlers return. */
#define SIGRETURN_CODE 0x0f0000000fc0c748ULL

/* What a thread's beginning has on its stack above the first call that is not the C library's. */
#define THREAD_WORDS 16

struct root_walk {
	struct thread *t;
	struct pb_system_text *text;
	__u64 at;
	__u32 found;
};

static long root_step(__u32 i, struct root_walk *k)
{
	__u64 word;

	k->t->words[0] = 0;
	bpf_probe_read_user(&k->t->words[0], sizeof(k->t->words[0]), (void *)(k->at + 8 * i));
	word = k->t->words[0];
	for (int root = 0; root < PB_SYSTEM_ROOTS; root++) {
		if (word - k->text->root[root] < k->text->root_size[root])
			k->found = 1;
	}
	return k->found != 0;
}

/*
 * What a system library calls because the plugin has asked it to: a thread of its own, a handler of
 * signals. sp: of the call.
 */
__weak int plugin_started(struct thread *t, __u64 sp)
{
	struct root_walk k = { .t = t, .at = sp };
	__u32 pid;

	if (!t)
		return 0;
	pid = t->pid;
	k.text = bpf_map_lookup_elem(&system_texts, &pid);
	if (!k.text)
		return 0;
	t->words[0] = 0;
	bpf_probe_read_user(&t->words[0], sizeof(t->words[0]), (void *)t->spans.ret);
	if (t->words[0] == SIGRETURN_CODE)
		return 1;
	bpf_loop(THREAD_WORDS, root_step, &k, 0);
	return k.found;
}

/*
 * A call that belongs to the plugin's own work: from its code, by a system library while inside it
 * or as it was asked to, or the rest of an execution that jumped here.
 */
static __always_inline bool is_internal(struct pt_regs *ctx, struct thread *t,
					const struct pb_node *n, __u32 node, __u64 sp)
{
	__u64 ret = t->spans.ret;
	struct span *f;

	if (ret - (PT_REGS_IP(ctx) - n->before) < n->size)
		return true;
	f = plugin_span(&t->spans);
	if (!t->spans.plugin_top || f->plugin != n->plugin)
		return plugin_from_system(t->pid, ret) && plugin_started(t, sp);
	if (f->sp == sp && f->ret == ret && f->node != node)
		return true;
	return plugin_from_system(t->pid, ret);
}

/* The span of an execution has begun. */
static __subprog int plugin_entered(struct spans *s, struct span *f, __u32 plugin)
{
	struct pb_plugin_stats *p;
	__u32 key = plugin - 1;

	f->plugin = (__u16)plugin;
	f->below = s->plugin_top;
	s->plugin_top = (__u8)s->depth;
	p = bpf_map_lookup_elem(&plugin_stats, &key);
	if (p)
		raise_to(&p->peak, __sync_fetch_and_add(&p->in_flight, 1) + 1);
	return 0;
}
