/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Frames of V8. All of its code, compiled at run time or built into the host, keeps rbp as a frame
 * pointer. Below the saved rbp lies a context, if the frame is one of JavaScript, followed by
 * the function; else a small number, the type of frame (src/execution/frame-constants.h of V8).
 */
#pragma once

enum v8_frame { V8_OTHER, V8_JS, V8_ENTRY, V8_WASM };

/* From rbp. */
#define V8_MARKER    8
#define V8_FUNCTION  16
#define V8_ENTRY_RBX 56 /* where JSEntry saves it: behind r12 to r15 */

/* Types of frames, doubled: they are tagged. */
#define V8_ENTRY_TYPE     (1 << 1)
#define V8_CONSTRUCT_TYPE (2 << 1)

/* In u->read: eight words of a SharedFunctionInfo, and */
#define V8_SHARED_WORDS 8
#define V8_SHARED       8 /* its address */
#define V8_BYTECODE     9 /* what lies in the frame where that of interpreted ones keep these */
#define V8_OFFSET       10
#define V8_MAP          11
#define V8_CODE         12 /* what runs next */
#define V8_CODE_WORDS   5

/* Code at a function's edges: its first bytes in words. */
#define V8_PUSH_MOVE 0xe5894855 /* push %rbp; mov %rsp,%rbp */
#define V8_MOVE      0xe58948
#define V8_RET       0xc3
#define V8_RET_POP   0xc2
#define V8_NEAR      (1ULL << 29) /* how far code is from code that it calls */

#define V8_REG_FUNCTION 14 /* rdi, in struct pt_regs: the function that is called */

#define V8_NUMBER(word) (!((word)&0xffffffff)) /* tagged as one */

/* Reads what a function is run by. */
static __always_inline bool v8_read_function(struct unwind_ctx *c, const struct pb_v8_image *v8,
					     __u64 function)
{
	struct unwind *u = &c->w->u;

	if (!(function & 1) ||
	    UNWIND_READ(c, &u->read[V8_SHARED], sizeof(u->read[0]),
			function - 1 + v8->function_shared) ||
	    !(u->read[V8_SHARED] & 1) ||
	    UNWIND_READ(c, u->read, V8_SHARED_WORDS * sizeof(u->read[0]), u->read[V8_SHARED] - 1))
		return false;
	/* Builtins have their number in place of something to be run. */
	return u->read[v8->shared_data & 7] & 1;
}

/* What kind of frame rbp points at; of one of JavaScript, what its function is. */
static __subprog int v8_frame(struct unwind_ctx *c, const struct pb_v8_image *v8)
{
	struct unwind *u = &c->w->u;
	__u64 fp = u->bp, function;

	if (fp & 7 || fp < u->sp || unwind_read(c, fp + v8->frame_bytecode - 8))
		return V8_OTHER;
	u->read[V8_OFFSET] = u->word;
	if (unwind_read(c, fp + v8->frame_bytecode))
		return V8_OTHER;
	u->read[V8_BYTECODE] = u->word;
	if (unwind_read(c, fp - V8_FUNCTION))
		return V8_OTHER;
	function = u->word;
	if (unwind_read(c, fp - V8_MARKER))
		return V8_OTHER;
	if (u->word == V8_ENTRY_TYPE || u->word == V8_CONSTRUCT_TYPE)
		return V8_ENTRY;
	if (!(u->word & 1))
		return u->word == (__u64)v8->frame_wasm << 1 ? V8_WASM : V8_OTHER;
	return v8_read_function(c, v8, function) ? V8_JS : V8_OTHER;
}

static __subprog int v8_put(struct unwind_ctx *c, const struct pb_v8_image *v8, __u64 where)
{
	struct unwind *u = &c->w->u;
	__u64 check = PB_V8_CHECK(u->read[v8->shared_name & 7], u->read[v8->shared_script & 7]);
	__u64 what = u->read[V8_SHARED] >> 3;

	what |= check << PB_V8_SHARED_ALL;
	where |= check >> PB_V8_LOW_BITS << (PB_V8_AT_ALL + 3);
	runtime_put(c->w, PB_RUNTIME_V8, what, where);
	return 0;
}

/* The bytecode that the frame at hand is at. */
static __always_inline __u64 v8_bytecode(const struct unwind *u, const struct pb_v8_image *v8)
{
	__u64 offset = u->read[V8_OFFSET];

	if (!V8_NUMBER(offset))
		return (__u64)PB_V8_STUB << PB_V8_AT_ALL;
	/* It counts from the array's tagged address. */
	offset = (offset >> 32) + 1 - v8->bytecode_data;
	return (offset & 0xffffffff) | (__u64)PB_V8_INTERPRETED << PB_V8_AT_ALL;
}

/* Does the frame at rbp keep its bytecode, as only those do that are not optimised? */
static __always_inline bool v8_has_bytecode(struct unwind_ctx *c, const struct pb_v8_image *v8)
{
	struct unwind *u = &c->w->u;
	__u64 array = u->read[V8_BYTECODE];

	u->read[V8_MAP] = 0;
	return array & 1 && !UNWIND_READ(c, &u->read[V8_MAP], sizeof(u->read[0]), array - 1) &&
	       u->read[V8_MAP] & 1 &&
	       !UNWIND_READ(c, &u->read[V8_MAP], sizeof(__u16),
			    u->read[V8_MAP] - 1 + v8->map_type) &&
	       (u->read[V8_MAP] & 0xffff) == v8->type_bytecode;
}

/*
 * At the leaf, in a builtin that has no frame: the frame is its caller's. That may be interpreted
 * code, whose bytecodes' handlers are such builtins; else the builtin returns there, most likely,
 * and user space verifies it.
 */
static __always_inline __u64 v8_caller(struct unwind_ctx *c, const struct pb_v8_image *v8)
{
	struct unwind *u = &c->w->u;

	if (V8_NUMBER(u->read[V8_OFFSET]) && v8_has_bytecode(c, v8))
		return v8_bytecode(u, v8);
	if (unwind_read(c, u->sp))
		return (__u64)PB_V8_STUB << PB_V8_AT_ALL;
	return PB_V8_AT(u->word) | (__u64)PB_V8_STUB << PB_V8_AT_ALL;
}

/* On to the caller. rbp is no guess here. */
static __subprog int v8_next(struct unwind_ctx *c, bool entry)
{
	struct unwind *u = &c->w->u;
	__u64 fp = u->bp;
	int end = unwind_by_rbp(c);

	if (end)
		return end;
	c->w->s.by_rbp--;
	if (entry) {
		u->bx_at = fp - V8_ENTRY_RBX;
		u->lost_bx = 0;
	}
	return 0;
}

/* Does a function's frame begin in the next 32 bytes of code? */
static __always_inline bool v8_begins(const struct unwind *u)
{
	__u64 hits = 0, word, next, d;

	for (int w = 0; w < V8_CODE_WORDS - 1; w++) {
		word = u->read[V8_CODE + w];
		next = u->read[V8_CODE + w + 1];
		for (int i = 0; i < 8; i++) {
			d = (word ^ V8_PUSH_MOVE) & 0xffffffff;
			hits |= d - 1;
			word = word >> 8 | next << 56;
			next >>= 8;
		}
	}
	return hits >> 63;
}

/*
 * At the leaf, where a function has not set up its frame yet, or has left it: reads the return
 * address into u->word. Where it was; 0: the function has its frame.
 */
static __subprog __u64 v8_unframed(struct unwind_ctx *c)
{
	struct unwind *u = &c->w->u;
	__u64 slot = u->sp, first;

	if (UNWIND_READ(c, &u->read[V8_CODE], V8_CODE_WORDS * sizeof(u->read[0]), u->ip))
		return 0;
	first = u->read[V8_CODE];
	if ((first & 0xffffff) == V8_MOVE)
		slot += 8;
	else if ((first & 0xff) != V8_RET && (first & 0xff) != V8_RET_POP && !v8_begins(u))
		return 0;
	if (unwind_read(c, slot) || u->word - u->ip + V8_NEAR >= 2 * V8_NEAR)
		return 0;
	return slot;
}

/* The leaf has no frame; its return address is in u->word. */
static __always_inline int v8_leave(struct unwind_ctx *c, const struct pb_unwind_rule *r,
				    const struct pb_v8_image *v8, __u64 slot)
{
	struct unwind *u = &c->w->u;
	__u64 caller = u->word, function = 0;

	if (!r && !unwind_register(c, V8_REG_FUNCTION))
		function = u->word;
	if (v8_read_function(c, v8, function))
		v8_put(c, v8, PB_V8_AT(u->ip) | (__u64)PB_V8_ENTERED << PB_V8_AT_ALL);
	else
		unwind_put_native(c->w, r);
	u->word = caller;
	u->lost_bx = 1;
	return unwind_enter(c->w, slot);
}

/* See runtime.bpf.h. There is a rule for builtins, none for what was compiled at run time. */
static __always_inline int v8_walk(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	union pb_runtime_image *image = runtime_image(&c->w->u, PB_RUNTIME_V8);
	struct unwind *u = &c->w->u;
	__u64 slot;
	int frame;

	if (!image || unwind_need_bp(c))
		return WAY_NATIVE;
	slot = u->is_return ? 0 : v8_unframed(c);
	if (slot)
		return v8_leave(c, r, &image->v8, slot);
	frame = v8_frame(c, &image->v8);
	if (frame == V8_OTHER && r && r->base != BASE_NONE)
		return WAY_NATIVE;
	if (frame == V8_JS && !r) {
		v8_put(c, &image->v8,
		       PB_V8_AT(u->ip) | (__u64)PB_V8_COMPILED << PB_V8_AT_ALL |
			   (__u64)u->is_return << (PB_V8_AT_ALL + 2));
	} else if (frame == V8_JS && u->is_return) {
		v8_put(c, &image->v8, v8_bytecode(u, &image->v8));
	} else if (frame == V8_WASM && !r) {
		runtime_put(c->w, PB_RUNTIME_V8, PB_V8_WASM, 0);
	} else {
		unwind_put_native(c->w, r);
		if (frame == V8_JS)
			v8_put(c, &image->v8, v8_caller(c, &image->v8));
	}
	return v8_next(c, frame == V8_ENTRY);
}

#ifdef UNWIND_OTHER_TASK
static __always_inline int v8_step(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	return v8_walk(c, r);
}
#else
/* Verified once a program, and not with all that may have come before. */
__weak int v8_walk_current(struct stack_work *w, const struct pb_unwind_rule *r)
{
	struct unwind_ctx c = { .w = w, .task = bpf_get_current_task_btf() };

	return w ? v8_walk(&c, r) : PB_END_REGISTER;
}

static __always_inline int v8_step(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	return v8_walk_current(c->w, r);
}
#endif
