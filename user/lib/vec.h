/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Growing arrays of any type:  VEC(struct frame) frames = {};  vec_push(&frames, frame);
 * Elements move when the array grows: keep indices, not pointers.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *v;                                                                           \
		size_t n, cap;                                                                     \
	}

/* Makes room for `more` further elements of `size` bytes; 0 or -ENOMEM. */
static inline int vec_grow_(void **v, size_t n, size_t *cap, size_t more, size_t size)
{
	size_t want = *cap ? *cap : 8;
	void *p;

	if (n + more <= *cap)
		return 0;
	while (want < n + more)
		want *= 2;
	p = reallocarray(*v, want, size);
	if (!p)
		return -ENOMEM;
	*v = p;
	*cap = want;
	return 0;
}

#define vec_reserve(vec, more)                                                                     \
	vec_grow_((void **)&(vec)->v, (vec)->n, &(vec)->cap, (more), sizeof(*(vec)->v))

/* Appends one element; 0 or -ENOMEM. */
#define vec_push(vec, ...)                                                                         \
	({                                                                                         \
		int err_ = vec_reserve((vec), 1);                                                  \
		if (!err_)                                                                         \
			(vec)->v[(vec)->n++] = (__VA_ARGS__);                                      \
		err_;                                                                              \
	})

/* Iterates with `it` pointing at each element. */
#define vec_foreach(it, vec)                                                                       \
	for (__typeof__((vec)->v + 0) it = (vec)->v; it < (vec)->v + (vec)->n; it++)

/* Releases the array (not what its elements own) and empties it. */
#define vec_done(vec)                                                                              \
	do {                                                                                       \
		free((vec)->v);                                                                    \
		(vec)->v = NULL;                                                                   \
		(vec)->n = (vec)->cap = 0;                                                         \
	} while (0)
