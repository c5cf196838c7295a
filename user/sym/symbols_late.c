/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What of an object waits for the first question: unwind information, stack roots, sources. A
 * descriptor of the file is kept for it.
 */
#include <stdlib.h>
#include <unistd.h>

#include "sym/source.h"
#include "sym/symbols_state.h"

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
