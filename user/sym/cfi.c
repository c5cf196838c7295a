/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the records of .eh_frame and .debug_frame. */
#include "sym/cfi.h"

#include <dwarf.h>

#include "sym/cfi_program.h"

/* Initial programs have about ten bytes. They run once a function, so long ones are refused. */
#define CIE_PROGRAM_MAX  256
#define AUGMENTATION_MAX 8

/* The augmentation's data by the letters of its string. */
static void parse_augmentation(struct cursor *c, const char *letters, struct cfi_cie *ret)
{
	for (; *letters && !c->bad; letters++) {
		uint8_t encoding;

		switch (*letters) {
		case 'R':
			ret->encoding = cursor_u8(c);
			break;
		case 'L':
			cursor_u8(c);
			break;
		case 'P': /* the personality routine: any base will do to skip it */
			encoding = cursor_u8(c);
			cursor_pointer(c, encoding & 0x0f, 0);
			break;
		case 'S':
			ret->signal = true;
			break;
		case 'B':
			break;
		default: /* 'z' tells how long the data is, so the rest can be passed over */
			return;
		}
	}
}

/* c begins behind the CIE's ID. */
static bool parse_cie(struct cursor c, bool debug, struct cfi_cie *ret)
{
	char letters[AUGMENTATION_MAX + 1] = "";
	uint8_t version = cursor_u8(&c);
	struct cfi_cie cie = { .encoding = DW_EH_PE_absptr };
	struct cursor data;
	uint64_t len;

	for (size_t i = 0; (letters[i] = (char)cursor_u8(&c)); i++)
		if (i == AUGMENTATION_MAX)
			return false;
	cie.augmented = letters[0] == 'z';
	if ((version != 1 && version != 3 && (version != 4 || !debug)) ||
	    (letters[0] && !cie.augmented))
		return false;
	if (version == 4 && (cursor_u8(&c) != 8 || cursor_u8(&c) != 0))
		return false; /* no addresses of 8 bytes, or segments */
	cie.code_align = cursor_uleb(&c);
	cie.data_align = cursor_sleb(&c);
	cie.return_reg = version == 1 ? cursor_u8(&c) : cursor_uleb(&c);
	if (cie.augmented) {
		len = cursor_uleb(&c);
		data = c;
		cursor_skip(&c, len);
		data.end = c.p;
		parse_augmentation(&data, letters + 1, &cie);
		c.bad |= data.bad;
	}
	cie.program = c.p;
	cie.program_end = c.end;
	if (c.bad || c.end - c.p > CIE_PROGRAM_MAX)
		return false;
	*ret = cie;
	return true;
}

/* One record: `body` is what its length counts, from the CIE pointer on. */
struct record {
	const uint8_t *start; /* of the length */
	struct cursor body;
	uint32_t id;
};

static bool is_cie(const struct cfi_section *s, const struct record *r)
{
	return r->id == (s->debug ? UINT32_MAX : 0);
}

/* Reads the record at c and moves behind it; false at the end. */
static bool next_record(struct cursor *c, bool ends_at_zero, struct record *ret)
{
	for (;;) {
		const uint8_t *start = c->p;
		uint64_t len = cursor_bytes(c, 4);

		if (len == UINT32_MAX)
			len = cursor_bytes(c, 8);
		if (c->bad || (!len && ends_at_zero) || len > (size_t)(c->end - c->p))
			return false;
		if (len < 4) {
			cursor_skip(c, len);
			continue;
		}
		ret->start = start;
		ret->body = (struct cursor){ c->p, c->p + len, false };
		ret->id = (uint32_t)cursor_bytes(&ret->body, 4);
		cursor_skip(c, len);
		return true;
	}
}

/* The CIE that an FDE points back to; the last one is kept. */
static bool cie_of(const struct cfi_section *s, const struct record *fde, struct cfi_cie *cie)
{
	size_t field = (size_t)(fde->body.p - 4 - s->data);
	struct cursor c;
	struct record r;

	/* .eh_frame counts back from the field, .debug_frame from the section's beginning. */
	if (fde->id > (s->debug ? s->size : field))
		return false;
	c.p = s->data + (s->debug ? fde->id : field - fde->id);
	c.end = s->data + s->size;
	c.bad = false;
	if (cie->record == c.p)
		return true;
	cie->record = NULL;
	if (!next_record(&c, true, &r) || !is_cie(s, &r) || !parse_cie(r.body, s->debug, cie))
		return false;
	cie->record = r.start;
	return true;
}

int cfi_walk(const struct cfi_section *section, const struct cfi_visitor *visitor)
{
	struct cursor c = { section->data, section->data + section->size, false };
	uint64_t data_addr = section->addr - (uint64_t)(uintptr_t)section->data;
	struct cfi_cie cie = {};
	struct record r;
	int err = 0;

	while (!err && next_record(&c, section->ends_at_zero, &r)) {
		struct cursor *b = &r.body;
		struct cfi_function f;
		uint64_t size;

		if (is_cie(section, &r) || !cie_of(section, &r, &cie))
			continue;
		f.start = cursor_pointer(b, cie.encoding, data_addr + (uint64_t)(uintptr_t)b->p);
		size = cursor_pointer(b, cie.encoding & 0x0f, 0);
		if (cie.augmented)
			cursor_skip(b, cursor_uleb(b));
		if (b->bad || !size || __builtin_add_overflow(f.start, size, &f.end))
			continue;
		if (visitor->function(&f, visitor->arg))
			err = cfi_run(&cie, &f, b, data_addr, visitor);
	}
	return err;
}
