/* SPDX-License-Identifier: GPL-2.0-only */
/* An object's call frame information as a sorted table. */
#include "sym/unwindtable.h"

#include <errno.h>
#include <string.h>

#include "lib/table.h"
#include "sym/gostack.h"
#include "sym/unwindinfo.h"

#define SECTION_MAX (256u << 20) /* the largest browsers have some 30 MiB */
#define SPAN_MAX    UINT32_MAX   /* of an object's code: rows have 32 bits */
#define RULES_MAX   65535
#define RECENT      64

/*
 * What lies between two functions is padding up to this length, and nobody returns to it: a row
 * that says so would be one in five.
 */
#define PADDING_MAX 15

struct function_rows {
	uint32_t start, end;
	uint32_t first, n; /* rows */
};

struct builder {
	struct unwindtable *table;
	const elf_segments *segments;
	uint64_t end; /* of the code, minus the table's base */
	VEC(struct unwind_row) rows;
	VEC(struct function_rows) functions;
	VEC(struct cfi_rule) rules;
	struct table rule_index;
	uint32_t recent[RECENT]; /* numbers of rules, by their offset: most are one of few */
	bool unsorted;
	int err;
};

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

static void builder_done(struct builder *b)
{
	vec_done(&b->rows);
	vec_done(&b->functions);
	vec_done(&b->rules);
	table_done(&b->rule_index);
}

void unwindtable_free(struct unwindtable *t)
{
	if (!t)
		return;
	free(t->rows);
	free(t->rules);
	vec_done(&t->segments);
	free(t);
}

/* The number of a rule; of those beyond the last number, the one of the first that is not known. */
static uint32_t rule_number(struct builder *b, const struct cfi_rule *rule)
{
	uint32_t *recent = &b->recent[(uint32_t)rule->offset / 8 % RECENT], i = *recent;

	if (i < b->rules.n && !memcmp(&b->rules.v[i], rule, sizeof(*rule)))
		return i;
	i = table_find(&b->rule_index, rule, sizeof(*rule));
	if (i != TABLE_NONE) {
		*recent = i;
		return i;
	}
	if (b->rules.n > RULES_MAX)
		return 0;
	i = (uint32_t)b->rules.n;
	b->err = vec_push(&b->rules, *rule);
	if (!b->err)
		b->err = table_add(&b->rule_index, rule, sizeof(*rule), i);
	return i;
}

static bool visit_function(const struct cfi_function *f, void *arg)
{
	struct builder *b = arg;
	const struct unwindtable *t = b->table;
	const struct elf_segment *seg = elf_segment_of(b->segments, f->start);
	struct function_rows rows = { .first = (uint32_t)b->rows.n };

	/* Code that the linker threw away keeps an FDE at 0 or the like. */
	if (b->err || !seg || !seg->exec || f->end - f->start > seg->size - (f->start - seg->addr))
		return false;
	rows.start = (uint32_t)(f->start - t->base);
	rows.end = (uint32_t)(f->end - t->base);
	if (b->functions.n && b->functions.v[b->functions.n - 1].start > rows.start)
		b->unsorted = true;
	b->err = vec_push(&b->functions, rows);
	return !b->err;
}

static int visit_state(uint64_t addr, const struct cfi_state *state, void *arg)
{
	struct builder *b = arg;
	struct function_rows *f = &b->functions.v[b->functions.n - 1];
	struct unwind_row row = { (uint32_t)(addr - b->table->base), rule_number(b, &state->rule) };

	if (b->err || (f->n && b->rows.v[b->rows.n - 1].rule == row.rule))
		return b->err;
	b->err = vec_push(&b->rows, row);
	f->n++;
	return b->err;
}

static int compare(const void *x, const void *y)
{
	const struct function_rows *a = x, *b = y;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->first < b->first ? -1 : a->first > b->first;
}

static void add_row(struct unwindtable *t, uint32_t addr, uint32_t rule)
{
	if (t->n && t->rows[t->n - 1].rule == rule)
		return;
	t->rows[t->n++] = (struct unwind_row){ addr, rule };
}

/* Copies the rows in order of addresses; a function that begins inside another is left out. */
static int gather(struct builder *b)
{
	struct unwindtable *t = b->table;
	uint32_t end = 0;

	if (b->unsorted)
		qsort(b->functions.v, b->functions.n, sizeof(*b->functions.v), compare);
	t->rows = calloc(b->rows.n + b->functions.n + 2, sizeof(*t->rows));
	if (!t->rows)
		return -ENOMEM;
	add_row(t, 0, 0);
	vec_foreach (f, &b->functions) {
		if (f->start < end || !f->n)
			continue;
		if (f->start - end > PADDING_MAX)
			add_row(t, end, 0);
		if (t->n && t->rows[t->n - 1].addr == f->start)
			t->n--;
		for (uint32_t i = 0; i < f->n; i++)
			add_row(t, b->rows.v[f->first + i].addr, b->rows.v[f->first + i].rule);
		end = f->end;
	}
	if (end < b->end)
		add_row(t, end, 0);
	return 0;
}

static int walk(struct builder *b, const struct cfi_section *section)
{
	struct cfi_visitor visitor = { visit_function, visit_state, b };
	int err = cfi_walk(section, &visitor);

	return err ? err : b->err;
}

static int read_eh_frame(struct builder *b, const struct elf_file *f)
{
	struct unwindinfo_place place = unwindinfo_locate(f);
	struct cfi_section section = { .addr = place.addr, .ends_at_zero = place.ends_at_zero };
	_cleanup_free_ uint8_t *data = NULL;
	ssize_t n;

	if (!place.size)
		return 0;
	if (place.size > SECTION_MAX)
		return -EFBIG;
	data = malloc(place.size);
	if (!data)
		return -ENOMEM;
	n = elf_read_at(f->fd, data, place.size, place.offset);
	if (n < 0)
		return (int)n;
	section.data = data;
	section.size = (size_t)n;
	return walk(b, &section);
}

/* C code that is linked into a Go program has .eh_frame. */
static int read_go(struct builder *b, const struct elf_file *f)
{
	struct cfi_visitor visitor = { visit_function, visit_state, b };
	int err = gostack_walk(f, b->table->base, &visitor);

	return err ? err : b->err;
}

/* Some assemblers were asked for this instead; often compressed. */
static int read_debug_frame(struct builder *b, const struct elf_file *f)
{
	const struct elf_section *s = elf_section_named(f, ".debug_frame");
	struct cfi_section section = { .debug = true };
	Elf_Data *data;
	GElf_Chdr head;

	if (!s || s->header.sh_type == SHT_NOBITS)
		return 0;
	if (s->header.sh_flags & SHF_COMPRESSED) {
		if (!gelf_getchdr(s->scn, &head) || head.ch_size > SECTION_MAX ||
		    elf_compress(s->scn, 0, 0) < 0)
			return 0;
		data = elf_getdata(s->scn, NULL);
	} else {
		data = elf_section_data(s);
	}
	if (!data || !data->d_buf)
		return 0;
	section.data = data->d_buf;
	section.size = data->d_size;
	return walk(b, &section);
}

/* Where code begins and ends. */
static int find_code(struct builder *b)
{
	struct unwindtable *t = b->table;
	uint64_t low = UINT64_MAX, high = 0;

	vec_foreach (seg, b->segments) {
		if (!seg->exec)
			continue;
		low = seg->addr < low ? seg->addr : low;
		high = seg->addr + seg->size > high ? seg->addr + seg->size : high;
	}
	if (low >= high || high - low > SPAN_MAX)
		return -ENOEXEC;
	t->base = low;
	b->end = high - low;
	return 0;
}

static int build(struct unwindtable *t, const struct elf_file *f)
{
	_cleanup_(builder_done) struct builder b = { .table = t, .segments = &f->segments };
	size_t had;
	int err = find_code(&b);

	if (err)
		return err;
	rule_number(&b, &(struct cfi_rule){ .base = CFI_BASE_NONE, .ra_reg = CFI_REG_NONE });
	err = b.err ? b.err : read_eh_frame(&b, f);
	had = b.rows.n;
	err = err ? err : read_go(&b, f);
	/*
	 * Even a program without .eh_frame of its own has some from the C library's start files.
	 * What Go's compiler writes of Go's functions is known better by now.
	 */
	if (!err && b.rows.n == had)
		err = read_debug_frame(&b, f);
	err = err ? err : gather(&b);
	if (err)
		return err;
	t->rules = b.rules.v;
	t->rules_n = b.rules.n;
	b.rules.v = NULL;
	return 0;
}

int unwindtable_read(int fd, struct unwindtable **ret)
{
	_cleanup_(unwindtable_freep) struct unwindtable *t = calloc(1, sizeof(*t));
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	struct unwind_row *fit;
	int err = t ? elf_file_open(fd, &f) : -ENOMEM;

	if (err)
		return err;
	if (f->ehdr.e_machine != EM_X86_64 || f->ehdr.e_ident[EI_CLASS] != ELFCLASS64)
		return -ENOEXEC;
	err = build(t, f);
	if (err)
		return err;
	t->segments = f->segments;
	f->segments = (elf_segments){};
	fit = realloc(t->rows, t->n * sizeof(*fit));
	if (fit)
		t->rows = fit;
	*ret = TAKE_PTR(t);
	return 0;
}

uint32_t unwindtable_rule(const struct unwindtable *t, uint64_t addr)
{
	size_t low = 0, high = t->n;

	if (addr < t->base || addr - t->base > UINT32_MAX)
		return 0;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (t->rows[mid].addr <= addr - t->base)
			low = mid;
		else
			high = mid;
	}
	return t->rows[low].rule;
}
