/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where entries are probed in the programs of this machine: each site is held against a decoding
 * of its function and against the unwind tables, which tell the stack pointer independently.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <Zydis/Zydis.h>

#include "elf_image.h"
#include "lib/cleanup.h"
#include "sym/elf.h"
#include "trace/entries.h"

#define BYTES_MAX 0x20000

/* A function of an object, decoded once more. */
struct function {
	const struct symbols *symbols;
	const char *path;
	struct symbol sym;
	uint8_t bytes[BYTES_MAX];
	bool starts[BYTES_MAX]; /* where instructions begin */
	size_t decoded;         /* up to where */
};

struct totals {
	size_t functions, first, fixed, moving;
};

static void decode(struct function *f)
{
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	memset(f->starts, 0, sizeof(f->starts));
	for (f->decoded = 0; f->decoded < f->sym.size; f->decoded += in.length) {
		if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder, NULL, f->bytes + f->decoded,
							      f->sym.size - f->decoded, &in)))
			return;
		f->starts[f->decoded] = true;
	}
}

/* By the bytes alone: what Linux 6.17 emulates. */
static bool looks_emulated(const uint8_t *p)
{
	if (p[0] == 0xf2 || p[0] == 0x66 || p[0] == 0x41)
		p++;
	return (p[0] >= 0x50 && p[0] <= 0x57) || (p[0] >= 0x70 && p[0] <= 0x7f) || p[0] == 0x90 ||
	       p[0] == 0xe8 || p[0] == 0xe9 || p[0] == 0xeb ||
	       (p[0] == 0x0f && (p[1] == 0x1f || (p[1] & 0xf0) == 0x80));
}

/* Where a branch of fixed target leads; 0: it is none. */
static uint64_t target_of(const uint8_t *p, uint64_t addr)
{
	int32_t offset;

	if ((p[0] & 0xf0) == 0x70 || p[0] == 0xeb || (p[0] & 0xfc) == 0xe0)
		return addr + 2 + (uint64_t)(int8_t)p[1];
	if (p[0] == 0xe8 || p[0] == 0xe9) {
		memcpy(&offset, p + 1, sizeof(offset));
		return addr + 5 + (uint64_t)offset;
	}
	if (p[0] == 0x0f && (p[1] & 0xf0) == 0x80) {
		memcpy(&offset, p + 2, sizeof(offset));
		return addr + 6 + (uint64_t)offset;
	}
	return 0;
}

static void check_site(const struct function *f, const struct entry_site *site)
{
	uint64_t at = f->sym.addr + site->skip;
	uint32_t base_words, rbp_words;

	cr_assert_lt(site->skip, f->sym.size);
	cr_assert(f->starts[site->skip], "%s: %#lx is no instruction", f->path, at);
	if (site->class != SITE_STEPPED)
		cr_assert(looks_emulated(f->bytes + site->skip), "%s: %#lx is not emulated",
			  f->path, at);
	if (!site->skip)
		return;
	cr_assert_neq(site->class, SITE_STEPPED, "%s: %#lx", f->path, at);
	cr_assert_eq(f->decoded, f->sym.size, "%s: %#lx in what is no code", f->path, at);
	for (uint64_t i = 0; i < f->sym.size; i++) {
		uint64_t target = f->starts[i] ? target_of(f->bytes + i, f->sym.addr + i) : 0;

		cr_assert(target <= f->sym.addr || target > at, "%s: %#lx is jumped to", f->path,
			  at);
		cr_assert(!target || i >= site->skip, "%s: %#lx is behind a branch", f->path, at);
	}
	if (symbols_frame_base(f->symbols, f->sym.offset + site->skip, &base_words, &rbp_words) &&
	    symbols_frame_base(f->symbols, f->sym.offset, &(uint32_t){ 0 }, &rbp_words))
		cr_assert_eq(site->sp_moved, 8 * base_words - 8, "%s: %#lx: rsp by %u", f->path, at,
			     site->sp_moved);
}

static void check_function(struct function *f, int fd, struct totals *t)
{
	struct entry_site fixed, moving, kept;
	const char *why;
	int err;

	if (f->sym.size > BYTES_MAX)
		return;
	cr_assert_eq(pread(fd, f->bytes, f->sym.size, (off_t)f->sym.offset), (ssize_t)f->sym.size);
	decode(f);
	err = entry_find(fd, f->symbols, &f->sym, &(struct entry_wants){}, &fixed, &why);
	if (err) {
		cr_assert_eq(err, -ENOTSUP);
		cr_assert(!f->starts[0] || f->bytes[0] == 0xcc, "%s: %#lx: %s", f->path,
			  f->sym.addr, why);
		return;
	}
	cr_assert_eq(entry_find(fd, f->symbols, &f->sym, &(struct entry_wants){ true, 0, false },
				&moving, &why),
		     0);
	cr_assert_eq(entry_find(fd, f->symbols, &f->sym,
				&(struct entry_wants){ true, ENTRY_ARGS_C, false }, &kept, &why),
		     0);
	check_site(f, &fixed);
	check_site(f, &moving);
	check_site(f, &kept);
	cr_assert_eq(fixed.sp_moved, 0);
	t->functions++;
	t->first += fixed.class != SITE_STEPPED && !fixed.skip;
	t->fixed += fixed.class != SITE_STEPPED;
	t->moving += moving.class != SITE_STEPPED;
}

/* All pieces of code that begin as functions do, with the return address alone on the stack. */
static struct totals check_object(const char *path)
{
	struct symbols *symbols = elf_image_open_file(path);
	struct function *f = calloc(1, sizeof(*f));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct elf_file *elf = NULL;
	struct totals t = {};

	cr_assert(f && fd >= 0);
	cr_assert_eq(elf_file_open(fd, &elf), 0);
	vec_foreach (segment, &elf->segments) {
		uint64_t end = segment->addr + (segment->exec ? segment->size : 0), start, next;
		uint32_t base_words, rbp_words;

		for (uint64_t addr = segment->addr; addr < end; addr = next) {
			next = addr + 1;
			if (!symbols_code_range(symbols, addr, &start, &next))
				continue;
			f->symbols = symbols;
			f->path = path;
			f->sym = (struct symbol){ .name = "",
						  .addr = start,
						  .offset = symbols_offset_of(symbols, start),
						  .size = next - start };
			if (symbols_frame_base(symbols, f->sym.offset, &base_words, &rbp_words) &&
			    base_words == 1)
				check_function(f, fd, &t);
		}
	}
	elf_file_free(elf);
	symbols_free(symbols);
	close(fd);
	free(f);
	return t;
}

static void check_if_there(const char *path, size_t least_pct)
{
	struct totals t;

	if (access(path, R_OK))
		cr_skip_test("no %s here", path);
	t = check_object(path);
	cr_expect_gt(t.functions, 500, "%s: %zu functions", path, t.functions);
	cr_expect_geq(t.moving, t.fixed);
	cr_expect_gt(t.fixed, t.first);
	cr_expect_geq(100 * t.fixed, least_pct * t.functions, "%s: %zu of %zu", path, t.fixed,
		      t.functions);
}

Test(entries, are_instructions_that_calls_of_libc_come_through)
{
	check_if_there("/lib/x86_64-linux-gnu/libc.so.6", 65);
}

Test(entries, are_instructions_that_calls_of_redis_come_through)
{
	check_if_there("/usr/bin/redis-server", 80);
}

Test(entries, are_instructions_that_calls_of_nginx_come_through)
{
	check_if_there("/usr/sbin/nginx", 80);
}

Test(entries, are_instructions_that_calls_of_postgres_come_through)
{
	check_if_there("/usr/lib/postgresql/15/bin/postgres", 80);
}

__attribute__((noipa)) static int a_function(int value)
{
	return value + 1;
}

Test(entries, are_not_looked_for_outside_the_file)
{
	const char *path = "/proc/self/exe", *why = NULL;
	struct symbols *symbols = elf_image_open_file(path);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct symbol *known = elf_image_symbol(symbols, "a_function");
	struct entry_site site = { .skip = 99 };
	struct symbol sym;

	cr_assert_eq(a_function(1), 2);
	cr_assert_not_null(known);
	cr_expect_eq(entry_find(fd, symbols, known, &(struct entry_wants){}, &site, &why), 0);
	site.skip = 99;
	sym = *known;
	sym.size = 0;
	cr_expect_eq(entry_find(fd, symbols, &sym, &(struct entry_wants){}, &site, &why), -ENOTSUP);
	sym = *known;
	sym.addr = 0xffffffffff000000;
	cr_expect_eq(entry_find(fd, symbols, &sym, &(struct entry_wants){}, &site, &why), -ENOTSUP);
	sym = *known;
	sym.size = UINT64_MAX - sym.addr;
	cr_expect_eq(entry_find(fd, symbols, &sym, &(struct entry_wants){}, &site, &why), -ENOTSUP);
	cr_expect_not_null(why);
	cr_expect_eq(site.skip, 99);
	symbols_free(symbols);
}
