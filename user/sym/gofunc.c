/* SPDX-License-Identifier: GPL-2.0-only */
/* What Go's table tells of one function. */
#include "sym/gofunc.h"

#include <string.h>

#define NAME_BYTES_MAX 16384 /* as in symtab.c */

/* Fields of runtime._func behind the entry, which has 8 bytes or 4. */
#define FIELD_NAME   0
#define FIELD_FRAME  12
#define FIELD_FILES  16
#define FIELD_LINES  20
#define FIELD_PCDATA 24 /* how many */
#define FIELD_UNIT   28
#define FIELDS       32
/* Then, since Go 1.20, the first line, then four bytes: */
#define TAIL_FLAGS    1
#define TAIL_FUNCDATA 3 /* how many */
#define TAIL          4

static uint64_t word_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t half_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static const uint8_t *entry_at(const struct gopclntab *t, uint64_t i)
{
	return t->data + t->functions + i * (t->wide ? 16 : 8);
}

/* Where function i begins; for i = n where the last one ends. */
static uint64_t entry_of(const struct gopclntab *t, uint64_t i)
{
	const uint8_t *p = entry_at(t, i);

	return t->wide ? word_at(p) : t->text + half_at(p);
}

/* The fields of function i behind its entry, with `len` bytes; NULL: they are not in the table. */
static const uint8_t *fields_of(const struct gopclntab *t, uint64_t i, size_t len)
{
	const uint8_t *p = entry_at(t, i);
	uint64_t at = t->wide ? word_at(p + 8) : half_at(p + 4);
	uint64_t room = t->size - t->functions, entry = t->wide ? 8 : 4;

	if (at > room || room - at < entry + len)
		return NULL;
	return t->data + t->functions + at + entry;
}

bool gofunc_record(const struct gopclntab *t, uint64_t i, struct go_record *ret)
{
	size_t tail = FIELDS + (t->start_lines ? 4 : 0);
	const uint8_t *p = fields_of(t, i, tail + TAIL);
	uint64_t end = entry_of(t, i + 1), left;
	struct go_record r = { .addr = entry_of(t, i) };

	if (!p || end <= r.addr)
		return false;
	r.size = end - r.addr;
	r.name = half_at(p + FIELD_NAME);
	r.frame_sizes = half_at(p + FIELD_FRAME);
	r.files = half_at(p + FIELD_FILES);
	r.lines = half_at(p + FIELD_LINES);
	r.unit = half_at(p + FIELD_UNIT);
	r.pcdata_n = half_at(p + FIELD_PCDATA);
	r.flags = p[tail + TAIL_FLAGS];
	r.funcdata_n = p[tail + TAIL_FUNCDATA];
	r.pcdata = (uint64_t)(p + tail + TAIL - t->data);
	left = t->size - r.pcdata;
	if (r.pcdata_n > left / 4)
		return false;
	r.funcdata = r.pcdata + 4ull * r.pcdata_n;
	if (t->wide || r.funcdata_n > (left - 4ull * r.pcdata_n) / 4)
		r.funcdata_n = 0; /* before Go 1.18 they are addresses, and not used here */
	*ret = r;
	return true;
}

uint64_t gofunc_find(const struct gopclntab *t, uint64_t addr)
{
	uint64_t low = 0, high = t->n;

	if (!t->data || addr < entry_of(t, 0) || addr >= entry_of(t, t->n))
		return t->n;
	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (entry_of(t, mid) <= addr)
			low = mid;
		else
			high = mid;
	}
	return low;
}

const char *gofunc_name(const struct gopclntab *t, uint32_t offset)
{
	const char *name = (const char *)t->data + t->names + offset;
	uint64_t max = t->units - t->names;

	if (offset >= max)
		return NULL;
	max -= offset;
	max = max < NAME_BYTES_MAX ? max : NAME_BYTES_MAX;
	return *name && strnlen(name, max) < max ? name : NULL;
}

uint32_t gofunc_pcdata(const struct gopclntab *t, const struct go_record *r, uint32_t index)
{
	return index < r->pcdata_n ? half_at(t->data + r->pcdata + 4ull * index) : 0;
}

bool gofunc_funcdata(const struct gopclntab *t, const struct go_record *r, uint32_t index,
		     uint32_t *ret)
{
	uint32_t v;

	if (index >= r->funcdata_n)
		return false;
	v = half_at(t->data + r->funcdata + 4ull * index);
	if (v == UINT32_MAX)
		return false;
	*ret = v;
	return true;
}

void gofunc_values(const struct gopclntab *t, const struct go_record *r, uint32_t table,
		   struct go_values *ret)
{
	uint64_t room = t->size - t->values;
	const uint8_t *start = t->data + t->values + (table < room ? table : room);

	*ret = (struct go_values){
		.c = { table ? start : t->data + t->size, t->data + t->size, false },
		.start = r->addr,
		.end = r->addr,
		.limit = r->addr + r->size,
		.value = -1,
	};
}

bool gofunc_values_next(struct go_values *v)
{
	bool first = v->end == v->start;
	uint32_t delta, step;

	if (v->end >= v->limit)
		return false;
	delta = (uint32_t)cursor_uleb(&v->c);
	step = (uint32_t)cursor_uleb(&v->c);
	/* No change ends the table; only the first value may be what it was before. */
	if (v->c.bad || (!delta && !first) || !step)
		return false;
	v->value = (int32_t)((uint32_t)v->value + (delta & 1 ? ~(delta >> 1) : delta >> 1));
	v->start = v->end;
	v->end = step < v->limit - v->start ? v->start + step : v->limit;
	return true;
}

bool gofunc_value(const struct gopclntab *t, const struct go_record *r, uint32_t table,
		  uint64_t addr, int32_t *ret)
{
	struct go_values v;

	gofunc_values(t, r, table, &v);
	while (gofunc_values_next(&v)) {
		if (addr >= v.end)
			continue;
		if (addr < v.start)
			return false;
		*ret = v.value;
		return true;
	}
	return false;
}
