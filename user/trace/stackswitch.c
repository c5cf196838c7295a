/* SPDX-License-Identifier: GPL-2.0-only */
/* Code that goes on with another stack. */
#include "trace/stackswitch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/elf.h"
#include "trace/spstep.h"
#include "trace/stretch.h"

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

#define CHUNK_BYTES (1UL << 17)
#define BLOCK       16 /* bytes that are looked at at once */
#define AHEAD       4  /* bytes behind a place that are looked at with it */

/* What a look costs, in bytes decoded, and how many may be: hostile files are full of suspicion. */
#define PASSING_COST 1024
#define AROUND_COST  8192
#define COST_MAX     (1UL << 26)

struct search {
	struct code_source src;
	uint64_t done; /* code below is decided */
	uint64_t cost;
	struct stackswitch found;
};

typedef uint8_t bytes16 __attribute__((vector_size(BLOCK)));
typedef uint64_t words2 __attribute__((vector_size(BLOCK)));

static bytes16 block_at(const uint8_t *p)
{
	bytes16 b;

	memcpy(&b, p, sizeof(b));
	return b;
}

/*
 * Might an instruction that loads rsp begin in one of 16 bytes? It begins with REX.W and names rsp
 * in its third byte: as what 89 (mov), 01 (add) or 87 (xchg) writes to, or 8b (mov), 8d (lea),
 * 03 (add) or again 87; or it is xchg %rax, %rsp.
 */
static bool block_is_suspicious(const uint8_t *p)
{
	bytes16 rex = block_at(p), opcode = block_at(p + 1), modrm = block_at(p + 2);
	bytes16 to_rm = (bytes16)((opcode == 0x89) | (opcode == 0x01) | (opcode == 0x87));
	bytes16 to_reg =
	    (bytes16)((opcode == 0x8b) | (opcode == 0x8d) | (opcode == 0x03) | (opcode == 0x87));
	words2 found;

	to_rm &= (bytes16)(((rex & 0xf9) == 0x48) & ((modrm & 0xc7) == 0xc4));
	to_reg &= (bytes16)(((rex & 0xfc) == 0x48) & ((modrm & 0x38) == 0x20));
	found = (words2)(to_rm | to_reg | (bytes16)((rex == 0x48) & (opcode == 0x94)));
	return found[0] | found[1];
}

/* The same of one place, but for what ends functions as a rule: rbp, or rsp and a number. */
static bool is_suspicious(const uint8_t *p)
{
	uint8_t rex = p[0], modrm = p[2];
	uint8_t rm = (uint8_t)((modrm & 7) | (rex & 1) << 3);
	uint8_t reg = (uint8_t)((modrm >> 3 & 7) | (rex & 4) << 1);
	bool memory = modrm < 0xc0;

	if ((rex & 0xf8) != 0x48)
		return false;
	switch (p[1]) {
	case 0x01:
		return !memory && rm == SP_RSP;
	case 0x03:
		return reg == SP_RSP;
	case 0x87:
		return reg == SP_RSP || (!memory && rm == SP_RSP);
	case 0x89:
		return !memory && rm == SP_RSP && reg != SP_RBP && reg != SP_RSP;
	case 0x8b:
		return reg == SP_RSP && (memory || (rm != SP_RBP && rm != SP_RSP));
	case 0x8d:
		return reg == SP_RSP && memory && !(modrm >= 0x40 && rm == SP_RBP) &&
		       !(rm == SP_RSP && p[3] == 0x24);
	case 0x94:
		return rex == 0x48;
	default:
		return false;
	}
}

static int look_at(struct search *s, const struct stretch *at, uint64_t *ret_decoded)
{
	struct spflow_code code = { .bytes = at->bytes,
				    .size = at->end - at->start,
				    .addr = at->start,
				    .is_entry = at->is_entry,
				    .is_part = at->is_part };
	struct spflow flow;
	int err = spflow_find(&code, &flow);

	if (err)
		return err;
	s->cost += code.size;
	*ret_decoded = flow.decoded;
	if (flow.kind > s->found.kind)
		s->found = (struct stackswitch){ flow.kind, flow.at };
	return 0;
}

static int look(struct search *s, const struct code_range *r, uint64_t addr)
{
	_cleanup_(stretch_done) struct stretch function = {}, around = {};
	uint64_t decoded;
	int err;

	s->cost += PASSING_COST;
	if (s->cost > COST_MAX || stretch_is_passed_by(&s->src, r, addr))
		return 0;
	err = stretch_of_function(&s->src, addr, &function);
	if (!err) {
		err = look_at(s, &function, &decoded);
		if (err || decoded > addr) {
			s->done = function.end;
			return err;
		}
	}
	s->cost += AROUND_COST;
	err = err == -ENOMEM ? err : stretch_around(&s->src, r, addr, &around);
	if (err == -ENOENT && addr > r->addr) /* it may begin with a prefix */
		err = stretch_around(&s->src, r, addr - 1, &around);
	if (err)
		return err == -ENOENT ? 0 : err;
	return look_at(s, &around, &decoded);
}

static int search_bytes(struct search *s, const struct code_range *r, const uint8_t *bytes,
			size_t size, uint64_t addr)
{
	int err = 0;

	for (size_t i = 0; i < size && !err && s->found.kind != SPFLOW_SWITCH; i += BLOCK) {
		if (!block_is_suspicious(bytes + i))
			continue;
		for (size_t k = i; k < i + BLOCK && k < size && !err; k++) {
			if (addr + k >= s->done && is_suspicious(bytes + k))
				err = look(s, r, addr + k);
		}
	}
	return err;
}

static int search_range(struct search *s, const struct code_range *r, uint8_t *chunk)
{
	int err = 0;

	s->done = 0;
	for (uint64_t at = 0; at < r->size && !err; at += CHUNK_BYTES) {
		uint64_t size = r->size - at < CHUNK_BYTES ? r->size - at : CHUNK_BYTES;
		ssize_t got = elf_read_at(s->src.fd, chunk, CHUNK_BYTES + AHEAD, r->offset + at);

		if (got < 0)
			return (int)got;
		if (size > (size_t)got)
			return -EIO; /* it has shrunk */
		memset(chunk + got, 0, CHUNK_BYTES + BLOCK + AHEAD - (size_t)got);
		err = search_bytes(s, r, chunk, size, r->addr + at);
	}
	return err;
}

/* The part of a section that a segment brings into memory as code. */
static bool range_of(const struct elf_file *elf, const struct elf_section *section,
		     struct code_range *ret)
{
	const GElf_Shdr *h = &section->header;
	const struct elf_segment *segment = elf_segment_of(&elf->segments, h->sh_addr);
	uint64_t into;

	if (h->sh_type != SHT_PROGBITS || !(h->sh_flags & SHF_EXECINSTR) || !segment ||
	    !segment->exec)
		return false;
	into = h->sh_addr - segment->addr;
	ret->addr = h->sh_addr;
	ret->offset = segment->offset + into;
	ret->size = h->sh_size < segment->size - into ? h->sh_size : segment->size - into;
	return true;
}

/* Sections leave out the data of segments that hold both; not every file has them. */
static int search_file(struct search *s, const struct elf_file *elf, uint8_t *chunk)
{
	bool has_sections = false;
	struct code_range r;
	int err = 0;

	vec_foreach (section, &elf->sections) {
		if (err || !range_of(elf, section, &r))
			continue;
		has_sections = true;
		err = search_range(s, &r, chunk);
	}
	vec_foreach (segment, &elf->segments) {
		if (err || has_sections || !segment->exec)
			continue;
		r = (struct code_range){ segment->addr, segment->offset, segment->size };
		err = search_range(s, &r, chunk);
	}
	return err;
}

int stackswitch_find(int fd, const struct symbols *symbols, struct stackswitch *ret)
{
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES + BLOCK + AHEAD);
	_cleanup_(elf_file_freep) struct elf_file *elf = NULL;
	struct search s = { .src = { fd, symbols } };
	int err;

	if (!chunk)
		return -ENOMEM;
	err = elf_file_open(fd, &elf);
	err = err ? err : search_file(&s, elf, chunk);
	if (err)
		return err;
	*ret = s.found;
	return 0;
}
