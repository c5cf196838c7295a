/* SPDX-License-Identifier: GPL-2.0-only */
/* Recorded traces, kept. */
#include "trace/exemplars.h"

#include <linux/types.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/wire.h"

void exemplars_done(struct exemplars *e)
{
	vec_foreach (x, &e->v)
		free(x->timeline);
	vec_done(&e->v);
}

/* Gives up the older half of what may go. */
static void drop_half(struct exemplars *e, bool sampled_only)
{
	size_t kept = 0, half = e->v.n / 2;

	for (size_t i = 0; i < e->v.n; i++) {
		struct exemplar *x = &e->v.v[i];
		bool worthy = x->timeline->why & (PB_WHY_SLOW | PB_WHY_FAILED);

		if (i < half && !(sampled_only && worthy)) {
			e->bytes -= x->size;
			e->dropped++;
			free(x->timeline);
		} else {
			e->v.v[kept++] = *x;
		}
	}
	e->v.n = kept;
}

static bool is_sound(const struct pb_timeline *t, size_t size)
{
	size_t head = offsetof(struct pb_timeline, slices);

	return size >= head && t->n >= 1 && t->n <= PB_SLICES_MAX &&
	       size >= head + t->n * sizeof(struct pb_slice) && t->args_len <= PB_ARG_BYTES;
}

void exemplars_add(struct exemplars *e, const void *data, size_t size)
{
	struct exemplar x = { .size = (uint32_t)size };

	e->received++;
	if (size > sizeof(struct pb_timeline) || !is_sound(data, size)) {
		e->broken++;
		return;
	}
	if (e->bytes + size > EXEMPLARS_BYTES_MAX)
		drop_half(e, true);
	if (e->bytes + size > EXEMPLARS_BYTES_MAX)
		drop_half(e, false);
	x.timeline = malloc(size);
	if (!x.timeline || vec_push(&e->v, x)) {
		free(x.timeline);
		e->dropped++;
		return;
	}
	memcpy(x.timeline, data, size);
	e->bytes += size;
}
