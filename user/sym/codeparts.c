/* SPDX-License-Identifier: GPL-2.0-only */
/* The pieces of a function that its compiler split. */
#include "sym/codeparts.h"

#include <Zydis/Zydis.h>

#include "lib/cleanup.h"
#include "sym/elf.h"
#include "sym/unwindinfo.h"

DEFINE_CLEANUP(struct elf_file *, elf_file_free)
DEFINE_CLEANUP(struct unwindinfo *, unwindinfo_free)

#define FUNCTION_MAX (1 << 20) /* bytes */
#define PARTS_MAX    16

struct search {
	const struct unwindinfo *unwind;
	struct cfi_function f;
	const uint8_t *code;
	size_t size;
	code_parts *parts;
	size_t first; /* of ours in parts */
};

static bool is_known(const struct search *s, uint64_t addr)
{
	for (size_t i = s->first; i < s->parts->n; i++) {
		if (addr >= s->parts->v[i].start && addr < s->parts->v[i].end)
			return true;
	}
	return false;
}

/* A function begins with nothing on the stack but the return address; what is jumped to, too. */
static int see_target(struct search *s, uint64_t addr)
{
	struct cfi_function f;
	struct cfi_state at_start;

	if (is_known(s, addr) || s->parts->n - s->first >= PARTS_MAX ||
	    !unwindinfo_function(s->unwind, addr, &f))
		return 0;
	at_start = unwindinfo_state(s->unwind, f.start);
	if (at_start.frame == CFI_NO_FRAME && at_start.base_words <= 1)
		return 0;
	return vec_push(s->parts, (struct code_part){ f.start, f.end });
}

/* Direct jumps. What lies between instructions is passed over, a byte at a time. */
static int follow_jumps(struct search *s)
{
	ZydisDecodedInstruction insn;
	ZydisDecoder decoder;
	int err = 0;

	if (!ZYAN_SUCCESS(
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return 0;
	for (size_t at = 0; !err && at < s->size;) {
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, s->code + at,
								s->size - at, &insn))) {
			at++;
			continue;
		}
		at += insn.length;
		if ((insn.meta.category == ZYDIS_CATEGORY_COND_BR ||
		     insn.meta.category == ZYDIS_CATEGORY_UNCOND_BR) &&
		    insn.raw.imm[0].size && insn.raw.imm[0].is_relative)
			err = see_target(s, s->f.start + at + (uint64_t)insn.raw.imm[0].value.s);
	}
	return err;
}

int codeparts_find(int fd, uint64_t addr, code_parts *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	_cleanup_(unwindinfo_freep) struct unwindinfo *unwind = NULL;
	_cleanup_free_ uint8_t *code = NULL;
	struct search s = { .parts = ret, .first = ret->n };
	struct unwindinfo_place place;
	uint64_t offset;
	ssize_t n;
	int err = elf_file_open(fd, &file);

	if (err)
		return err;
	place = unwindinfo_locate(file);
	err = place.size ? unwindinfo_read(fd, &place, &file->segments, &unwind) : -ENOENT;
	if (err)
		return err;
	s.unwind = unwind;
	offset = elf_offset_of(&file->segments, addr);
	if (!unwindinfo_function(unwind, addr, &s.f) || s.f.start != addr || offset == ELF_NONE ||
	    s.f.end - s.f.start > FUNCTION_MAX)
		return -ENOENT;
	code = malloc(s.f.end - s.f.start);
	if (!code)
		return -ENOMEM;
	n = elf_read_at(fd, code, s.f.end - s.f.start, offset);
	s.code = code;
	s.size = n > 0 ? (size_t)n : 0;
	err = vec_push(ret, (struct code_part){ s.f.start, s.f.end });
	return err ? err : follow_jumps(&s);
}
