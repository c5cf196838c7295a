/* SPDX-License-Identifier: GPL-2.0-only */
/* What a plan probes, by place, and the text around it. */
#include "trace/textprobe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/insn.h"
#include "trace/objectfile.h"
#include "trace/plan.h"

static const uint8_t nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

void text_probes_done(struct text_probes *t)
{
	vec_done(&t->probes);
	vec_done(&t->ranges);
}

static int compare_keys(uint32_t a_object, uint64_t a_offset, uint32_t b_object, uint64_t b_offset)
{
	if (a_object != b_object)
		return a_object < b_object ? -1 : 1;
	return a_offset < b_offset ? -1 : a_offset > b_offset;
}

static int by_probe(const void *a, const void *b)
{
	const struct text_probe *x = a, *y = b;

	return compare_keys(x->object, x->offset, y->object, y->offset);
}

static int by_range(const void *a, const void *b)
{
	const struct text_range *x = a, *y = b;

	return compare_keys(x->object, x->offset, y->object, y->offset);
}

size_t text_probes_from(const struct text_probes *t, uint32_t object, uint64_t offset)
{
	size_t low = 0, high = t->probes.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct text_probe *p = &t->probes.v[middle];

		if (compare_keys(p->object, p->offset, object, offset) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t text_ranges_from(const struct text_probes *t, uint32_t object, uint64_t offset)
{
	size_t low = 0, high = t->ranges.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct text_range *r = &t->ranges.v[middle];

		if (compare_keys(r->object, r->offset, object, offset) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Bytes of the instruction there: what the kernel executes when a probe on it is hit. */
static uint64_t insn_size(int fd, uint64_t offset)
{
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	ssize_t got = pread(fd, bytes, sizeof(bytes), (off_t)offset);
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;

	if (got <= 0 || !insn_decoder_init(&decoder) ||
	    ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, (size_t)got, &in)))
		return 1;
	return in.length;
}

static bool is_in(const struct plan_node *node, uint64_t offset)
{
	return offset >= node->offset && offset - node->offset < node->size;
}

static int add_range(struct text_probes *t, uint32_t object, uint32_t node, uint64_t offset,
		     uint64_t size)
{
	struct text_range r = { .object = object, .node = node, .offset = offset, .size = size };

	if (r.size > TEXT_RANGE_MAX)
		r.size = TEXT_RANGE_MAX;
	return vec_push(&t->ranges, r);
}

/* The function and, elsewhere, single instructions. */
static int list_ranges(struct text_probes *t, const struct plan *plan, uint32_t id, int fd)
{
	const struct plan_node *node = &plan->nodes.v[id];
	int err = 0;

	if (node->how != PLAN_POINT)
		err = add_range(t, node->object, id, node->offset, node->size);
	for (uint32_t k = 0; k < node->sites && !err; k++) {
		uint64_t offset = plan->sites.v[node->first_site + k].offset;

		if (!is_in(node, offset))
			err = add_range(t, node->object, id, offset, insn_size(fd, offset));
	}
	for (uint32_t k = 0; k < node->places && !err; k++) {
		uint64_t offset = plan->places.v[node->first_place + k].offset;

		err = add_range(t, node->object, id, offset, insn_size(fd, offset));
	}
	return err;
}

static int list_probes(struct text_probes *t, const struct plan *plan, uint32_t id)
{
	const struct plan_node *node = &plan->nodes.v[id];
	struct text_probe p = { .object = node->object, .node = id, .attached = node->attached };
	int err = 0;

	if (node->how != PLAN_POINT) {
		p.offset = node->offset + node->entry.skip;
		p.nop5 = node->entry.class == SITE_NOP5;
		err = vec_push(&t->probes, p);
	}
	p.nop5 = false;
	for (uint32_t k = 0; k < node->sites && !err; k++) {
		p.offset = plan->sites.v[node->first_site + k].offset;
		err = vec_push(&t->probes, p);
	}
	p.nop5 = true;
	for (uint32_t k = 0; k < node->places && !err; k++) {
		p.offset = plan->places.v[node->first_place + k].offset;
		err = vec_push(&t->probes, p);
	}
	return err;
}

static bool is_listed(const struct plan_node *node, const struct object_files *objects)
{
	return !node->refused && node->object < objects->files.n;
}

int text_probes_list(struct text_probes *t, const struct plan *plan,
		     const struct object_files *objects)
{
	int err = 0;

	t->probes.n = 0;
	for (uint32_t i = 0; i < plan->nodes.n && !err; i++) {
		if (is_listed(&plan->nodes.v[i], objects))
			err = list_probes(t, plan, i);
	}
	vec_foreach (h, &plan->hooks) {
		struct text_probe p = { .object = h->object,
					.node = TEXT_NO_NODE,
					.offset = h->offset,
					.attached = h->attached };

		err = err ? err : vec_push(&t->probes, p);
	}
	if (!err && t->probes.n)
		qsort(t->probes.v, t->probes.n, sizeof(*t->probes.v), by_probe);
	return err;
}

static int list_hook_ranges(struct text_probes *t, const struct plan *plan,
			    const struct object_files *objects)
{
	int err = 0;

	for (uint32_t i = 0; i < plan->hooks.n && !err; i++) {
		const struct hook *h = &plan->hooks.v[i];
		int fd = h->object < objects->files.n ? objects->files.v[h->object]->fd : -1;

		if (h->attached || fd < 0)
			continue;
		err = add_range(t, h->object, TEXT_NO_NODE, h->offset, insn_size(fd, h->offset));
		if (!err)
			t->ranges.v[t->ranges.n - 1].hook = i;
	}
	return err;
}

int text_ranges_list(struct text_probes *t, const struct plan *plan,
		     const struct object_files *objects)
{
	int err = 0;

	t->ranges.n = 0;
	for (uint32_t i = 0; i < plan->nodes.n && !err; i++) {
		const struct plan_node *node = &plan->nodes.v[i];

		if (is_listed(node, objects) && !node->attached)
			err = list_ranges(t, plan, i, objects->files.v[node->object]->fd);
	}
	if (!err && plan->nodes.n) /* hooks alone are not attached */
		err = list_hook_ranges(t, plan, objects);
	if (!err && t->ranges.n)
		qsort(t->ranges.v, t->ranges.n, sizeof(*t->ranges.v), by_range);
	return err;
}

/*
 * How many bytes a probe explains that differ from the file; 0: none. Where the kernel has a probe
 * on a nop of five bytes, it may be a call by now, of which it changes one end before the other.
 */
static size_t explained(const struct text_probe *p, const uint8_t *memory, const uint8_t *file,
			size_t left, bool debugged)
{
	bool was_nop5 = left >= sizeof(nop5) && !memcmp(file, nop5, sizeof(nop5));

	if (p->attached && was_nop5 &&
	    (*memory == TEXT_BREAKPOINT_BYTE || *memory == TEXT_CALL_BYTE))
		return sizeof(nop5);
	return *memory == TEXT_BREAKPOINT_BYTE && (p->attached || !debugged);
}

enum text_difference text_compare(const struct text_probes *t, uint32_t object, uint64_t offset,
				  const uint8_t *memory, const uint8_t *file, size_t size,
				  bool debugged)
{
	enum text_difference found = TEXT_SAME;
	size_t i = 0;

	while (i < size) {
		size_t at, skip = 0;

		if (memory[i] == file[i]) {
			i++;
			continue;
		}
		at = text_probes_from(t, object, offset + i);
		for (; at < t->probes.n && t->probes.v[at].object == object &&
		       t->probes.v[at].offset == offset + i && !skip;
		     at++)
			skip =
			    explained(&t->probes.v[at], memory + i, file + i, size - i, debugged);
		if (!skip && memory[i] != TEXT_BREAKPOINT_BYTE)
			return TEXT_CHANGED;
		if (!skip)
			found = TEXT_BREAKPOINT;
		i += skip ? skip : 1;
	}
	return found;
}
