/* SPDX-License-Identifier: GPL-2.0-only */
/* Are the breakpoints still there? */
#include "trace/textwatch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/report.h"
#include "lib/clock.h"
#include "target/pages.h"
#include "trace/objectfile.h"
#include "trace/plan.h"
#include "trace/process.h"
#include "trace/textprobe.h"

#define TICK_NS       1000000000ULL
#define TICK_LONG_NS  2000000ULL   /* what a tick may take */
#define AFTER_LONG_NS 10000000ULL  /* … after an attach: ticks see to the rest */
#define LAST_LONG_NS  200000000ULL /* … at the end with bytes: then go by pages only */

struct textwatch {
	struct plan *plan;
	const struct object_files *objects;
	const struct processes *processes;
	struct text_probes list;
	VEC(uint32_t) probed; /* objects that the list has probes in */
	bool *mapped;         /* by object: a process has code of it mapped */
	uint64_t next_ns;     /* of ticks */
	size_t next_process;
};

/* A probe that seems to be missing. */
struct suspect {
	uint64_t addr;
	uint32_t node;
};

/* A look at the memory of one process. */
struct look {
	struct textwatch *w;
	struct pages pages;
	bool with_bytes;
	uint64_t page; /* address of the page in bytes[]; 1: none */
	uint8_t bytes[4096];
	VEC(struct suspect) suspects;
};

int textwatch_new(struct plan *plan, const struct object_files *objects,
		  const struct processes *processes, struct textwatch **ret)
{
	struct textwatch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->plan = plan;
	w->objects = objects;
	w->processes = processes;
	*ret = w;
	return 0;
}

void textwatch_free(struct textwatch *w)
{
	if (!w)
		return;
	text_probes_done(&w->list);
	vec_done(&w->probed);
	free(w->mapped);
	free(w);
}

static bool has_probes(const struct textwatch *w, uint32_t object)
{
	size_t i = text_probes_from(&w->list, object, 0);

	return i < w->list.probes.n && w->list.probes.v[i].object == object;
}

/* Is the node there to be missed? */
static bool is_watched(const struct textwatch *w, const struct text_probe *p)
{
	const struct plan_node *node;

	if (p->node == TEXT_NO_NODE)
		return false;
	node = &w->plan->nodes.v[p->node];
	return node->attached && !node->gone && !node->windowed;
}

/* Does a breakpoint stand there, or what the kernel made of it? Unreadable is no verdict. */
static bool has_breakpoint(struct look *l, uint64_t addr, const struct text_probe *p)
{
	uint64_t page = addr & ~(sizeof(l->bytes) - 1);
	uint8_t byte;

	if (page != l->page) {
		l->page = 1;
		if (pages_read(&l->pages, page, l->bytes, sizeof(l->bytes)))
			return true;
		l->page = page;
	}
	byte = l->bytes[addr - page];
	return byte == TEXT_BREAKPOINT_BYTE || (p->nop5 && byte == TEXT_CALL_BYTE);
}

/* 0, or a negative errno: there is nothing (more) to look at. */
static int look_at_mapping(struct look *l, const struct mapping *m)
{
	struct textwatch *w = l->w;
	size_t i = text_probes_from(&w->list, m->object, m->offset);
	int err = 0;

	if (has_probes(w, m->object))
		w->mapped[m->object] = true;
	for (; i < w->list.probes.n && w->list.probes.v[i].object == m->object && !err; i++) {
		struct text_probe *p = &w->list.probes.v[i];
		uint64_t addr = m->start + (p->offset - m->offset);
		struct suspect s = { .addr = addr, .node = p->node };
		enum page_kind kind;

		if (p->offset - m->offset >= m->end - m->start)
			break;
		p->covered = true;
		if (!is_watched(w, p))
			continue;
		err = pages_kind(&l->pages, addr, &kind);
		if (err || (kind == PAGE_PRIVATE && (!l->with_bytes || has_breakpoint(l, addr, p))))
			continue;
		err = vec_push(&l->suspects, s);
	}
	return err;
}

/* Lists what is missing at these mappings; nothing when the process goes meanwhile. */
static void look_at(struct look *l, uint32_t pid, const mapping_vec *maps)
{
	int err = 0;

	l->suspects.n = 0;
	l->page = 1;
	if (pages_open(pid, &l->pages))
		return;
	vec_foreach (m, maps)
		err = err || m->object == OBJECT_NONE ? err : look_at_mapping(l, m);
	if (err)
		l->suspects.n = 0;
	pages_done(&l->pages);
}

/* The mappings as they are now, their objects known if they are probed. */
static int read_maps(const struct textwatch *w, uint32_t pid, mapping_vec *ret)
{
	int err = maps_read_pid(pid, ret);

	if (err)
		return err;
	vec_foreach (m, ret) {
		m->object = OBJECT_NONE;
		vec_foreach (object, &w->probed) {
			const struct object_file *f = w->objects->files.v[*object];

			if (m->ino && f->ino == m->ino && f->dev == m->dev)
				m->object = *object;
		}
	}
	return 0;
}

static bool is_same(const struct mapping *a, const struct mapping *b)
{
	return a && b && a->start == b->start && a->offset == b->offset && a->dev == b->dev &&
	       a->ino == b->ino;
}

/* What is still mapped as it was when it was missed is missing. */
static void confirm(struct look *l, uint32_t pid, const mapping_vec *before)
{
	mapping_vec now = {};

	if (!l->suspects.n || maps_read_pid(pid, &now))
		return;
	vec_foreach (s, &l->suspects) {
		if (is_same(maps_find(before, s->addr), maps_find(&now, s->addr)))
			l->w->plan->nodes.v[s->node].gone = true;
	}
	maps_done(&now);
}

/*
 * The mappings that are known may be old: a process may have executed another program a moment
 * ago. What is missing by them is looked for in fresh ones.
 */
static void look_for_missing(struct textwatch *w, const struct process *proc, bool fresh,
			     bool with_bytes)
{
	struct look l = { .w = w, .with_bytes = with_bytes };
	mapping_vec maps = {};

	if (!fresh)
		look_at(&l, proc->pid, &proc->maps);
	if ((fresh || l.suspects.n) && !read_maps(w, proc->pid, &maps)) {
		look_at(&l, proc->pid, &maps);
		confirm(&l, proc->pid, &maps);
	}
	maps_done(&maps);
	vec_done(&l.suspects);
}

static bool is_looked_at(const struct textwatch *w, const struct process *proc)
{
	if (!proc->live || proc->gone || proc->kernel_thread)
		return false;
	vec_foreach (m, &proc->maps) {
		if (m->object != OBJECT_NONE && has_probes(w, m->object))
			return true;
	}
	return false;
}

static int list_probes(struct textwatch *w)
{
	int err = text_probes_list(&w->list, w->plan, w->objects);

	free(w->mapped);
	w->mapped = calloc(w->objects->files.n + 1, sizeof(*w->mapped));
	w->probed.n = 0;
	for (uint32_t i = 0; i < w->objects->files.n && !err; i++)
		err = has_probes(w, i) ? vec_push(&w->probed, i) : 0;
	if (!err && w->mapped)
		return 0;
	w->list.probes.n = 0; /* nothing is watched */
	return -ENOMEM;
}

int textwatch_attached(struct textwatch *w)
{
	uint64_t end_ns = clock_monotonic_ns() + AFTER_LONG_NS;
	int err = list_probes(w);

	for (size_t i = 0; i < w->processes->all.n && !err; i++) {
		if (clock_monotonic_ns() >= end_ns)
			break;
		if (is_looked_at(w, w->processes->all.v[i]))
			look_for_missing(w, w->processes->all.v[i], false, true);
	}
	w->next_ns = clock_monotonic_ns() + TICK_NS;
	return err;
}

void textwatch_tick(struct textwatch *w)
{
	uint64_t now_ns = clock_monotonic_ns(), end_ns = now_ns + TICK_LONG_NS;

	if (!w || !w->list.probes.n || now_ns < w->next_ns)
		return;
	w->next_ns = now_ns + TICK_NS;
	for (size_t n = w->processes->all.n; n && clock_monotonic_ns() < end_ns; n--) {
		const struct process *proc =
		    w->processes->all.v[w->next_process++ % w->processes->all.n];

		if (is_looked_at(w, proc))
			look_for_missing(w, proc, false, false);
	}
}

void textwatch_last(struct textwatch *w)
{
	uint64_t end_ns = clock_monotonic_ns() + LAST_LONG_NS;

	if (!w || !w->list.probes.n)
		return;
	vec_foreach (p, &w->list.probes)
		p->covered = false;
	vec_foreach (object, &w->probed)
		w->mapped[*object] = false;
	vec_foreach (proc, &w->processes->all) {
		if (is_looked_at(w, *proc))
			look_for_missing(w, *proc, true, clock_monotonic_ns() < end_ns);
	}
	/* Something else was mapped over it. */
	vec_foreach (p, &w->list.probes) {
		if (!p->covered && w->mapped[p->object] && is_watched(w, p))
			w->plan->nodes.v[p->node].gone = true;
	}
}

void textwatch_tell(const struct plan *plan, struct report *r)
{
	bool *entered = calloc(r->nodes.n + 1, sizeof(*entered));
	const char *first = NULL;
	char note[320];
	uint64_t n = 0;

	vec_foreach (p, &r->paths) {
		if (entered)
			entered[p->node] = true;
	}
	for (size_t i = 0; entered && i < plan->nodes.n && i < r->nodes.n; i++) {
		if (!plan->nodes.v[i].gone || !entered[i])
			continue;
		first = first ? first : plan->nodes.v[i].name;
		n++;
	}
	free(entered);
	if (!n)
		return;
	r->lost.spans += n;
	snprintf(note, sizeof(note),
		 "probes of %" PRIu64 " function%s, '%.100s'%s, were missing in memory (a page was "
		 "dropped or written to): of the calls that were not seen, one each counts as lost",
		 n, n == 1 ? "" : "s", first, n == 1 ? "" : " the first");
	vec_push(&r->notes, report_str(r, note));
}
