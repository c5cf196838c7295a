/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames, stacks and paths as text: the folded format's rules. */
#include "data/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void name_format(struct buf *b, const char *name)
{
	size_t start = b->len;

	text_clean(b, name);
	for (size_t i = start; i < b->len; i++) {
		/* Rust's "<[u8; 4] as T>::f" is honest. */
		if (b->data[i] == ';')
			b->data[i] = ':';
	}
}

/*
 * A last frame that ends in a space and a number would be taken for a second count by
 * flamegraph.pl (its format for differences): joins the two.
 */
static void join_number(struct buf *b, size_t start)
{
	size_t i = b->len;

	while (i > start && strchr("0123456789.", b->data[i - 1]))
		i--;
	if (i < b->len && i > start && b->data[i - 1] == ' ')
		b->data[i - 1] = '_';
}

/* "[libc.so.6+0x1234]"; "[kernel]" and "[vdso]" bring brackets of their own. */
static void add_address(struct buf *b, const struct report *r, const struct frame *f)
{
	const char *name = f->object < r->objects.n ? r->objects.v[f->object].name : "";
	size_t len;

	if (!name[0]) {
		buf_add_str(b, "[unknown]");
		return;
	}
	buf_add_char(b, '[');
	name_format(b, name + (name[0] == '['));
	len = strlen(name);
	if (name[0] == '[' && len > 1 && name[len - 1] == ']')
		b->data[--b->len] = '\0';
	buf_printf(b, "+0x%" PRIx64 "]", f->offset);
}

void frame_format(struct buf *b, const struct report *r, uint32_t frame)
{
	const struct frame *f = frame < r->frames.n ? &r->frames.v[frame] : NULL;
	size_t start = b->len;

	if (!f) {
		buf_add_str(b, "[unknown]");
		return;
	}
	if (f->kind == FRAME_TRUNCATED) {
		buf_add_str(b, "[truncated]");
		return;
	}
	if (f->name && f->name[0])
		name_format(b, f->name);
	else
		add_address(b, r, f);
	switch (f->kind) {
	case FRAME_KERNEL:
		buf_add_str(b, "_[k]");
		break;
	case FRAME_INLINED:
		buf_add_str(b, "_[i]");
		break;
	case FRAME_INTERPRETED:
		buf_add_str(b, " (");
		name_format(b, f->file && f->file[0] ? f->file : "?");
		buf_add_str(b, ")_[p]");
		break;
	case FRAME_USER:
	case FRAME_TRUNCATED:
		join_number(b, start);
		break;
	}
}

void comm_format(struct buf *b, const struct report *r, uint32_t target)
{
	const char *comm = target < r->targets.n ? r->targets.v[target].comm : NULL;

	if (comm && comm[0])
		name_format(b, comm);
	else
		buf_add_str(b, "[unknown]");
}

void stack_format(struct buf *b, const struct report *r, uint32_t target, uint32_t stack)
{
	comm_format(b, r, target);
	if (stack >= r->stacks.n || !r->stacks.v[stack].n) {
		buf_add_str(b, ";[unknown]");
		return;
	}
	for (uint32_t i = 0; i < r->stacks.v[stack].n; i++) {
		buf_add_char(b, ';');
		frame_format(b, r, r->stacks.v[stack].frames[i]);
	}
}

/* A parent stands before its child: whatever else the index says, the walk ends. */
static uint32_t parent_of(const struct report *r, uint32_t path)
{
	uint32_t parent = r->paths.v[path].parent;

	return parent < path ? parent : REPORT_NONE;
}

uint32_t path_depth(const struct report *r, uint32_t path)
{
	uint32_t depth = 0;

	while (path < r->paths.n) {
		depth++;
		path = parent_of(r, path);
	}
	return depth;
}

void path_format(struct buf *b, const struct report *r, uint32_t path, const char *sep)
{
	uint32_t depth = path_depth(r, path);

	for (uint32_t level = 1; level <= depth; level++) {
		uint32_t p = path, node;

		for (uint32_t up = level; up < depth; up++)
			p = parent_of(r, p);
		node = r->paths.v[p].node;
		if (level > 1)
			buf_add_str(b, sep);
		name_format(b, node < r->nodes.n ? r->nodes.v[node].name : "[unknown]");
	}
}

const char *signal_name(int sig, char buf[16])
{
	const char *abbrev = sigabbrev_np(sig);

	if (abbrev)
		snprintf(buf, 16, "SIG%s", abbrev);
	else
		snprintf(buf, 16, "SIG%d", sig);
	return buf;
}
