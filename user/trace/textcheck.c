/* SPDX-License-Identifier: GPL-2.0-only */
/* The targets' text against its file. */
#include "trace/textcheck.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "target/pages.h"
#include "trace/objectfile.h"
#include "trace/plan.h"
#include "trace/process.h"
#include "trace/textprobe.h"

static const char changed[] =
    "its code was changed in memory: a probe would execute what the file has";
static const char foreign[] =
    "a breakpoint stands in its code that is not ours: a debugger's, or another tracer's";
static const char moved[] =
    "its code is not mapped from the file any more (moved to huge pages?): no probe can be there";

#define PAGE_BYTES 4096UL /* of x86-64 */

struct textcheck {
	struct plan *plan;
	const struct object_files *objects;
	struct text_probes list;
	bool *mapped; /* by object: a process has code of it mapped */
};

static void textcheck_done(struct textcheck *t)
{
	text_probes_done(&t->list);
	free(t->mapped);
}

/* A process whose text is being compared, and one page of it. */
struct reader {
	struct textcheck *t;
	uint32_t pid;
	struct pages pages;
	bool debugged, debugged_known;
	bool gone; /* its memory went while it was looked at */
	uint64_t page;
	uint32_t object;
	bool page_known;
	uint8_t memory[PAGE_BYTES], file[PAGE_BYTES];
};

static bool is_debugged(struct reader *r)
{
	char line[128], path[40];
	_cleanup_fclose_ FILE *f = NULL;

	if (r->debugged_known)
		return r->debugged;
	r->debugged_known = true;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", r->pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "TracerPid:", 10))
			r->debugged = strtoul(line + 10, NULL, 10) != 0;
	}
	return r->debugged;
}

/* Reads a page as the process has it, and as the file has it: zeros beyond its end. */
static int read_page(struct reader *r, const struct mapping *m, uint64_t page)
{
	int fd = r->t->objects->files.v[m->object]->fd, err;
	ssize_t got;

	if (r->page_known && r->page == page && r->object == m->object)
		return 0;
	r->page_known = false;
	err = pages_read(&r->pages, page, r->memory, sizeof(r->memory));
	if (err)
		return err;
	got = pread(fd, r->file, sizeof(r->file), (off_t)(page - m->start + m->offset));
	if (got < 0)
		return -errno;
	memset(r->file + got, 0, sizeof(r->file) - (size_t)got);
	r->page = page;
	r->object = m->object;
	r->page_known = true;
	return 0;
}

/* Compares `size` bytes, all on one page. A call that the kernel made of a nop stays on its page.
 */
static enum text_difference difference_on_page(struct reader *r, const struct mapping *m,
					       uint64_t addr, size_t size)
{
	uint64_t in_page = addr % PAGE_BYTES;
	enum page_kind kind;
	int err = pages_kind(&r->pages, addr, &kind);

	if (!err && kind != PAGE_PRIVATE)
		return TEXT_SAME;
	err = err ? err : read_page(r, m, addr - in_page);
	if (err == -ESRCH) {
		r->gone = true;
		return TEXT_SAME;
	}
	if (err) /* nobody can tell */
		return TEXT_CHANGED;
	return text_compare(&r->t->list, m->object, addr - m->start + m->offset,
			    r->memory + in_page, r->file + in_page, size, is_debugged(r));
}

/* Compares the part of a range that a mapping holds. */
static enum text_difference difference(struct reader *r, const struct mapping *m,
				       const struct text_range *range)
{
	uint64_t from = range->offset, to = range->offset + range->size;
	enum text_difference found = TEXT_SAME;

	if (from < m->offset)
		from = m->offset;
	if (to > m->offset + (m->end - m->start))
		to = m->offset + (m->end - m->start);
	while (from < to && found != TEXT_CHANGED && !r->gone) {
		uint64_t addr = m->start + (from - m->offset);
		size_t size = PAGE_BYTES - addr % PAGE_BYTES;
		enum text_difference here;

		if (size > to - from)
			size = to - from;
		here = difference_on_page(r, m, addr, size);
		if (here != TEXT_SAME)
			found = here;
		from += size;
	}
	return found;
}

static void refuse(struct textcheck *t, const struct text_range *range, const char *why)
{
	struct plan_node *node;

	if (range->node == TEXT_NO_NODE) {
		/* Done without, like those that the kernel refuses. */
		t->plan->hooks.v[range->hook].attached = true;
		return;
	}
	node = &t->plan->nodes.v[range->node];
	if (!node->refused)
		plan_add_skip(t->plan, node->object, node->name, why);
	node->refused = true;
}

static bool is_settled(const struct textcheck *t, const struct text_range *range)
{
	if (range->node == TEXT_NO_NODE)
		return t->plan->hooks.v[range->hook].attached;
	return t->plan->nodes.v[range->node].refused;
}

static void check_range(struct reader *r, const struct mapping *m, struct text_range *range)
{
	enum text_difference found;

	range->covered |=
	    range->offset >= m->offset && range->offset - m->offset < m->end - m->start;
	if (is_settled(r->t, range))
		return;
	found = difference(r, m, range);
	if (found != TEXT_SAME)
		refuse(r->t, range, found == TEXT_CHANGED ? changed : foreign);
}

static void check_process(struct textcheck *t, const struct process *proc)
{
	struct reader r = { .t = t, .pid = proc->pid };

	if (pages_open(proc->pid, &r.pages))
		return;
	vec_foreach (m, &proc->maps) {
		size_t i = text_ranges_from(&t->list, m->object, 0);

		for (; i < t->list.ranges.n && t->list.ranges.v[i].object == m->object && !r.gone;
		     i++) {
			t->mapped[m->object] = true;
			check_range(&r, m, &t->list.ranges.v[i]);
		}
	}
	pages_done(&r.pages);
}

static void check_all(struct textcheck *t, const struct processes *processes)
{
	vec_foreach (proc, &processes->all) {
		if ((*proc)->live && !(*proc)->gone && !(*proc)->kernel_thread)
			check_process(t, *proc);
	}
	vec_foreach (range, &t->list.ranges) {
		if (!range->covered && t->mapped[range->object] && !is_settled(t, range))
			refuse(t, range, moved);
	}
}

int textcheck_plan(struct plan *plan, const struct object_files *objects,
		   const struct processes *processes)
{
	_cleanup_(textcheck_done) struct textcheck t = { .plan = plan, .objects = objects };
	int err = text_probes_list(&t.list, plan, objects);

	err = err ? err : text_ranges_list(&t.list, plan, objects);
	if (err || !t.list.ranges.n)
		return err;
	t.mapped = calloc(objects->files.n, sizeof(*t.mapped));
	if (!t.mapped)
		return -ENOMEM;
	check_all(&t, processes);
	return 0;
}
