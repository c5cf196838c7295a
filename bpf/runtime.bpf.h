/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Frames of language runtimes, told when a walk comes to code of theirs: a file of its own for
 * each. Part of unwind.bpf.h, whose functions it uses.
 *
 * A runtime's step is called before the native frame at hand is put down. It puts frames that lie
 * above it (runtime_put), and answers WAY_NATIVE; or takes the frame for its own, goes on to its
 * caller (unwind_by_rbp() and the like) and answers as that did. What it reads goes to u->bytes;
 * what it must remember from one step to the next, to u->at, which is 0 at the leaf.
 */
#pragma once

/* A frame: see PB_WORD_RUNTIME. */
static __always_inline void runtime_put(struct stack_work *w, __u64 kind, __u64 what, __u64 where)
{
	w->u.told = 1;
	unwind_put(w, PB_WORD_RUNTIME | kind << PB_WORD_SHIFT | (what & PB_WORD_PAYLOAD));
	unwind_put(w, PB_WORD_RUNTIME | PB_WORD_SECOND | kind << PB_WORD_SHIFT |
			  (where & PB_WORD_PAYLOAD));
}

/* What user space told of a runtime in this process; NULL: nothing. */
static __always_inline union pb_runtime_image *runtime_image(struct unwind *u, __u32 kind)
{
	__u32 key = u->runtime[kind & 3];

	return key ? bpf_map_lookup_elem(&runtime_images, &key) : NULL;
}

static __always_inline void runtime_begin(struct unwind *u, const struct pb_unwind_image *image,
					  struct task_struct *task)
{
	__builtin_memcpy(u->runtime, image->runtime, sizeof(u->runtime));
	__builtin_memset(u->at, 0, sizeof(u->at));
	u->anon = image->anon;
	u->told = 0;
	u->fs_base = BPF_CORE_READ(task, thread.fsbase);
}

#include "python.bpf.h"
#include "v8.bpf.h"
#include "beam.bpf.h"

/* The rule may be NULL. */
static __always_inline int runtime_step(struct unwind_ctx *c, struct pb_unwind_rule *r)
{
	__u32 mark = c->w->u.mark;

	if (mark == PB_RUNTIME_PYTHON)
		return python_step(c, r);
	if (mark == PB_RUNTIME_V8)
		return v8_step(c, r);
	if (mark == PB_RUNTIME_BEAM)
		return beam_step(c, r);
	return WAY_NATIVE;
}
