/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of the ring become processes, events and counted stacks. */
#include "trace/collect.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/wire.h"
#include "trace/leaf.h"
#include "trace/plugins.h"
#include "trace/runtimes.h"

void collect_done(struct collect *c)
{
	vec_foreach (s, &c->stacks)
		free(s->frames);
	vec_foreach (e, &c->events)
		free(e->text);
	vec_done(&c->frames);
	vec_done(&c->stacks);
	vec_done(&c->cpu_counts);
	vec_done(&c->events);
	table_done(&c->frame_index);
	table_done(&c->stack_index);
	table_done(&c->by_id);
	exemplars_done(&c->exemplars);
	runtimes_free(c->runtimes);
	plugins_free(c->plugins);
	processes_done(&c->processes);
	object_files_done(&c->objects);
}

static uint32_t intern_frame(struct collect *c, const struct raw_frame *f)
{
	uint32_t i = table_find(&c->frame_index, f, sizeof(*f));

	if (i != TABLE_NONE)
		return i;
	if (vec_push(&c->frames, *f))
		return TABLE_NONE;
	i = (uint32_t)c->frames.n - 1;
	if (table_add(&c->frame_index, f, sizeof(*f), i))
		return TABLE_NONE;
	return i;
}

/* Code is replaced at run time: what lay there is asked while that is known. */
static void name_jit(struct collect *c, struct process *proc, struct raw_frame *f, uint64_t now_ns)
{
	struct runtime_frame named = {};
	struct code_place place;
	uint32_t name;

	if (f->place != PLACE_JIT || !proc ||
	    !process_jit_find(proc, f->offset - f->is_return, now_ns, &place))
		return;
	named.name = place.name;
	named.file = place.file;
	named.line = place.line;
	name = runtimes_add_name(c->runtimes, &named);
	if (name != TABLE_NONE)
		*f = (struct raw_frame){ .place = PLACE_JIT, .object = name + 1 };
}

static struct raw_frame locate(struct collect *c, struct process *proc, uint64_t addr, bool kernel,
			       bool is_return, uint64_t now_ns)
{
	struct raw_frame f = { .is_return = is_return, .offset = addr };
	const struct mapping *m;

	if (kernel) {
		f.place = PLACE_KERNEL;
		return f;
	}
	/* A call may be the last instruction of a mapping: look where the call is. */
	m = proc ? process_find(&c->processes, &c->objects, proc, addr - is_return, now_ns) : NULL;
	if (!m) {
		f.place = PLACE_UNKNOWN;
	} else if (m->object == OBJECT_NONE || mapping_is_jit(m)) {
		f.place = PLACE_JIT;
		f.pid = proc->pid;
	} else {
		f.place = PLACE_OBJECT;
		f.object = m->object;
		f.offset = addr - m->start + m->offset;
	}
	return f;
}

/* Frames under construction, with room before them for what else makes up a stack's key. */
#define KEY_WORDS 3

/* Inlined functions are frames too: there may be more of them than words. */
#define DRAFT_FRAMES (PB_FRAMES_MAX + 2 * PB_USER_WORDS + LEAF_CALLERS_MAX)

struct draft {
	struct raw_stack stack;
	uint32_t words[KEY_WORDS + DRAFT_FRAMES];
	bool failed; /* out of memory */
};

static uint32_t intern_stack(struct collect *c, struct draft *d)
{
	struct raw_stack s = d->stack;
	size_t key_size = (KEY_WORDS + s.n) * sizeof(d->words[0]);
	uint32_t i;

	d->words[0] = s.pid;
	d->words[1] = s.kernel;
	d->words[2] = (uint32_t)s.sound << 16 | (uint32_t)s.end << 8 | s.by_rbp << 3 | s.cut << 2 |
		      s.sampled << 1 | s.full;
	i = table_find(&c->stack_index, d->words, key_size);
	if (i != TABLE_NONE)
		return i;
	if (c->stacks.n >= COLLECT_STACKS_MAX && s.n) /* empty ones are few, and always needed */
		return TABLE_NONE;
	s.frames = malloc((s.n + 1) * sizeof(*s.frames));
	if (!s.frames)
		return TABLE_NONE;
	memcpy(s.frames, d->words + KEY_WORDS, s.n * sizeof(*s.frames));
	if (vec_push(&c->stacks, s)) {
		free(s.frames);
		return TABLE_NONE;
	}
	i = (uint32_t)c->stacks.n - 1;
	if (table_add(&c->stack_index, d->words, key_size, i) || vec_push(&c->cpu_counts, 0)) {
		free(s.frames);
		c->stacks.n--;
		return TABLE_NONE;
	}
	return i;
}

uint32_t collect_empty_stack(struct collect *c, uint32_t pid)
{
	struct draft d = { .stack = { .pid = pid, .full = true } };

	return intern_stack(c, &d);
}

static void draft_add(struct collect *c, struct draft *d, const struct raw_frame *f)
{
	uint32_t frame = d->stack.n < DRAFT_FRAMES ? intern_frame(c, f) : TABLE_NONE;

	if (frame == TABLE_NONE)
		d->failed = true;
	else
		d->words[KEY_WORDS + d->stack.n++] = frame;
}

/* A frame of the user's side that no runtime knows. */
static void draft_located(struct collect *c, struct draft *d, struct process *proc, uint64_t addr,
			  bool is_return, uint64_t now_ns)
{
	struct raw_frame f = locate(c, proc, addr, false, is_return, now_ns);

	name_jit(c, proc, &f, now_ns);
	draft_add(c, d, &f);
}

/* False: the runtime does not know. */
static bool draft_runtime(struct collect *c, struct draft *d, struct process *proc,
			  enum pb_runtime kind, const struct runtime_word *w)
{
	const uint32_t *names = NULL;
	int n = runtimes_frames(c->runtimes, proc, kind, w, &names);

	for (int i = 0; i < n; i++) {
		struct raw_frame f = { .place = PLACE_RUNTIME, .offset = names[i] };

		draft_add(c, d, &f);
	}
	return n >= 0;
}

static void draft_native(struct collect *c, struct draft *d, struct process *proc, uint64_t addr,
			 bool is_return, uint64_t now_ns)
{
	struct raw_frame f = locate(c, proc, addr, false, is_return, now_ns);
	struct runtime_word w = { .what = addr, .is_address = true, .is_return = is_return };

	if (f.place == PLACE_JIT && draft_runtime(c, d, proc, runtimes_jit(c->runtimes, proc), &w))
		return;
	name_jit(c, proc, &f, now_ns);
	draft_add(c, d, &f);
}

/* A frame of a runtime, from its two words; one that has no name is a frame all the same. */
static void draft_words(struct collect *c, struct draft *d, struct process *proc, uint64_t first,
			uint64_t second)
{
	struct runtime_word w = { .what = first & PB_WORD_PAYLOAD,
				  .where = second & PB_WORD_PAYLOAD };
	struct raw_frame f = { .place = PLACE_RUNTIME, .offset = UINT32_MAX };

	if (!draft_runtime(c, d, proc, PB_WORD_KIND(first), &w))
		draft_add(c, d, &f);
}

/* The user's side as BPF unwound it. Its root's part is a ring when not everything fitted. */
static void draft_unwound(struct collect *c, struct draft *d, struct process *proc,
			  const struct pb_stack *r)
{
	const uint64_t *words = (const uint64_t *)(r->ips + r->kernel);
	struct raw_frame gap = { .place = PLACE_SKIPPED };
	uint32_t ring = PB_USER_WORDS - PB_HEAD_WORDS;
	uint64_t first = 0;

	for (uint32_t i = 0; i < r->user; i++) {
		bool at_gap = i == PB_HEAD_WORDS && r->skipped;
		uint32_t at = i < PB_HEAD_WORDS || !r->skipped
				  ? i
				  : PB_HEAD_WORDS + (i - PB_HEAD_WORDS + r->skipped) % ring;
		uint64_t word = words[at];

		if (at_gap) {
			draft_add(c, d, &gap);
			first = 0;
		}
		if (!(word & PB_WORD_RUNTIME)) {
			draft_native(c, d, proc, word & ~PB_IP_EXACT, i && !(word & PB_IP_EXACT),
				     r->h.time_ns);
			first = 0;
		} else if (!(word & PB_WORD_SECOND)) {
			first = word;
		} else if (first && PB_WORD_KIND(first) == PB_WORD_KIND(word)) {
			draft_words(c, d, proc, first, word);
			first = 0;
		}
	}
	d->stack.by_rbp = r->by_rbp > 0;
}

/*
 * The user's side by frame pointers: the innermost frame, its callers as far as unwind information
 * tells, and what the frame pointers say beyond. BPF takes stacks for the same that differ only in
 * callers which frame pointers skip; so those of interned stacks are believed only if nobody is
 * missing.
 */
static void draft_chain(struct collect *c, struct draft *d, struct process *proc,
			const struct pb_stack *r)
{
	const uint64_t *ips = (const uint64_t *)(r->ips + r->kernel);
	struct leaf_stack leaf = { .ip = ips[0],
				   .sp = r->sp,
				   .bp = r->bp,
				   .top = (const uint64_t *)r->top,
				   .words = PB_TOP_WORDS,
				   .time_ns = r->h.time_ns };
	struct leaf_callers callers = { .follow_chain = true };

	draft_located(c, d, proc, ips[0], false, r->h.time_ns);
	if (proc && r->sp)
		callers = leaf_callers_find(c, proc, &leaf);
	if (r->h.kind != PB_SAMPLE && !callers.whole)
		callers.n = 0;
	for (uint32_t i = 0; i < callers.n; i++)
		draft_located(c, d, proc, callers.addrs[i], true, r->h.time_ns);
	d->stack.sound = callers.whole ? (uint8_t)(callers.n + 1) : 0;
	d->stack.cut = !callers.follow_chain && !callers.at_root;
	for (uint32_t i = 1; i < r->user && callers.follow_chain; i++)
		draft_located(c, d, proc, ips[i], true, r->h.time_ns);
}

static void add_stack(struct collect *c, const struct pb_stack *r, size_t size)
{
	struct draft d = { .stack = { .pid = r->h.pid, .sampled = r->h.kind == PB_SAMPLE } };
	struct process *proc;
	uint32_t stack;

	if (size < offsetof(struct pb_stack, ips) || r->kernel > PB_FRAMES_MAX ||
	    r->user > (r->end == PB_END_CHAIN ? PB_FRAMES_MAX : PB_USER_WORDS) ||
	    r->end >= PB_ENDS ||
	    size < offsetof(struct pb_stack, ips) + (r->kernel + r->user) * sizeof(r->ips[0])) {
		c->lost_events++;
		return;
	}
	proc = process_of(&c->processes, &c->objects, r->h.pid);
	if (proc && !proc->comm[0]) /* gone before its /proc could be read */
		memcpy(proc->comm, r->comm, sizeof(proc->comm) - 1);
	if (proc)
		proc->stacks_wanted = true;
	for (uint32_t i = 0; i < r->kernel; i++) {
		struct raw_frame f = locate(c, proc, r->ips[i], true, i != 0, r->h.time_ns);

		draft_add(c, &d, &f);
	}
	d.stack.kernel = d.stack.n;
	d.stack.end = (uint8_t)r->end;
	if (r->user && r->end == PB_END_CHAIN)
		draft_chain(c, &d, proc, r);
	else
		draft_unwound(c, &d, proc, r);
	d.stack.full = r->kernel == PB_FRAMES_MAX ||
		       (r->end == PB_END_CHAIN ? r->user == PB_FRAMES_MAX : r->end == PB_END_DEEP);
	stack = d.failed ? TABLE_NONE : intern_stack(c, &d);
	if (stack == TABLE_NONE) {
		c->lost_stacks++;
		stack = collect_empty_stack(c, r->h.pid);
	}
	if (r->h.kind == PB_SAMPLE) {
		c->samples++;
		if (stack != TABLE_NONE)
			c->cpu_counts.v[stack]++;
	} else if (stack != TABLE_NONE) {
		table_add(&c->by_id, &r->id, sizeof(r->id), stack);
	}
}

uint32_t collect_stack_by_id(const struct collect *c, uint64_t id)
{
	return table_find(&c->by_id, &id, sizeof(id));
}

void collect_began(struct collect *c, struct process *proc)
{
	if (!proc->live)
		c->live++;
	proc->live = proc->stacks_wanted = true;
}

void collect_ended(struct collect *c, struct process *proc)
{
	if (proc->live)
		c->live--;
	proc->live = false;
}

static void add_event(struct collect *c, const struct pb_process *r, const char *text)
{
	struct raw_event e = { .kind = r->h.kind,
			       .pid = r->h.pid,
			       .tid = r->h.tid,
			       .child = r->child,
			       .status = r->status,
			       .time_ns = r->h.time_ns };

	if (c->events.n >= COLLECT_EVENTS_MAX) {
		c->lost_events++;
		return;
	}
	e.text = text ? strdup(text) : NULL;
	if (vec_push(&c->events, e)) {
		free(e.text);
		c->lost_events++;
	}
}

static void add_process(struct collect *c, struct pb_process *r, size_t size)
{
	struct process *proc = NULL;
	const struct mapping *m;

	if (size < sizeof(*r)) {
		c->lost_events++;
		return;
	}
	r->comm[sizeof(r->comm) - 1] = r->file[sizeof(r->file) - 1] = '\0';
	if (r->h.kind != PB_FORK)
		proc = process_of(&c->processes, &c->objects, r->h.pid);
	switch (r->h.kind) {
	case PB_FORK:
		proc = process_fork(&c->processes, &c->objects, r->h.pid, r->child);
		if (proc)
			collect_began(c, proc);
		plugins_forked(c->plugins, r->h.pid, r->child, r->h.time_ns);
		break;
	case PB_EXEC:
		if (!proc)
			break;
		proc->ended = proc->gone = false;
		collect_began(c, proc);
		process_read_maps(&c->processes, &c->objects, proc, true);
		memcpy(proc->comm, r->comm, sizeof(proc->comm));
		if (proc->gone) { /* too short a life for /proc: the kernel's word will do */
			free(proc->exe);
			proc->exe = strdup(r->file);
		}
		plugins_executed(c->plugins, r->h.pid, r->h.time_ns);
		break;
	case PB_EXIT:
		if (!proc)
			break;
		if (!proc->comm[0])
			memcpy(proc->comm, r->comm, sizeof(proc->comm));
		collect_ended(c, proc);
		proc->ended = proc->gone = true;
		maps_done(&proc->maps); /* nothing of it will be looked up again */
		proc->status = r->status;
		plugins_ended(c->plugins, r->h.pid, r->h.time_ns);
		break;
	case PB_MMAP:
		if (!proc)
			break;
		process_read_maps(&c->processes, &c->objects, proc, false);
		m = maps_find(&proc->maps, r->addr);
		add_event(c, r, m ? m->path : NULL);
		return;
	default:
		break;
	}
	add_event(c, r, r->h.kind == PB_EXEC ? r->file : NULL);
}

void collect_record(struct collect *c, const void *data, size_t size)
{
	const struct pb_header *h = data;
	struct pb_process process;

	if (size < sizeof(*h)) {
		c->lost_events++;
		return;
	}
	if (h->time_ns > c->last_time_ns)
		c->last_time_ns = h->time_ns;
	switch (h->kind) {
	case PB_SAMPLE:
	case PB_STACK:
		add_stack(c, data, size);
		break;
	case PB_TIMELINE:
		exemplars_add(&c->exemplars, data, size);
		break;
	case PB_PLUGIN:
	case PB_PLUGIN_OBJECT:
	case PB_PLUGIN_CRASH:
	case PB_PLUGIN_CALL:
		c->lost_events += !plugins_record(c->plugins, c, data, size);
		break;
	case PB_FORK:
	case PB_EXEC:
	case PB_EXIT:
	case PB_MMAP:
		/* Copied: strings are terminated in place. */
		memcpy(&process, data, size < sizeof(process) ? size : sizeof(process));
		add_process(c, &process, size);
		break;
	default:
		c->lost_events++;
	}
}
