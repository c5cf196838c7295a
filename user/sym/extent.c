/* SPDX-License-Identifier: GPL-2.0-only */
/* Where functions begin and end according to the unwind tables. */
#include "sym/extent.h"

#define PADDING_MAX 15 /* up to the next multiple of 16 */

/* Does a function begin here: nothing on the stack but the return address? */
static bool is_entry(const struct symbols *s, uint64_t offset)
{
	uint32_t base_words, rbp_words;

	return symbols_frame_base(s, offset, &base_words, &rbp_words) && base_words == 1 &&
	       !rbp_words && !symbols_is_stack_root(s, offset);
}

int symbols_each_unnamed(const struct symbols *s, int (*fn)(const struct symbol *, void *),
			 void *arg)
{
	uint64_t start, end;
	int err = 0;

	for (uint64_t at = 0; !err && symbols_next_code(s, at, &start, &end); at = end) {
		struct symbol sym = {
			.offset = symbols_offset_of(s, start),
			.addr = start,
			.size = end - start,
		};

		if (sym.offset != UINT64_MAX && !symbols_find(s, sym.offset) &&
		    is_entry(s, sym.offset))
			err = fn(&sym, arg);
	}
	return err;
}

/* A function by its own account, of code that other tools made: up to the next piece at most. */
static bool reaches_no_other(const struct symbols *s, const struct symbol *sym)
{
	uint64_t start, end;

	if (!sym->typed)
		return false;
	return !symbols_next_code(s, sym->addr, &start, &end) || sym->addr + sym->size <= start;
}

uint64_t symbols_true_size(const struct symbols *s, const struct symbol *sym)
{
	uint64_t start, end, piece;

	if (!symbols_next_code(s, 0, &start, &end))
		return sym->size;
	if (!symbols_code_range(s, sym->addr, &start, &end))
		return reaches_no_other(s, sym) ? sym->size : 0;
	if (start != sym->addr)
		return 0;
	piece = end - start;
	if (!sym->size)
		return piece;
	if (sym->size > piece)
		return sym->size - piece <= PADDING_MAX ? piece : 0;
	return sym->size;
}
