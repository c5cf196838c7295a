/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a function of an object ends. */
#include "trace/exits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "trace/retsites.h"

#define SIZE_MAX_BYTES (1 << 20)
#define PIECES_MAX     32

struct piece {
	uint64_t start, end; /* virtual addresses */
};

struct search {
	int fd;
	const struct symbols *symbols;
	struct piece pieces[PIECES_MAX]; /* the function first; those behind wait for their turn */
	uint32_t n;
	exit_vec *ret;
	bool *restarts;
	const char **why;
	bool within; /* other functions are looked through */
};

/* Of the procedure linkage table: it leads to another object. */
static bool is_stub(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 4, "@plt");
}

struct lookup {
	const char *stub;
	uint64_t addr;
};

static int is_behind_stub(const struct symbol *sym, void *arg)
{
	struct lookup *l = arg;
	size_t len = strlen(sym->name);

	if (!sym->global || !sym->size || strncmp(l->stub, sym->name, len) != 0 ||
	    strcmp(l->stub + len, "@plt") != 0)
		return 0;
	l->addr = sym->addr;
	return 1;
}

/* The function of this very object that a stub leads to, unless another object has it too. */
static uint64_t behind_stub(const struct search *s, const char *name)
{
	struct lookup l = { .stub = name };

	symbols_each(s->symbols, is_behind_stub, &l);
	return l.addr;
}

static const struct symbol *symbol_at(const struct search *s, uint64_t addr)
{
	uint64_t offset = symbols_offset_of(s->symbols, addr);
	const struct symbol *sym = offset != UINT64_MAX ? symbols_find(s->symbols, offset) : NULL;

	return sym && sym->addr == addr ? sym : NULL;
}

/* A jump to another symbol's beginning is a tail call; the compiler's ".cold" parts are no calls.
 */
static bool is_function(uint64_t addr, void *arg)
{
	const struct search *s = arg;
	const struct symbol *sym = symbol_at(s, addr);

	if (!sym || strstr(sym->name, ".cold"))
		return false;
	return !s->within || (is_stub(sym->name) && !behind_stub(s, sym->name));
}

static int frame_words(uint64_t addr, void *arg)
{
	const struct search *s = arg;
	uint64_t offset = symbols_offset_of(s->symbols, addr);
	uint32_t base_words, rbp_words;

	if (offset == UINT64_MAX)
		return -1;
	if (symbols_frame_base(s->symbols, offset, &base_words, &rbp_words))
		return (int)base_words;
	return symbols_keeps_frame_pointer(s->symbols, offset) == 1 ? 0 : -1;
}

static int refuse(const struct search *s, const char *why)
{
	*s->why = why;
	return -ENOTSUP;
}

/* The piece that a jump leads to joins the others, if it is not one of them. */
static int add_piece(struct search *s, uint64_t target)
{
	const struct symbol *sym = s->within ? symbol_at(s, target) : NULL;
	struct piece p;

	if (sym && is_stub(sym->name))
		target = behind_stub(s, sym->name);
	for (uint32_t i = 0; i < s->n; i++) {
		if (target >= s->pieces[i].start && target < s->pieces[i].end)
			return 0;
	}
	if (!symbols_code_range(s->symbols, target, &p.start, &p.end))
		return refuse(s, "a jump in it leads nobody knows where");
	if (s->n == PIECES_MAX)
		return refuse(s, "it lies in too many pieces");
	s->pieces[s->n++] = p;
	return 0;
}

static int scan_piece(struct search *s, uint32_t i)
{
	struct piece p = s->pieces[i];
	_cleanup_free_ uint8_t *bytes = NULL;
	uint64_t offset = symbols_offset_of(s->symbols, p.start);
	ret_target_vec outside = {};
	ret_site_vec found = {};
	struct ret_code code = { .size = p.end - p.start,
				 .addr = p.start,
				 .start = s->pieces[0].start,
				 .is_part = i > 0,
				 .is_function = is_function,
				 .frame_words = frame_words,
				 .arg = s,
				 .outside = &outside };
	int err;

	if (offset == UINT64_MAX || p.end <= p.start || code.size > SIZE_MAX_BYTES)
		return refuse(s, "it is too large");
	code.bytes = bytes = malloc(code.size);
	if (!bytes)
		return -ENOMEM;
	if (pread(s->fd, bytes, code.size, (off_t)offset) != (ssize_t)code.size)
		return refuse(s, "its code cannot be read");
	err = ret_sites_find(&code, &found, s->restarts, s->why);
	for (size_t k = 0; k < found.n && !err; k++)
		err = vec_push(s->ret, (struct exit_site){ .offset = offset + found.v[k].offset,
							   .has_value = found.v[k].has_value,
							   .pops = found.v[k].pops });
	for (size_t k = 0; k < outside.n && !err; k++)
		err = add_piece(s, outside.v[k]);
	vec_done(&outside);
	vec_done(&found);
	return err;
}

static int find(struct search *s, const struct symbol *sym)
{
	size_t before = s->ret->n;
	int err = 0;

	s->n = 1;
	s->pieces[0] = (struct piece){ sym->addr, sym->addr + sym->size };
	for (uint32_t i = 0; i < s->n && !err; i++)
		err = scan_piece(s, i);
	if (err)
		s->ret->n = before;
	return err;
}

int exits_find(int fd, const struct symbols *symbols, const struct symbol *sym, exit_vec *ret,
	       bool *ret_restarts, const char **why)
{
	struct search s = {
		.fd = fd, .symbols = symbols, .ret = ret, .restarts = ret_restarts, .why = why
	};

	*ret_restarts = false;
	return find(&s, sym);
}

int exits_find_within(int fd, const struct symbols *symbols, const struct symbol *sym,
		      exit_vec *ret, bool *ret_restarts, const char **why)
{
	struct search s = { .fd = fd,
			    .symbols = symbols,
			    .ret = ret,
			    .restarts = ret_restarts,
			    .why = why,
			    .within = true };
	int err;

	*ret_restarts = false;
	err = find(&s, sym);
	return err == -ENOTSUP ? exits_find(fd, symbols, sym, ret, ret_restarts, why) : err;
}
