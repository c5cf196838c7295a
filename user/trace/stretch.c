/* SPDX-License-Identifier: GPL-2.0-only */
/* The function around a place in an object's code. */
#include "trace/stretch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/elf.h"
#include "trace/insn.h"

#define SIDE_BYTES   256 /* looked at on either side, where nobody knows of functions */
#define BEFORE_BYTES 64  /* decoding has fallen into step with the code after so many */
#define INSN_MAX     15

void stretch_done(struct stretch *s)
{
	free(s->bytes);
	s->bytes = NULL;
}

static int read_bytes(const struct code_source *src, struct stretch *s)
{
	uint64_t offset = symbols_offset_of(src->symbols, s->start);
	_cleanup_free_ uint8_t *bytes = NULL;
	ssize_t size;

	if (s->end <= s->start || s->end - s->start > STRETCH_MAX || offset == UINT64_MAX)
		return -ENOENT;
	size = (ssize_t)(s->end - s->start);
	bytes = malloc((size_t)size);
	if (!bytes)
		return -ENOMEM;
	if (elf_read_at(src->fd, bytes, (size_t)size, offset) != size)
		return -ENOENT;
	s->bytes = TAKE_PTR(bytes);
	return 0;
}

/*
 * Does a function begin at this piece of code, with nothing on the stack but the return address?
 * What GCC moves elsewhere may say so of its first byte, a nop, and have a frame right behind it.
 */
static bool is_entry(const struct code_source *src, uint64_t start)
{
	uint64_t offset = symbols_offset_of(src->symbols, start);
	uint32_t words, rbp_words;

	return offset != UINT64_MAX &&
	       symbols_frame_base(src->symbols, offset, &words, &rbp_words) && words == 1 &&
	       symbols_keeps_frame_pointer(src->symbols, offset + 1) != 1;
}

static const struct symbol *symbol_at(const struct code_source *src, uint64_t addr)
{
	uint64_t offset = symbols_offset_of(src->symbols, addr);

	return offset != UINT64_MAX ? symbols_find(src->symbols, offset) : NULL;
}

int stretch_of_function(const struct code_source *src, uint64_t addr, struct stretch *ret)
{
	struct stretch s = { .is_entry = true };
	const struct symbol *sym;
	int err;

	if (symbols_code_range(src->symbols, addr, &s.start, &s.end)) {
		s.is_entry = is_entry(src, s.start);
		s.is_part = !s.is_entry;
	} else {
		sym = symbol_at(src, addr);
		if (!sym || !sym->size)
			return -ENOENT;
		s.start = sym->addr;
		s.end = sym->addr + sym->size;
	}
	err = read_bytes(src, &s);
	if (!err)
		*ret = s;
	return err;
}

/* A window on code that nobody knows the functions of. */
struct window {
	uint64_t start, end; /* addresses */
	const uint8_t *bytes;
	ZydisDecoder decoder;
	uint8_t comings[2 * SIDE_BYTES]; /* from how many places decoding comes by here */
	uint8_t targets[2 * SIDE_BYTES]; /* what leads here */
};

enum { TARGET_FORWARD = 1, TARGET_BACK = 2 };

static bool decode_at(const struct window *w, uint64_t i, ZydisDecodedInstruction *in)
{
	return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&w->decoder, NULL, w->bytes + i,
							  w->end - w->start - i, in));
}

enum way {
	WAY_ARRIVES,
	WAY_PASSES,
	WAY_ENDS, /* in bytes that do not decode */
};

/* Does decoding from `i` on arrive at `to`? */
static enum way way_to(const struct window *w, uint64_t i, uint64_t to)
{
	ZydisDecodedInstruction in;

	for (; i < to; i += in.length) {
		if (!decode_at(w, i, &in))
			return WAY_ENDS;
	}
	return i == to ? WAY_ARRIVES : WAY_PASSES;
}

bool stretch_is_passed_by(const struct code_source *src, const struct code_range *r, uint64_t addr)
{
	uint64_t into = addr - r->addr, before = into < BEFORE_BYTES ? into : BEFORE_BYTES;
	uint64_t tries = before < INSN_MAX ? before : INSN_MAX, passes = 0, prefix;
	uint8_t bytes[BEFORE_BYTES + INSN_MAX] = {};
	struct window w = { .start = addr - before, .end = addr + INSN_MAX, .bytes = bytes };

	if (!insn_decoder_init(&w.decoder) ||
	    elf_read_at(src->fd, bytes, before + INSN_MAX, r->offset + into - before) <
		(ssize_t)before)
		return false;
	prefix = before && (bytes[before - 1] == 0x64 || bytes[before - 1] == 0x65);
	for (uint64_t from = 0; from < tries; from++)
		passes += way_to(&w, from, before) == WAY_PASSES &&
			  way_to(&w, from, before - prefix) == WAY_PASSES;
	return passes * 2 > tries;
}

/* Takes away what belongs to functions that are known. True: one begins at the start now. */
static bool cut_known(const struct code_source *src, uint64_t addr, struct window *w)
{
	const struct symbol *sym = symbol_at(src, addr);
	uint64_t known = w->start, at = w->start, start, end;

	if (symbols_code_range(src->symbols, at, &start, &end) && end <= addr)
		known = at = end;
	for (; symbols_next_code(src->symbols, at, &start, &end) && end > at; at = end) {
		if (start > addr) {
			w->end = start < w->end ? start : w->end;
			break;
		}
		known = end <= addr ? end : known;
	}
	if (sym && sym->addr > known)
		known = sym->addr;
	if (known == w->start)
		return false;
	w->start = known;
	return true;
}

/*
 * Where decoding may begin so as to arrive at `to`: the first place that is come by from any byte
 * before. Decoding soon falls into step with the code, wherever it begins: what most do not arrive
 * at is no instruction. False: neither is this.
 */
static bool first_instruction(struct window *w, uint64_t to, uint64_t *ret)
{
	uint64_t tries = to < INSN_MAX ? to : INSN_MAX, arrivals = 0, i;
	ZydisDecodedInstruction in;

	for (uint64_t from = 0; from < tries; from++) {
		if (way_to(w, from, to) != WAY_ARRIVES)
			continue;
		arrivals++;
		for (i = from; i < to && decode_at(w, i, &in); i += in.length)
			w->comings[i]++;
	}
	for (i = 0; i < to && w->comings[i] != arrivals; i++)
		;
	*ret = i;
	return arrivals * 2 > tries;
}

static void mark_targets(struct window *w, uint64_t first)
{
	uint64_t size = w->end - w->start, to;
	ZydisDecodedInstruction in;

	for (uint64_t i = first; i < size && decode_at(w, i, &in); i += in.length) {
		if (!in.raw.imm[0].is_relative || in.mnemonic == ZYDIS_MNEMONIC_CALL)
			continue;
		to = i + in.length + (uint64_t)in.raw.imm[0].value.s;
		if (to < size)
			w->targets[to] |= to > i ? TARGET_FORWARD : TARGET_BACK;
	}
}

/*
 * The function around `place`, as far as that can be told: one ends with an instruction that is not
 * passed, if nothing leads to the next one. What leads back to it from farther on may be a third
 * one's.
 */
static struct stretch cut_to_function(struct window *w, uint64_t first, uint64_t place)
{
	uint64_t size = w->end - w->start;
	struct stretch s = { .start = w->start + first, .end = w->end };
	ZydisDecodedInstruction in;

	mark_targets(w, first);
	for (uint64_t i = first; i < size && decode_at(w, i, &in); i += in.length) {
		uint64_t next = i + in.length;
		bool is_ret = in.meta.category == ZYDIS_CATEGORY_RET;

		if ((!is_ret && in.meta.category != ZYDIS_CATEGORY_UNCOND_BR) || next >= size)
			continue;
		if (next > place && !(w->targets[next] & TARGET_FORWARD)) {
			s.end = w->start + next;
			break;
		}
		if (next <= place && !w->targets[next]) {
			s.start = w->start + next;
			s.is_entry = is_ret;
		}
	}
	return s;
}

/* Instructions that programs do not have, but tables among code seem to. */
static bool is_odd(const ZydisDecodedInstruction *in)
{
	switch (in->meta.category) {
	case ZYDIS_CATEGORY_DECIMAL:
	case ZYDIS_CATEGORY_FLAGOP:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_IO:
	case ZYDIS_CATEGORY_IOSTRINGOP:
	case ZYDIS_CATEGORY_SEGOP:
		return in->mnemonic != ZYDIS_MNEMONIC_INT3;
	default:
		break;
	}
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_ENTER:
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_LOOP:
	case ZYDIS_MNEMONIC_LOOPE:
	case ZYDIS_MNEMONIC_LOOPNE:
	case ZYDIS_MNEMONIC_XLAT:
		return true;
	default: /* mov between rax and an absolute address of 64 bits */
		return in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && in->opcode >= 0xa0 &&
		       in->opcode <= 0xa3;
	}
}

static bool is_plausible(const struct window *w, const struct stretch *s)
{
	ZydisDecodedInstruction in;

	for (uint64_t i = s->start - w->start; i < s->end - w->start && decode_at(w, i, &in);
	     i += in.length) {
		if (is_odd(&in))
			return false;
	}
	return true;
}

int stretch_around(const struct code_source *src, const struct code_range *r, uint64_t addr,
		   struct stretch *ret)
{
	uint64_t range_end = r->addr + r->size, first = 0, place;
	_cleanup_(stretch_done) struct stretch all = {};
	struct window w = { .start = r->addr, .end = range_end };
	bool known_start = true;
	struct stretch s;
	int err;

	if (!insn_decoder_init(&w.decoder))
		return -ENOTSUP;
	if (addr - r->addr > SIDE_BYTES) {
		w.start = addr - SIDE_BYTES;
		known_start = false;
	}
	if (range_end - addr > SIDE_BYTES)
		w.end = addr + SIDE_BYTES;
	known_start = cut_known(src, addr, &w) || known_start;
	all.start = w.start;
	all.end = w.end;
	err = read_bytes(src, &all);
	if (err)
		return err;
	w.bytes = all.bytes;
	place = addr - w.start;
	if (known_start && way_to(&w, 0, place) != WAY_ARRIVES)
		known_start = false;
	if (!known_start && !first_instruction(&w, place, &first))
		return -ENOENT;
	s = cut_to_function(&w, first, place);
	s.is_entry = s.is_entry || (known_start && s.start == w.start);
	if (!is_plausible(&w, &s))
		return -ENOENT;
	memmove(all.bytes, all.bytes + (s.start - w.start), s.end - s.start);
	s.bytes = TAKE_PTR(all.bytes);
	*ret = s;
	return 0;
}
