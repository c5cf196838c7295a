/* SPDX-License-Identifier: GPL-2.0-only */
/* Lays out recorded traces. */
#include "view/timeline.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"

/* An open slice. */
struct level {
	uint32_t slice;
	uint64_t filled_ns; /* where its last child ended */
};

struct nesting {
	const struct trace *t;
	struct timeline_slice *slices;
	struct level *levels; /* owned: the first stands for everything, those of slices follow */
	uint32_t open;        /* slices that are open */
};

static void nesting_done(struct nesting *n)
{
	free(n->levels);
}

static uint64_t end_of(const struct slice *s)
{
	if (s->kind == SLICE_INSTANT)
		return s->start_ns;
	return s->duration_ns > UINT64_MAX - s->start_ns ? UINT64_MAX
							 : s->start_ns + s->duration_ns;
}

/* A parent stands before its child: whatever else was recorded, the walk ends. */
static uint32_t recorded_parent(const struct trace *t, uint32_t i)
{
	uint32_t parent = t->slices.v[i].parent;

	return parent < i ? parent : REPORT_NONE;
}

static bool is_open(const struct nesting *n, uint32_t i)
{
	uint32_t depth = n->slices[i].depth;

	return depth < n->open && n->levels[depth + 1].slice == i;
}

/* How many of the open slices are around slice i by what was recorded. */
static uint32_t open_around(const struct nesting *n, uint32_t i)
{
	uint32_t parent = recorded_parent(n->t, i);

	while (parent != REPORT_NONE && !is_open(n, parent))
		parent = recorded_parent(n->t, parent);
	return parent == REPORT_NONE ? 0 : n->slices[parent].depth + 1;
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

static void place(struct nesting *n, uint32_t i)
{
	uint64_t start = n->t->slices.v[i].start_ns, end = end_of(&n->t->slices.v[i]);
	uint64_t limit = UINT64_MAX;
	uint32_t around = open_around(n, i);
	struct level *level;

	for (; n->open > around; n->open--) {
		const struct timeline_slice *top = &n->slices[n->levels[n->open].slice];

		if (start >= top->start_ns && start < top->end_ns && end <= top->end_ns)
			break;
	}
	level = &n->levels[n->open];
	if (n->open)
		limit = n->slices[level->slice].end_ns;
	start = clamp(start, level->filled_ns, limit);
	end = clamp(end, start, limit);
	level->filled_ns = end;
	n->slices[i] = (struct timeline_slice){ .start_ns = start,
						.end_ns = end,
						.parent = n->open ? level->slice : REPORT_NONE,
						.depth = n->open };
	/* Nothing stands within an instant. */
	if (n->t->slices.v[i].kind != SLICE_INSTANT)
		n->levels[++n->open] = (struct level){ .slice = i, .filled_ns = start };
}

int timeline_nest(const struct trace *t, struct timeline_slice *ret)
{
	_cleanup_(nesting_done) struct nesting n = { .t = t, .slices = ret };

	n.levels = calloc(t->slices.n + 1, sizeof(*n.levels));
	if (!n.levels)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->slices.n; i++)
		place(&n, i);
	return 0;
}

uint64_t timeline_start(const struct trace *t)
{
	uint64_t start = t->slices.n ? UINT64_MAX : 0;

	vec_foreach (s, &t->slices) {
		if (s->start_ns < start)
			start = s->start_ns;
	}
	return start;
}

uint64_t timeline_end(const struct trace *t)
{
	uint64_t end = 0;

	vec_foreach (s, &t->slices) {
		if (end_of(s) > end)
			end = end_of(s);
	}
	return end;
}

struct length {
	uint64_t ns;
	uint32_t trace;
};

static int by_length(const void *a, const void *b)
{
	const struct length *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	return x->trace < y->trace ? -1 : x->trace > y->trace;
}

uint32_t *timeline_by_length(const struct report *r)
{
	_cleanup_free_ struct length *lengths = calloc(r->traces.n + 1, sizeof(*lengths));
	uint32_t *traces = calloc(r->traces.n + 1, sizeof(*traces));

	if (!lengths || !traces) {
		free(traces);
		return NULL;
	}
	for (uint32_t i = 0; i < r->traces.n; i++) {
		const struct trace *t = &r->traces.v[i];

		lengths[i] = (struct length){ timeline_end(t) - timeline_start(t), i };
	}
	qsort(lengths, r->traces.n, sizeof(*lengths), by_length);
	for (size_t i = 0; i < r->traces.n; i++)
		traces[i] = lengths[i].trace;
	return traces;
}

/* The first lane of the trace's thread that is free when it starts, or a new one. */
static int find_lane(struct timeline_lanes *l, const struct trace *t, uint32_t *ret)
{
	uint64_t start = timeline_start(t);
	uint32_t taken = 0;

	for (uint32_t i = 0; i < l->v.n; i++) {
		const struct timeline_lane *lane = &l->v.v[i];

		if (lane->pid != t->pid || lane->tid != t->tid)
			continue;
		if (lane->end_ns <= start) {
			*ret = i;
			return 0;
		}
		taken++;
	}
	*ret = (uint32_t)l->v.n;
	return vec_push(&l->v,
			(struct timeline_lane){
			    .pid = t->pid, .tid = t->tid, .number = taken, .thread = t->thread });
}

int timeline_lanes_init(struct timeline_lanes *l, const struct report *r)
{
	*l = (struct timeline_lanes){};
	l->of_trace = calloc(r->traces.n + 1, sizeof(*l->of_trace));
	if (!l->of_trace)
		return -ENOMEM;
	for (size_t i = 0; i < r->traces.n; i++) {
		const struct trace *t = &r->traces.v[i];
		uint32_t lane;
		int err;

		l->of_trace[i] = REPORT_NONE;
		if (!t->slices.n)
			continue;
		err = find_lane(l, t, &lane);
		if (err)
			return err;
		l->of_trace[i] = lane;
		l->v.v[lane].end_ns = timeline_end(t);
		if (!l->v.v[lane].thread)
			l->v.v[lane].thread = t->thread;
	}
	return 0;
}

void timeline_lanes_done(struct timeline_lanes *l)
{
	vec_done(&l->v);
	free(l->of_trace);
	l->of_trace = NULL;
}

uint32_t timeline_cause(const struct report *r, const struct trace *t)
{
	if (t->cause >= r->traces.n || &r->traces.v[t->cause] == t || !t->cause_kind ||
	    !r->traces.v[t->cause].slices.n || !t->slices.n)
		return REPORT_NONE;
	return t->cause;
}

const char *timeline_why(unsigned int bit)
{
	static const char *const names[] = { "slow", "failed", "sampled", "linked" };

	return bit < sizeof(names) / sizeof(names[0]) ? names[bit] : NULL;
}

void timeline_format_why(struct buf *b, const struct trace *t)
{
	size_t start = b->len;
	const char *name;

	for (unsigned int bit = 0; (name = timeline_why(bit)); bit++) {
		if (t->why & 1u << bit)
			buf_printf(b, "%s%s", b->len > start ? ", " : "", name);
	}
}

const char *timeline_kind(enum slice_kind kind)
{
	static const char *const names[] = { [SLICE_SPAN] = "span",
					     [SLICE_SYSCALL] = "syscall",
					     [SLICE_OFFCPU] = "offcpu",
					     [SLICE_INSTANT] = "instant" };

	return names[kind];
}
