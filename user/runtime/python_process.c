/* SPDX-License-Identifier: GPL-2.0-only */
/* Gets to know CPython in a process. */
#include "runtime/python_process.h"

#include <errno.h>
#include <string.h>
#include <linux/types.h>

#include "bpf/wire.h"
#include "lib/vec.h"

#define INTERPRETERS_MAX 64
#define FRAMES_MAX       8 /* of a thread, until one has code */
#define TAG_MASK         7ULL

/*
 * Thread-specific data: glibc has the values of the first keys in struct pthread, those of the
 * others in blocks that are pointed to there: nptl/descr.h; musl has a pointer to all there.
 */
#define GLIBC_FIRST  0x310
#define GLIBC_BLOCKS 0x510
#define GLIBC_KEYS   32 /* in the first block, and each of the others; and so many blocks */
#define GLIBC_KEY    16 /* bytes: a sequence number, the value */
#define POINTERS_MAX 64 /* words of struct pthread that may be musl's pointer */
#define MUSL_KEYS    128

struct thread {
	uint64_t state, id;
};

typedef VEC(struct thread) thread_vec;

struct check {
	struct python_process *p;
	thread_vec threads;
	size_t frames, good; /* looked at; that have a code object */
};

/* Are the exported types those of the layout? A type is not to be trusted before it has a name. */
static int check_types(struct python_process *p, const char **why)
{
	const struct python_layout *l = p->layout;

	if (!python_is_type(p->memory, l, p->types.code, "code")) {
		*why = "PyCode_Type is not the type of code objects";
		return -EAGAIN;
	}
	if ((l->code_type_size &&
	     python_word(p->memory, p->types.code + l->type_size) != l->code_type_size) ||
	    (l->frame_type_size && p->frame_type &&
	     python_word(p->memory, p->frame_type + l->type_size) != l->frame_type_size)) {
		*why = "its code or frame objects have another size than this version's";
		return -EINVAL;
	}
	return 0;
}

/* The code object of a frame; 0: it has none. */
static uint64_t code_of(struct python_process *p, uint64_t frame)
{
	uint64_t code = python_word(p->memory, frame + p->layout->frame_code) & ~TAG_MASK;
	uint64_t type = code ? python_word(p->memory, code + p->layout->object_type) : 0;

	/* A program may have a copy of its own of a library's type. */
	if (type && type != p->types.code && python_is_type(p->memory, p->layout, type, "code"))
		p->types.code = type;
	return type && type == p->types.code ? code : 0;
}

static uint64_t top_frame(struct python_process *p, uint64_t state)
{
	const struct python_layout *l = p->layout;
	uint64_t cframe;

	if (!l->cframe_previous || l->thread_frame)
		return python_word(p->memory, state + l->thread_frame);
	cframe = python_word(p->memory, state + l->thread_cframe);
	return cframe ? python_word(p->memory, cframe + l->cframe_current) : 0;
}

/* Looks for the innermost frame that has code, and whether that is as it should be. */
static int check_frame(struct check *c, uint64_t state)
{
	struct python_code code = {};
	uint64_t frame = top_frame(c->p, state), at = 0;
	int err = 0;

	c->frames += frame != 0;
	for (int i = 0; frame && !at && i < FRAMES_MAX; i++) {
		at = code_of(c->p, frame);
		frame = python_word(c->p->memory, frame + c->p->layout->frame_previous);
	}
	if (!at)
		return 0;
	err = python_code_read(c->p->memory, c->p->layout, &c->p->types, at, &code);
	c->good += !err && code.file && code.table;
	python_code_done(&code);
	return err == -ENOMEM ? err : 0;
}

static int check_thread(struct check *c, uint64_t interp, uint64_t state)
{
	const struct python_layout *l = c->p->layout;
	struct thread t = { state, python_word(c->p->memory, state + l->thread_id) };

	if (python_word(c->p->memory, state + l->thread_interp) != interp)
		return -EINVAL;
	/* The C library's struct pthread begins with its own address. */
	if (t.id && python_word(c->p->memory, t.id) == t.id && vec_push(&c->threads, t))
		return -ENOMEM;
	return check_frame(c, state);
}

static int check_threads(struct check *c, const char **why)
{
	const struct python_process *p = c->p;
	const struct python_layout *l = p->layout;
	uint64_t interp = python_word(p->memory, p->runtime + l->interpreters);
	int err = interp ? 0 : -EAGAIN;

	*why = "it has not begun yet";
	for (int i = 0; !err && interp && i < INTERPRETERS_MAX; i++) {
		uint64_t state = python_word(p->memory, interp + l->interp_threads);

		c->p->main = interp; /* the last one of the list */
		for (int j = 0; !err && state && j < PYTHON_THREADS_MAX; j++) {
			err = check_thread(c, interp, state);
			state = python_word(p->memory, state + l->thread_next);
		}
		interp = python_word(p->memory, interp + l->interp_next);
	}
	if (err == -EINVAL)
		*why = "its threads are not where this version has them";
	return err == -EINVAL ? -EAGAIN : err;
}

/* Where a value stands among keys of glibc, in bytes; false: it does not. */
static bool find_in_block(const struct python_memory *m, uint64_t block, uint64_t value,
			  uint32_t *ret)
{
	uint64_t words[GLIBC_KEYS * GLIBC_KEY / 8];

	if (!block || python_read(m, block, words, sizeof(words)))
		return false;
	for (uint32_t i = 1; i < sizeof(words) / sizeof(words[0]); i += 2) {
		if (words[i] == value) {
			*ret = 8 * i;
			return true;
		}
	}
	return false;
}

static bool find_glibc(const struct python_memory *m, const struct thread *t,
		       struct python_slot *ret)
{
	uint32_t at;

	if (find_in_block(m, t->id + GLIBC_FIRST, t->state, &at)) {
		*ret = (struct python_slot){ PB_PYTHON_TLS_VALUE, GLIBC_FIRST + at, 0 };
		return true;
	}
	for (uint32_t i = 1; i < GLIBC_KEYS; i++) {
		uint64_t block = python_word(m, t->id + GLIBC_BLOCKS + 8 * i);

		if (find_in_block(m, block, t->state, &at)) {
			*ret =
			    (struct python_slot){ PB_PYTHON_TLS_POINTER, GLIBC_BLOCKS + 8 * i, at };
			return true;
		}
	}
	return false;
}

static bool find_musl(const struct python_memory *m, const struct thread *t,
		      struct python_slot *ret)
{
	for (uint32_t i = 1; i < POINTERS_MAX; i++) {
		uint64_t words[MUSL_KEYS], values = python_word(m, t->id + 8 * i);

		if (!values || values % 8 || python_read(m, values, words, sizeof(words)))
			continue;
		for (uint32_t j = 0; j < MUSL_KEYS; j++) {
			if (words[j] == t->state) {
				*ret = (struct python_slot){ PB_PYTHON_TLS_POINTER, 8 * i, 8 * j };
				return true;
			}
		}
	}
	return false;
}

static bool slot_holds(const struct python_memory *m, const struct python_slot *s,
		       const struct thread *t)
{
	uint64_t word = python_word(m, t->id + s->offset);

	if (s->kind == PB_PYTHON_TLS_POINTER)
		word = word ? python_word(m, word + s->second) : 0;
	return word == t->state;
}

/*
 * CPython has each thread's state under a key of thread-specific data, which it makes when it
 * begins, before any extension makes one. A thread with states of several interpreters has but one
 * of them there.
 */
static void find_slot(struct check *c)
{
	const struct python_memory *m = c->p->memory;
	size_t best = 0;

	c->p->slot = (struct python_slot){ .kind = PB_PYTHON_TLS_NONE };
	for (size_t i = c->threads.n; i-- > 0;) {
		const struct thread *t = &c->threads.v[i];
		struct python_slot slot;
		size_t holds = 0;

		if (!find_glibc(m, t, &slot) && !find_musl(m, t, &slot))
			continue;
		vec_foreach (other, &c->threads)
			holds += slot_holds(m, &slot, other);
		if (holds > best) {
			best = holds;
			c->p->slot = slot;
		}
		if (2 * holds > c->threads.n)
			return;
	}
}

int python_process_check(struct python_process *p, const char **why)
{
	struct check c = { .p = p };
	int err = check_types(p, why);

	err = err ? err : check_threads(&c, why);
	if (!err && !c.threads.n) {
		*why = "none of its threads is there yet";
		err = -EAGAIN;
	}
	if (!err && c.frames && !c.good) {
		*why = "its frames are not as in this version";
		err = -EAGAIN;
	}
	if (!err)
		find_slot(&c);
	vec_done(&c.threads);
	return err;
}
