/* SPDX-License-Identifier: GPL-2.0-only */
/* Jumps from anywhere in an object into the first instructions of its functions. */
#include "trace/intruders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sym/elf.h"
#include "trace/insn.h"

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

#define CHUNK_BYTES (1UL << 20)
#define BRANCH_MAX  6 /* bytes of the longest branch, without prefixes */
#define FILTER_BITS 20
#define CODE_MAX    (1UL << 20)

struct search {
	int fd;
	const struct symbols *symbols;
	struct guarded *ranges;
	size_t n;
	uint8_t *filter; /* a bit for each 64 bytes of addresses, taken modulo 2^FILTER_BITS */
};

static uint64_t filter_bit(uint64_t addr)
{
	return (addr >> 6) & ((1UL << FILTER_BITS) - 1);
}

static void filter_add(const struct search *s, const struct guarded *g)
{
	for (uint64_t block = g->from >> 6; block <= g->to >> 6; block++) {
		uint64_t bit = filter_bit(block << 6);

		s->filter[bit / 8] |= (uint8_t)(1 << (bit % 8));
	}
}

static struct guarded *range_of(const struct search *s, uint64_t addr)
{
	uint64_t bit = filter_bit(addr);
	size_t low = 0, high = s->n;

	if (!(s->filter[bit / 8] & (1 << (bit % 8))))
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->ranges[middle].from <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && addr <= s->ranges[low - 1].to ? &s->ranges[low - 1] : NULL;
}

/* What the bytes name as a target, should a branch begin there. */
static bool branch_target(const uint8_t *p, uint64_t at, uint64_t *ret)
{
	int32_t offset;

	switch (p[0]) {
	case 0x70 ... 0x7f:
	case 0xe0 ... 0xe3:
	case 0xeb:
		*ret = at + 2 + (uint64_t)(int8_t)p[1];
		return true;
	case 0xe8:
	case 0xe9:
		memcpy(&offset, p + 1, sizeof(offset));
		*ret = at + 5 + (uint64_t)offset;
		return true;
	case 0x0f:
		memcpy(&offset, p + 2, sizeof(offset));
		*ret = at + 6 + (uint64_t)offset;
		return (p[1] & 0xf0) == 0x80;
	default:
		return false;
	}
}

/* Does an instruction there lead to the target? Decided by decoding from the start of its code. */
static bool leads_to(const struct search *s, uint64_t at, uint64_t target)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in = {};
	uint64_t start, end, i, offset, real = ~target;
	ZydisDecoder decoder;

	if (!symbols_code_range(s->symbols, at, &start, &end) || end - start > CODE_MAX ||
	    !insn_decoder_init(&decoder))
		return true; /* nobody knows */
	offset = symbols_offset_of(s->symbols, start);
	bytes = malloc(end - start);
	if (!bytes || offset == UINT64_MAX ||
	    pread(s->fd, bytes, end - start, (off_t)offset) != (ssize_t)(end - start))
		return true;
	/* With a prefix the instruction begins before `at`. */
	for (i = 0; start + i <= at; i += in.length) {
		if (ZYAN_FAILED(
			ZydisDecoderDecodeFull(&decoder, bytes + i, end - start - i, &in, ops)))
			return true;
	}
	i -= in.length;
	return in.operand_count_visible && insn_relative_target(&in, &ops[0], start + i, &real) &&
	       real == target;
}

static void search_bytes(const struct search *s, const uint8_t *bytes, size_t size, uint64_t addr)
{
	for (size_t i = 0; i < size; i++) {
		struct guarded *g;
		uint64_t target;

		if (!branch_target(bytes + i, addr + i, &target))
			continue;
		g = range_of(s, target);
		if (g && !g->entered)
			g->entered = leads_to(s, addr + i, target);
	}
}

static int search_segment(const struct search *s, const struct elf_segment *segment, uint8_t *chunk)
{
	for (uint64_t done = 0; done < segment->size; done += CHUNK_BYTES) {
		ssize_t got =
		    pread(s->fd, chunk, CHUNK_BYTES + BRANCH_MAX, (off_t)(segment->offset + done));
		size_t size = segment->size - done;

		if (got < 0)
			return -errno;
		if (size > CHUNK_BYTES)
			size = CHUNK_BYTES;
		if (size > (size_t)got)
			return -EIO; /* it has shrunk */
		memset(chunk + got, 0, CHUNK_BYTES + BRANCH_MAX - (size_t)got);
		search_bytes(s, chunk, size, segment->addr + done);
	}
	return 0;
}

int intruders_find(int fd, const struct symbols *symbols, struct guarded *ranges, size_t n)
{
	_cleanup_free_ uint8_t *filter = calloc(1UL << (FILTER_BITS - 3), 1);
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES + BRANCH_MAX);
	_cleanup_(elf_file_freep) struct elf_file *elf = NULL;
	struct search s = {
		.fd = fd, .symbols = symbols, .ranges = ranges, .n = n, .filter = filter
	};
	int err;

	if (!filter || !chunk)
		return -ENOMEM;
	err = elf_file_open(fd, &elf);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		ranges[i].entered = false;
		filter_add(&s, &ranges[i]);
	}
	vec_foreach (segment, &elf->segments) {
		err = !err && segment->exec ? search_segment(&s, segment, chunk) : err;
	}
	return err;
}
