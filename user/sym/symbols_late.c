/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What of an object waits for the first question: unwind information, stack roots, sources. A
 * descriptor of the file is kept for it.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sym/framecode.h"
#include "sym/source.h"
#include "sym/symbols_state.h"

#define FUNCTION_MAX 65536 /* bytes: what is looked at */
#define BEFORE_BYTES 4096  /* where nothing tells where a function begins */
#define EDGE_BYTES   32    /* a few instructions */

void symbols_late_free(struct symbols_late *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	if (l->debug_fd >= 0)
		close(l->debug_fd);
	unwindinfo_free(l->unwind);
	roots_done(&l->roots);
	source_free(l->source);
	free(l->root);
	free(l);
}

/* Without memory, or when the file has become unreadable, the answers are "not known". */
void symbols_late_make(const struct symbols *s, int fd)
{
	struct symbols_late *l = s->late;
	struct roots_object o = {
		.fd = fd,
		.symtab = &s->table,
		.segments = &s->segments,
		.traits = &s->traits,
		.has_entry = s->has_entry,
	};

	if (l->place.size && unwindinfo_read(fd, &l->place, &s->segments, &l->unwind))
		l->unwind = NULL;
	o.unwind = l->unwind;
	if (roots_find(&o, &l->roots))
		l->roots = (struct roots){};
	l->has_code = true;
}

const struct symbols_late *symbols_late(const struct symbols *s)
{
	if (!s->late->has_code)
		symbols_late_make(s, s->late->fd);
	return s->late;
}

/* Was code without symbols compiled with frame pointers? */
static bool keeps_frames(const struct symbols *s, uint64_t addr)
{
	const struct elf_segment *code = elf_segment_of(&s->segments, addr);
	struct symbols_late *l = s->late;

	if (!l->has_frames)
		l->keeps_frames = code && framecode_keeps_frames(l->fd, code);
	l->has_frames = true;
	return l->keeps_frames;
}

/* By the instructions before one, and a few behind it; from the function's start, if it is known.
 */
static bool finds_caller(int fd, uint64_t offset, uint64_t before, bool from_start)
{
	_cleanup_free_ uint8_t *code = malloc(before + EDGE_BYTES);
	ssize_t n = code ? elf_read_at(fd, code, before + EDGE_BYTES, offset - before) : -1;

	if (n <= 0)
		return false;
	return from_start ? framecode_finds_caller(code, (size_t)n, before)
			  : framecode_has_frame(code, (size_t)n, before);
}

bool symbols_may_hide_caller(const struct symbols *s, uint64_t offset, bool has_called)
{
	const struct symbols_late *l = symbols_late(s);
	uint64_t addr = elf_addr_of(&s->segments, offset);
	const struct symbol *sym = symbols_find(s, offset);

	/* Go has tables of its own. */
	if (s->traits.is_go ||
	    (addr != ELF_NONE && unwindinfo_state(l->unwind, addr).frame != CFI_NONE))
		return false;
	if (l->fd < 0 || addr == ELF_NONE)
		return true;
	if (sym)
		return offset - sym->offset > FUNCTION_MAX ||
		       !finds_caller(l->fd, offset + has_called, offset + has_called - sym->offset,
				     true);
	offset += has_called;
	if (finds_caller(l->fd, offset, offset < BEFORE_BYTES ? offset : BEFORE_BYTES, false))
		return false;
	return !has_called || !keeps_frames(s, addr);
}

/* What there is no memory for is unknown. */
static struct source *source_of(const struct symbols *s)
{
	struct symbols_late *l = s->late;
	struct source_object o = {
		.fd = l->fd,
		.debug_fd = l->debug_fd,
		.root = l->root,
		.is_go = s->traits.is_go,
	};

	if (!l->has_source && l->fd >= 0 && source_open(&o, &l->source))
		l->source = NULL;
	l->has_source = true;
	return l->source;
}

int symbols_source(const struct symbols *s, uint64_t offset, source_frames *ret)
{
	uint64_t addr = elf_addr_of(&s->segments, offset);
	struct source *source = addr != ELF_NONE ? source_of(s) : NULL;

	ret->n = 0;
	return source ? source_find(source, addr, ret) : 0;
}

bool symbols_source_given_up(const struct symbols *s)
{
	return s->late->source && source_given_up(s->late->source);
}
