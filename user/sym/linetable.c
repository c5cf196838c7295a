/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs line programs. Format: DWARF 5, section 6.2; versions 2 to 4, the same of their own. */
#include "sym/linetable.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/cursor.h"
#include "sym/linefiles.h"

#define ROWS_MAX      (2u << 20) /* 32 MiB; the largest units have some 100,000 */
#define SEQUENCES_MAX (1u << 18)
#define OVERLAPS_MAX  8 /* sequences that may claim one address */

struct program {
	struct linetable *table;
	struct cursor c;
	uint8_t min_instruction, line_range, opcode_base;
	int8_t line_base;
	uint8_t lengths[256]; /* operands of standard opcodes */
	/* The machine: */
	uint64_t addr;
	uint32_t file, line;
	struct line_sequence sequence; /* the one being made: n rows from `first` on */
	bool disordered;               /* its addresses fall */
};

static void restart(struct program *p)
{
	p->addr = 0;
	p->file = p->line = 1;
	p->disordered = false;
	p->sequence = (struct line_sequence){ .first = (uint32_t)p->table->rows.n };
}

/* Does a row say the same as the last one, or take its place? True: it is done with. */
static bool joins_last(struct program *p, const struct line_row *row)
{
	struct linetable *t = p->table;
	struct line_row *last;

	if (t->rows.n == p->sequence.first)
		return false;
	last = &t->rows.v[t->rows.n - 1];
	p->disordered |= last->addr > row->addr;
	if (last->file == row->file && last->line == row->line)
		return true;
	if (last->addr != row->addr)
		return false;
	*last = *row;
	return true;
}

static int add_row(struct program *p)
{
	struct line_row row = { p->addr, p->file, p->line };

	if (joins_last(p, &row))
		return 0;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): where there is room there are rows
	 */
	return p->table->rows.n < ROWS_MAX ? vec_push(&p->table->rows, row) : -EFBIG;
}

/* Code that the linker dropped is at 0, or at the end of all addresses. */
static int end_sequence(struct program *p)
{
	struct linetable *t = p->table;
	struct line_sequence s = p->sequence;
	int err = 0;

	/* A row without bytes may be the last one. */
	while (t->rows.n > s.first && t->rows.v[t->rows.n - 1].addr >= p->addr)
		t->rows.n--;
	s.n = (uint32_t)t->rows.n - s.first;
	s.start = s.n ? t->rows.v[s.first].addr : 0;
	s.end = p->addr;
	if (!s.start || p->disordered)
		t->rows.n = s.first;
	else
		err = t->sequences.n < SEQUENCES_MAX ? vec_push(&t->sequences, s) : -EFBIG;
	restart(p);
	return err;
}

static int run_extended(struct program *p)
{
	uint64_t size = cursor_uleb(&p->c);
	const uint8_t *end = p->c.p + size;
	int err = 0;

	if (p->c.bad || !size || size > (size_t)(p->c.end - p->c.p))
		return -EBADMSG;
	switch (cursor_u8(&p->c)) {
	case DW_LNE_end_sequence:
		err = end_sequence(p);
		break;
	case DW_LNE_set_address:
		p->addr = size == 9 ? cursor_bytes(&p->c, 8) : cursor_bytes(&p->c, 4);
		break;
	case DW_LNE_define_file:
		err = linefiles_define(&p->c, p->table);
		break;
	default:
		break;
	}
	p->c.p = end;
	return err;
}

static int run_standard(struct program *p, uint8_t opcode)
{
	switch (opcode) {
	case DW_LNS_copy:
		return add_row(p);
	case DW_LNS_advance_pc:
		p->addr += cursor_uleb(&p->c) * p->min_instruction;
		break;
	case DW_LNS_advance_line:
		p->line += (uint32_t)cursor_sleb(&p->c);
		break;
	case DW_LNS_set_file:
		p->file = (uint32_t)cursor_uleb(&p->c);
		break;
	case DW_LNS_const_add_pc:
		p->addr += (uint64_t)((255 - p->opcode_base) / p->line_range) * p->min_instruction;
		break;
	case DW_LNS_fixed_advance_pc:
		p->addr += cursor_bytes(&p->c, 2);
		break;
	default:
		for (uint8_t i = 0; i < p->lengths[opcode]; i++)
			cursor_uleb(&p->c);
	}
	return 0;
}

static int run(struct program *p)
{
	int err = 0;

	restart(p);
	while (!err && !p->c.bad && p->c.p < p->c.end) {
		uint8_t opcode = cursor_u8(&p->c);

		if (opcode >= p->opcode_base) {
			opcode -= p->opcode_base;
			p->addr += (uint64_t)(opcode / p->line_range) * p->min_instruction;
			p->line += (uint32_t)(p->line_base + opcode % p->line_range);
			err = add_row(p);
		} else if (opcode) {
			err = run_standard(p, opcode);
		} else {
			err = run_extended(p);
		}
	}
	/* What has no end is not known to hold. */
	p->table->rows.n = p->sequence.first;
	return err == -EBADMSG ? 0 : err;
}

/* From the head up to the tables of files; `ret` is left at the program. */
static int read_head(const struct line_sections *s, struct cursor *c, struct program *p)
{
	struct linetable *t = p->table;
	uint64_t length = cursor_bytes(c, 4), header;
	size_t offset_size = length == UINT32_MAX ? 8 : 4;
	int err;

	if (offset_size == 8)
		length = cursor_bytes(c, 8);
	if (c->bad || length > (size_t)(c->end - c->p))
		return -EBADMSG;
	c->end = c->p + length;
	t->version = (uint16_t)cursor_bytes(c, 2);
	if (t->version < 2 || t->version > 5)
		return -EBADMSG;
	if (t->version >= 5)
		cursor_skip(c, 2); /* sizes of addresses and of segment selectors */
	header = cursor_bytes(c, offset_size);
	if (c->bad || header > (size_t)(c->end - c->p))
		return -EBADMSG;
	p->c = (struct cursor){ .p = c->p + header, .end = c->end };
	c->end = p->c.p;
	p->min_instruction = cursor_u8(c);
	if (t->version >= 4)
		cursor_skip(c, 1); /* operations an instruction: of other machines */
	cursor_skip(c, 1);
	p->line_base = (int8_t)cursor_u8(c);
	p->line_range = cursor_u8(c);
	p->opcode_base = cursor_u8(c);
	for (int i = 1; i < p->opcode_base; i++)
		p->lengths[i] = cursor_u8(c);
	if (c->bad || !p->line_range || !p->opcode_base)
		return -EBADMSG;
	err = t->version >= 5 ? linefiles_read(s, c, offset_size, t) : linefiles_read_old(c, t);
	return err;
}

static int compare_sequences(const void *a, const void *b)
{
	const struct line_sequence *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

int linetable_read(const struct line_sections *s, uint64_t offset, struct linetable *ret)
{
	_cleanup_(linetable_done) struct linetable t = {};
	struct cursor c = { .p = s->line.data, .end = s->line.data + s->line.size };
	struct program p = { .table = &t };
	int err;

	if (offset >= s->line.size)
		return -EBADMSG;
	c.p += offset;
	err = read_head(s, &c, &p);
	if (!err)
		err = run(&p);
	if (err)
		return err;
	if (t.sequences.n)
		qsort(t.sequences.v, t.sequences.n, sizeof(*t.sequences.v), compare_sequences);
	*ret = t;
	t = (struct linetable){};
	return 0;
}

void linetable_done(struct linetable *t)
{
	vec_done(&t->rows);
	vec_done(&t->sequences);
	vec_done(&t->files);
	vec_done(&t->dirs);
}

static const struct line_row *find_row(const struct linetable *t, const struct line_sequence *s,
				       uint64_t addr)
{
	const struct line_row *rows = t->rows.v + s->first;
	uint32_t low = 0, high = s->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (rows[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &rows[low - 1] : NULL;
}

const struct line_row *linetable_find(const struct linetable *t, uint64_t addr)
{
	size_t low = 0, high = t->sequences.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->sequences.v[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	for (int i = 0; i < OVERLAPS_MAX && low > 0; i++)
		if (addr < t->sequences.v[--low].end)
			return find_row(t, &t->sequences.v[low], addr);
	return NULL;
}

size_t linetable_memory(const struct linetable *t)
{
	return t->rows.cap * sizeof(*t->rows.v) + t->sequences.cap * sizeof(*t->sequences.v) +
	       t->files.cap * sizeof(*t->files.v) + t->dirs.cap * sizeof(*t->dirs.v);
}
