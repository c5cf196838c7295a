/* SPDX-License-Identifier: GPL-2.0-only */
/* The innermost callers of a stack. */
#include "trace/leaf.h"

#include <string.h>

#include "sym/symbols.h"
#include "trace/collect.h"

/* The code at an address: its object's symbols and the offset in the file; NULL: not known. */
static const struct symbols *code_at(struct collect *c, struct process *proc, uint64_t addr,
				     uint64_t time_ns, uint64_t *offset)
{
	const struct mapping *m = process_find(&c->processes, &c->objects, proc, addr, time_ns);

	if (!m || m->object == OBJECT_NONE)
		return NULL;
	*offset = addr - m->start + m->offset;
	return object_symbols(&c->objects, m->object);
}

static bool read_word(const struct leaf_stack *s, uint64_t addr, uint64_t *ret)
{
	uint64_t index = (addr - s->sp) / sizeof(*s->top);

	if (addr < s->sp || (addr - s->sp) % sizeof(*s->top) || index >= s->words)
		return false;
	*ret = s->top[index];
	return true;
}

/* A return probe's trampoline: it stands where the return address was. */
static bool is_trampoline(struct collect *c, struct process *proc, uint64_t addr, uint64_t time_ns)
{
	const struct mapping *m = process_find(&c->processes, &c->objects, proc, addr, time_ns);

	return m && !strcmp(m->path, "[uprobes]");
}

/* One step outwards; false: the way is not known. */
static bool step(const struct symbols *symbols, uint64_t offset, const struct leaf_stack *s,
		 uint64_t *sp, uint64_t *bp, uint64_t *ip)
{
	uint32_t base_words, rbp_words;
	uint64_t base;

	if (!symbols_frame_base(symbols, offset, &base_words, &rbp_words))
		return false;
	base = *sp + 8ULL * base_words;
	if (!read_word(s, base - 8, ip) ||
	    (rbp_words && !read_word(s, base - 8ULL * rbp_words, bp)))
		return false;
	*sp = base;
	return true;
}

struct leaf_callers leaf_callers_find(struct collect *c, struct process *proc,
				      const struct leaf_stack *s)
{
	struct leaf_callers found = { .follow_chain = true };
	uint64_t ip = s->ip, sp = s->sp, bp = s->bp, offset = 0;

	for (;;) {
		/* A return address stands behind its call. */
		const struct symbols *symbols =
		    code_at(c, proc, ip - (found.n > 0), s->time_ns, &offset);
		int keeps = symbols ? symbols_keeps_frame_pointer(symbols, offset) : -1;

		if (symbols && symbols_is_stack_root(symbols, offset)) {
			found.whole = found.at_root = true;
			found.follow_chain = false;
			return found;
		}
		if (keeps == 1 && bp == s->bp) {
			found.whole = true;
			return found;
		}
		if (keeps < 0 && !found.n)
			return found; /* no unwind information: frame pointers are all there is */
		if (keeps != 0 || found.n == LEAF_CALLERS_MAX ||
		    !step(symbols, offset, s, &sp, &bp, &ip)) {
			found.follow_chain = false;
			return found;
		}
		if (is_trampoline(c, proc, ip, s->time_ns))
			return found; /* the kernel's own walk knows better (6.11) */
		found.addrs[found.n++] = ip;
	}
}
