/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Frames of CPython. They are a list that the thread's state leads to, innermost first; each
 * activation of the eval loop, a native frame with our mark, runs some of them. From 3.10 on it
 * has something on the native stack that the list, or another one, comes by: that address tells
 * where among the native frames the frames belong. Part of runtime.bpf.h.
 */
#pragma once

#define PYTHON_FRAMES_MAX 4096 /* of a stack */
#define PYTHON_STATES_MAX 512  /* interpreters and threads that are searched */

/* In u->at: */
enum python_at {
	PY_FRAME,  /* the next one; 0: there are no more */
	PY_TOLD,   /* the address on the native stack up to which they were told; 0: unknown */
	PY_CFRAME, /* of the next frame's activation */
	PY_COUNT,  /* frames seen, and 1; 0: nothing was looked for yet */
	PY_END,    /* where the native frame at hand ends */
	PY_INTERP, /* cursors */
	PY_STATE,
	PY_OWN, /* the state that was taken at first */
	PY_SEARCHED,
	PY_BASE, /* the frame that ends the list; 0: none does */
};

struct python_walk {
	struct unwind_ctx c;
	const struct pb_python_image *p;
};

/* The rest is unknown. */
static __always_inline void python_lose(struct python_walk *k)
{
	struct unwind *u = &k->c.w->u;

	runtime_put(k->c.w, PB_RUNTIME_PYTHON, 0, 0);
	u->at[PY_FRAME] = u->at[PY_TOLD] = 0;
}

/* Where frames begin that an activation has a CFrame for. */
static __always_inline void python_enter(struct python_walk *k)
{
	struct unwind *u = &k->c.w->u;
	__u64 cframe = u->at[PY_CFRAME];

	if (k->p->word_current == PB_PYTHON_NONE)
		return;
	if (!cframe)
		u->at[PY_FRAME] = 0;
	else if (UNWIND_READ(&k->c, u->bytes, 24, cframe))
		python_lose(k);
	else
		u->at[PY_FRAME] = u->read[k->p->word_current & 3];
}

/* Goes from one activation to the one outside it. */
static __always_inline void python_leave(struct python_walk *k)
{
	struct unwind *u = &k->c.w->u;

	if (UNWIND_READ(&k->c, u->bytes, 24, u->at[PY_CFRAME])) {
		python_lose(k);
		return;
	}
	u->at[PY_CFRAME] = u->read[k->p->word_cframe_previous & 3];
	python_enter(k);
}

/* Begins with the frames of a thread's state. */
static __subprog int python_load(struct python_walk *k, __u64 state)
{
	const struct pb_python_image *p = k->p;
	struct unwind *u = &k->c.w->u;

	if (UNWIND_READ(&k->c, &u->at[PY_FRAME], 8, state + p->thread_frame))
		u->at[PY_FRAME] = 0;
	if (p->thread_base && UNWIND_READ(&k->c, &u->at[PY_BASE], 8, state + p->thread_base))
		u->at[PY_BASE] = 0;
	if (p->mode != PB_PYTHON_CFRAME)
		return 0;
	if (UNWIND_READ(&k->c, &u->at[PY_CFRAME], 8, state + p->thread_cframe))
		u->at[PY_FRAME] = u->at[PY_CFRAME] = 0;
	else
		python_enter(k);
	return 0;
}

/* The thread's state as the thread itself finds it; 0: that is not known, or it has none. */
static __always_inline __u64 python_own_state(struct python_walk *k)
{
	const struct pb_python_image *p = k->p;
	struct unwind *u = &k->c.w->u;

	if (p->tls == PB_PYTHON_TLS_NONE ||
	    UNWIND_READ(&k->c, &u->word, 8, u->fs_base + p->tls_offset))
		return 0;
	if (u->word && p->tls == PB_PYTHON_TLS_POINTER &&
	    UNWIND_READ(&k->c, &u->word, 8, u->word + p->tls_second))
		return 0;
	return u->word;
}

/* Are the next frames those of the native frame at hand? Where nothing tells: they may be. */
static __always_inline bool python_fits(struct python_walk *k)
{
	struct unwind *u = &k->c.w->u;
	__u64 at = u->at[PY_CFRAME];

	return u->at[PY_FRAME] &&
	       (k->p->mode != PB_PYTHON_CFRAME || (at >= u->sp && at < u->at[PY_END]));
}

/* One interpreter or state of a thread. */
static long python_candidate(__u32 i, struct python_walk *k)
{
	const struct pb_python_image *p = k->p;
	struct unwind *u = &k->c.w->u;
	__u64 at = u->at[PY_STATE];

	if (!at) {
		at = u->at[PY_INTERP];
		if (!at || UNWIND_READ(&k->c, &u->at[PY_STATE], 8, at + p->interp_threads) ||
		    UNWIND_READ(&k->c, &u->at[PY_INTERP], 8, at + p->interp_next)) {
			u->at[PY_INTERP] = 0;
			return 1;
		}
		return 0;
	}
	if (UNWIND_READ(&k->c, &u->at[PY_STATE], 8, at + p->thread_next) ||
	    UNWIND_READ(&k->c, &u->word, 8, at + p->thread_id)) {
		u->at[PY_STATE] = 0;
		return 0;
	}
	if (u->word != u->fs_base || at == u->at[PY_OWN])
		return 0;
	python_load(k, at);
	if (python_fits(k))
		return 1;
	u->at[PY_FRAME] = 0;
	return 0;
}

/*
 * Among all states of the thread, one an interpreter, the one whose frames come next. A newer
 * interpreter was called by an older one: where nothing else tells, the search goes on from there.
 */
static __always_inline int python_search(struct python_walk *k)
{
	struct unwind *u = &k->c.w->u;

	u->at[PY_FRAME] = 0;
	if (k->p->mode == PB_PYTHON_CFRAME || !u->at[PY_SEARCHED]) {
		u->at[PY_STATE] = 0;
		if (UNWIND_READ(&k->c, &u->at[PY_INTERP], 8, k->p->interpreters))
			u->at[PY_INTERP] = 0;
	}
	u->at[PY_SEARCHED] = 1;
	bpf_loop(PYTHON_STATES_MAX, python_candidate, k, 0);
	return 0;
}

/* Is the thread's own state not the only one that it may have? */
static __always_inline bool python_has_more(struct python_walk *k)
{
	struct unwind *u = &k->c.w->u;

	return k->p->tls == PB_PYTHON_TLS_NONE ||
	       UNWIND_READ(&k->c, &u->word, 8, k->p->interpreters) || u->word != k->p->main;
}

/* Finds the frames of the native frame at hand, where its activation is not the next one. */
static __always_inline int python_find(struct python_walk *k)
{
	struct unwind *u = &k->c.w->u;
	__u64 state;

	if (!u->at[PY_COUNT]) {
		u->at[PY_COUNT] = 1;
		state = python_own_state(k);
		if (state)
			python_load(k, state);
		if (k->p->mode != PB_PYTHON_ONE && python_fits(k)) {
			u->at[PY_OWN] = state;
			return 0;
		}
	}
	if (python_has_more(k))
		python_search(k);
	return 0;
}

/* Puts a frame by its code object; 0 in both words: it could not be read. */
static __always_inline void python_put(struct python_walk *k, __u64 code, __u64 instr)
{
	const struct pb_python_image *p = k->p;
	struct unwind *u = &k->c.w->u;
	__u64 where = 0;

	if (UNWIND_READ(&k->c, u->bytes, p->code_size, code) ||
	    u->read[p->word_type & 31] != p->code_type) {
		code = 0;
	} else {
		if (p->code_instrs)
			where = (__s64)(instr - code - p->code_instrs) >> 1;
		else
			where = (__s64)(__s32)instr >> p->instr_shift;
		where = (where + 1) & ((1 << PB_PYTHON_INSTR_BITS) - 1);
		where |= (__u64)pb_python_check(
			     ((__u32 *)u->bytes)[p->half_line & 63], u->read[p->word_name & 31],
			     u->read[p->word_qualname & 31], u->read[p->word_file & 31],
			     u->read[p->word_table & 31])
			 << PB_PYTHON_INSTR_BITS;
	}
	runtime_put(k->c.w, PB_RUNTIME_PYTHON, code, where);
}

/* One frame; 1: it is its activation's last; -1: it could not be read. */
static __always_inline int python_frame(struct python_walk *k, __u64 frame)
{
	const struct pb_python_image *p = k->p;
	struct unwind *u = &k->c.w->u;
	__u64 code, instr;
	bool ends;

	if (UNWIND_READ(&k->c, u->bytes, p->frame_size & 127, frame))
		return -1;
	ends = u->bytes[p->frame_end & 127] >= p->end_min;
	code = u->read[p->word_code & 15] & ~7ULL; /* tagged in 3.14 */
	instr = u->read[p->word_instr & 15];
	u->at[PY_FRAME] = u->read[p->word_previous & 15];
	if (u->at[PY_FRAME] == u->at[PY_BASE])
		u->at[PY_FRAME] = 0;
	if (!ends || !p->skips_end)
		python_put(k, code, instr);
	return ends;
}

/* One frame; 1: those of the native frame at hand have all been told. */
static long python_next(__u32 i, struct python_walk *k)
{
	const struct pb_python_image *p = k->p;
	struct unwind *u = &k->c.w->u;
	__u64 frame = u->at[PY_FRAME];
	int ends;

	if (!frame)
		return 1;
	ends = u->at[PY_COUNT]++ > PYTHON_FRAMES_MAX ? -1 : python_frame(k, frame);
	if (!ends)
		return 0;
	if (ends < 0)
		python_lose(k);
	if (ends < 0 && p->mode != PB_PYTHON_CFRAME)
		return 1;
	if (p->mode == PB_PYTHON_ONE)
		return 1;
	u->at[PY_TOLD] = frame;
	if (p->mode == PB_PYTHON_CFRAME) {
		u->at[PY_TOLD] = u->at[PY_CFRAME];
		python_leave(k);
	}
	return u->at[PY_TOLD] >= u->sp;
}

/*
 * An activation that has only begun is not in the list yet; then the frames of the next one are
 * told here, and not again there. One that is beyond the end of the list has not called what is at
 * hand: it lies where a greenlet's stack happened to be begun.
 */
static __subprog int python_step(struct unwind_ctx *c, struct pb_unwind_rule *r)
{
	struct unwind *u = &c->w->u;
	union pb_runtime_image *image = runtime_image(u, PB_RUNTIME_PYTHON);
	struct python_walk k = { .c = *c };

	if (!image || u->at[PY_TOLD] >= u->sp)
		return WAY_NATIVE;
	k.p = &image->python;
	u->at[PY_END] = ~0ULL;
	if (r && r->base == BASE_REG && !unwind_register(c, r->reg))
		u->at[PY_END] = u->word + r->offset;
	if (!u->at[PY_FRAME])
		python_find(&k);
	if (u->at[PY_FRAME])
		bpf_loop(PYTHON_FRAMES_MAX, python_next, &k, 0);
	else if (u->at[PY_TOLD])
		return PB_END_DONE;
	return WAY_NATIVE;
}
