/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the entry of an object's function is probed. */
#include "trace/entries.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define SIZE_MAX_BYTES (1 << 20)
#define PIECES_MAX     32

struct piece {
	uint64_t start, end; /* virtual addresses */
	uint8_t *bytes;      /* owned; NULL: not read yet */
};

/* The function, and behind it the parts elsewhere that it jumps to. */
struct pieces {
	int fd;
	const struct symbols *symbols;
	struct piece v[PIECES_MAX];
	uint32_t n;
};

static void pieces_done(struct pieces *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		free(p->v[i].bytes);
}

static int frame_words(uint64_t addr, void *arg)
{
	const struct pieces *p = arg;
	uint64_t offset = symbols_offset_of(p->symbols, addr);
	uint32_t base_words, rbp_words;

	if (offset == UINT64_MAX)
		return -1;
	if (symbols_frame_base(p->symbols, offset, &base_words, &rbp_words))
		return (int)base_words;
	return symbols_keeps_frame_pointer(p->symbols, offset) == 1 ? 0 : -1;
}

/*
 * By its symbol, unless that is a ".cold" part's. A stripped object leaves only the unwind tables:
 * what begins with nothing but the return address on the stack.
 */
static bool is_function(uint64_t addr, void *arg)
{
	const struct pieces *p = arg;
	uint64_t offset = symbols_offset_of(p->symbols, addr), start, end;
	const struct symbol *sym;

	if (offset == UINT64_MAX)
		return true; /* no code of this object's */
	sym = symbols_find(p->symbols, offset);
	if (sym)
		return sym->addr == addr && !strstr(sym->name, ".cold");
	return symbols_code_range(p->symbols, addr, &start, &end) && start == addr &&
	       frame_words(addr, arg) == 1;
}

static int read_piece(const struct pieces *p, struct piece *piece)
{
	uint64_t offset = symbols_offset_of(p->symbols, piece->start);
	size_t size = piece->end - piece->start;

	if (offset == UINT64_MAX || piece->end <= piece->start || size > SIZE_MAX_BYTES)
		return -ENOTSUP;
	piece->bytes = malloc(size);
	if (!piece->bytes)
		return -ENOMEM;
	return pread(p->fd, piece->bytes, size, (off_t)offset) == (ssize_t)size ? 0 : -ENOTSUP;
}

/* A part that is not known yet joins the others. */
static int add_piece(struct pieces *p, uint64_t target)
{
	struct piece piece = {};

	for (uint32_t i = 0; i < p->n; i++) {
		if (target >= p->v[i].start && target < p->v[i].end)
			return 0;
	}
	if (p->n == PIECES_MAX || !symbols_code_range(p->symbols, target, &piece.start, &piece.end))
		return -ENOTSUP;
	p->v[p->n++] = piece;
	return 0;
}

static struct ret_code code_of(struct pieces *p, uint32_t i, ret_target_vec *outside)
{
	return (struct ret_code){ .bytes = p->v[i].bytes,
				  .size = p->v[i].end - p->v[i].start,
				  .addr = p->v[i].start,
				  .is_part = i > 0,
				  .is_function = is_function,
				  .frame_words = frame_words,
				  .arg = p,
				  .outside = outside };
}

/* Looks at all pieces; what cannot be looked at makes the bounds unsure. */
static int find_bounds(struct pieces *p, struct entry_bounds *b)
{
	int err = 0;

	for (uint32_t i = 0; i < p->n && !err; i++) {
		ret_target_vec outside = {};

		if (!p->v[i].bytes)
			err = read_piece(p, &p->v[i]);
		if (!err) {
			struct ret_code code = code_of(p, i, &outside);

			err = entry_bounds_add(b, &code);
		}
		for (size_t k = 0; k < outside.n && !err; k++)
			err = add_piece(p, outside.v[k]);
		vec_done(&outside);
	}
	if (err != -ENOTSUP)
		return err;
	b->why = "a jump in it leads nobody knows where";
	return 0;
}

int entry_find(int fd, const struct symbols *symbols, const struct symbol *sym,
	       const struct entry_wants *wants, struct entry_site *ret, const char **why)
{
	_cleanup_(pieces_done) struct pieces p = { .fd = fd, .symbols = symbols, .n = 1 };
	struct entry_bounds b = { .why = "not looked at" };
	struct entry_site site;
	struct ret_code code;
	int err;

	p.v[0] = (struct piece){ .start = sym->addr, .end = sym->addr + sym->size };
	err = read_piece(&p, &p.v[0]);
	*why = "its code cannot be read";
	if (err)
		return err;
	code = code_of(&p, 0, NULL);
	/* Most functions need no look at all their jumps. */
	err = entry_site_choose(&code, &b, wants, &site);
	if (!err && site.class == SITE_STEPPED) {
		b = (struct entry_bounds){};
		err = find_bounds(&p, &b);
		err = err ? err : entry_site_choose(&code, &b, wants, &site);
	}
	*why = "no instruction begins there";
	if (!err)
		*ret = site;
	return err;
}
