/* SPDX-License-Identifier: GPL-2.0-only */
/* An index of .eh_frame. */
#include "sym/unwindinfo.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/cursor.h"

#define EH_FRAME_MAX (256u << 20) /* the largest browsers have some 30 MiB */

/*
 * A row says what holds from its address to the next row's: address << 24 | flags. Function
 * ranges do not overlap; between them a row of CFI_NONE stands.
 */
#define ROW_FRAME     0x3
#define ROW_NO_CALLER 0x4
#define ROW_FIRST     0x8 /* of a function */
#define ROW_BASE      4   /* base_words: 12 bits */
#define ROW_RBP       16  /* rbp_words: 8 bits */
#define RBP_WORDS_MAX 255
#define ROW_SHIFT     24
#define ROW_FLAGS     ((1u << ROW_SHIFT) - 1)
#define ADDR_MAX      (UINT64_MAX >> ROW_SHIFT)

struct function_rows {
	uint64_t start;
	uint32_t first, n;
};

struct reader {
	const elf_segments *segments;
	VEC(uint64_t) rows; /* per function, each list ended by CFI_NONE at its end */
	VEC(struct function_rows) functions;
	bool unsorted;
	int err;
};

struct unwindinfo {
	uint64_t *rows;
	size_t n;
};

static uint64_t row(uint64_t addr, uint64_t flags)
{
	return addr << ROW_SHIFT | flags;
}

static uint64_t row_addr(uint64_t r)
{
	return r >> ROW_SHIFT;
}

static void reader_done(struct reader *r)
{
	vec_done(&r->rows);
	vec_done(&r->functions);
}

void unwindinfo_free(struct unwindinfo *u)
{
	if (!u)
		return;
	free(u->rows);
	free(u);
}

DEFINE_CLEANUP(struct unwindinfo *, unwindinfo_free)

size_t unwindinfo_memory(const struct unwindinfo *u)
{
	return u ? sizeof(*u) + u->n * sizeof(*u->rows) : 0;
}

/* By the head of .eh_frame_hdr: version, three encodings, the address of .eh_frame. */
static bool eh_frame_addr(const struct elf_file *f, const GElf_Phdr *p, uint64_t *ret)
{
	uint8_t head[16];
	struct cursor c = { head + 4, head + sizeof(head), false };
	uint64_t addr;

	if (elf_read_at(f->fd, head, sizeof(head), p->p_offset) != sizeof(head) || head[0] != 1)
		return false;
	addr = cursor_pointer(&c, head[1], p->p_vaddr + 4);
	if (c.bad)
		return false;
	*ret = addr;
	return true;
}

static struct unwindinfo_place locate_by_segment(const struct elf_file *f)
{
	struct unwindinfo_place place = {};
	const struct elf_segment *seg;
	GElf_Phdr p;

	if (!elf_segment_typed(f, PT_GNU_EH_FRAME, &p) || !eh_frame_addr(f, &p, &place.addr))
		return place;
	seg = elf_segment_of(&f->segments, place.addr);
	if (!seg)
		return place;
	place.offset = place.addr - seg->addr + seg->offset;
	place.size = seg->size - (place.addr - seg->addr);
	place.ends_at_zero = true;
	return place;
}

struct unwindinfo_place unwindinfo_locate(const struct elf_file *f)
{
	const struct elf_section *s = elf_section_named(f, ".eh_frame");

	if (f->ehdr.e_machine != EM_X86_64 || f->ehdr.e_ident[EI_CLASS] != ELFCLASS64)
		return (struct unwindinfo_place){};
	if (!s || s->header.sh_type == SHT_NOBITS)
		return locate_by_segment(f);
	return (struct unwindinfo_place){ .offset = s->header.sh_offset,
					  .addr = s->header.sh_addr,
					  .size = s->header.sh_size };
}

static void end_function(struct reader *r)
{
	struct function_rows *last = r->functions.n ? &r->functions.v[r->functions.n - 1] : NULL;

	if (last)
		last->n = (uint32_t)r->rows.n - last->first;
}

static bool visit_function(const struct cfi_function *f, void *arg)
{
	struct reader *r = arg;
	const struct elf_segment *seg = elf_segment_of(r->segments, f->start);
	struct function_rows rows = { .start = f->start, .first = (uint32_t)r->rows.n };

	/* Code that the linker threw away keeps an FDE at 0 or the like. */
	if (r->err || !seg || !seg->exec || f->end > ADDR_MAX ||
	    f->end - f->start > seg->size - (f->start - seg->addr))
		return false;
	if (r->functions.n && r->functions.v[r->functions.n - 1].start > f->start)
		r->unsorted = true;
	/* The end goes first, so that it is known while the states follow; see gather(). */
	r->err = vec_push(&r->rows, row(f->end, CFI_NONE));
	if (!r->err)
		r->err = vec_push(&r->functions, rows);
	return !r->err;
}

static int visit_state(uint64_t addr, const struct cfi_state *state, void *arg)
{
	struct reader *r = arg;
	uint64_t flags = state->frame | (state->no_caller ? ROW_NO_CALLER : 0);
	int err;

	/* What is too far to note is not known. */
	if (state->rbp_words <= RBP_WORDS_MAX) {
		flags |= (uint64_t)state->base_words << ROW_BASE;
		flags |= (uint64_t)state->rbp_words << ROW_RBP;
	}
	/* What differs in rules that are not noted here is the same. */
	if ((r->rows.v[r->rows.n - 1] & ROW_FLAGS) == flags)
		return 0;
	err = vec_push(&r->rows, row(addr, flags));
	end_function(r);
	return err;
}

static int compare(const void *x, const void *y)
{
	const struct function_rows *a = x, *b = y;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->first < b->first ? -1 : a->first > b->first;
}

/* Copies the rows in order of addresses; a function that begins inside another is left out. */
static int gather(struct reader *r, struct unwindinfo *u)
{
	uint64_t end = 0;

	if (r->unsorted)
		qsort(r->functions.v, r->functions.n, sizeof(*r->functions.v), compare);
	u->rows = malloc((r->rows.n ? r->rows.n : 1) * sizeof(*u->rows));
	if (!u->rows)
		return -ENOMEM;
	vec_foreach (f, &r->functions) {
		const uint64_t *rows = r->rows.v + f->first;

		if (f->start < end || f->n < 2)
			continue;
		if (u->n && f->start == end)
			u->n--; /* the end of the one before */
		memcpy(u->rows + u->n, rows + 1, (f->n - 1) * sizeof(*rows));
		u->rows[u->n] |= ROW_FIRST;
		u->n += f->n - 1;
		u->rows[u->n++] = rows[0];
		end = row_addr(rows[0]);
	}
	return 0;
}

static int index_section(const struct cfi_section *section, const elf_segments *segments,
			 struct unwindinfo *u)
{
	_cleanup_(reader_done) struct reader r = { .segments = segments };
	struct cfi_visitor visitor = { visit_function, visit_state, &r };
	uint64_t *fit;
	int err = cfi_walk(section, &visitor);

	if (!err)
		err = r.err;
	if (!err)
		err = gather(&r, u);
	if (err)
		return err;
	fit = realloc(u->rows, (u->n ? u->n : 1) * sizeof(*fit));
	if (fit)
		u->rows = fit;
	return 0;
}

int unwindinfo_read(int fd, const struct unwindinfo_place *place, const elf_segments *segments,
		    struct unwindinfo **ret)
{
	_cleanup_(unwindinfo_freep) struct unwindinfo *u = calloc(1, sizeof(*u));
	_cleanup_free_ uint8_t *data = NULL;
	struct cfi_section section = { .addr = place->addr, .ends_at_zero = place->ends_at_zero };
	ssize_t n = 0;
	int err;

	if (place->size > EH_FRAME_MAX)
		return -EFBIG;
	data = malloc(place->size ? place->size : 1);
	if (!u || !data)
		return -ENOMEM;
	n = elf_read_at(fd, data, place->size, place->offset);
	if (n < 0)
		return (int)n;
	section.data = data;
	section.size = (size_t)n;
	err = index_section(&section, segments, u);
	if (err)
		return err;
	*ret = TAKE_PTR(u);
	return 0;
}

/* The last row at or below addr, or n. */
static size_t row_of(const struct unwindinfo *u, uint64_t addr)
{
	size_t low = 0, high = u ? u->n : 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (row_addr(u->rows[mid]) <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : u ? u->n : 0;
}

struct cfi_state unwindinfo_state(const struct unwindinfo *u, uint64_t addr)
{
	size_t i = row_of(u, addr);
	struct cfi_state s = {};

	if (!u || i == u->n)
		return s;
	s.frame = (enum cfi_frame)(u->rows[i] & ROW_FRAME);
	s.no_caller = u->rows[i] & ROW_NO_CALLER;
	s.base_words = u->rows[i] >> ROW_BASE & CFI_WORDS_MAX;
	s.rbp_words = u->rows[i] >> ROW_RBP & RBP_WORDS_MAX;
	return s;
}

bool unwindinfo_function(const struct unwindinfo *u, uint64_t addr, struct cfi_function *ret)
{
	size_t i = row_of(u, addr), k;

	if (!u || i == u->n || (u->rows[i] & ROW_FRAME) == CFI_NONE)
		return false;
	while (i && !(u->rows[i] & ROW_FIRST))
		i--;
	for (k = i + 1; k < u->n; k++)
		if (u->rows[k] & ROW_FIRST || (u->rows[k] & ROW_FRAME) == CFI_NONE)
			break;
	ret->start = row_addr(u->rows[i]);
	ret->end = k < u->n ? row_addr(u->rows[k]) : ret->start;
	return true;
}

bool unwindinfo_next(const struct unwindinfo *u, uint64_t addr, struct cfi_function *ret)
{
	size_t i = row_of(u, addr);

	if (!u)
		return false;
	if (i == u->n) /* all rows lie above addr */
		i = 0;
	while (i < u->n && (!(u->rows[i] & ROW_FIRST) || row_addr(u->rows[i]) < addr))
		i++;
	return i < u->n && unwindinfo_function(u, row_addr(u->rows[i]), ret);
}
