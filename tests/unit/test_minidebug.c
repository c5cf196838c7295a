/* SPDX-License-Identifier: GPL-2.0-only */
/* .gnu_debugdata, made as distributions make it; and damaged. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiled.h"
#include "elf_image.h"
#include "sym/elf.h"
#include "sym/minidebug.h"
#include "sym/symbols.h"

static const char source[] = "__attribute__((noipa)) static int hidden(int x) { return x * 3; }\n"
			     "int shown(int x) { return hidden(x) + 1; }\n";

/* Strips an object and leaves it the small table, packed with xz's options. */
static void reduce(struct compiled *c, const char *options)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "set -e; o=%s; objcopy -S --keep-symbol=hidden --remove-section=.gnu_debugdata "
		 "--only-keep-debug $o $o.mini; xz %s $o.mini; "
		 "objcopy -S --add-section .gnu_debugdata=$o.mini.xz $o; rm $o.mini.xz",
		 c->path, options);
	cr_assert_eq(system(command), 0, "%s", command);
	symbols_free(c->symbols);
	close(c->fd);
	c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(symbols_open(c->fd, c->path, "", &c->symbols), 0);
}

static void make(struct compiled *c, const char *options, uint64_t *hidden)
{
	if (system("command -v xz >/dev/null && command -v objcopy >/dev/null"))
		cr_skip_test("xz or objcopy is not installed");
	compiled_open(c, "gcc -O2 -shared -fPIC -x c -", source);
	*hidden = symbols_offset_of(c->symbols, compiled_addr(c, "hidden"));
	reduce(c, options);
}

Test(minidebug, names_functions_that_only_the_packed_table_has)
{
	static const char *const options[] = { "-6", "-9e", "--check=crc64" };

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		struct compiled c = {};
		const struct symbol *sym;
		uint64_t hidden;

		make(&c, options[i], &hidden);
		sym = symbols_find(c.symbols, hidden);
		cr_assert_not_null(sym);
		cr_expect_str_eq(sym->name, "hidden");
		cr_expect_gt(sym->size, 0);
		cr_expect_not_null(elf_image_symbol(c.symbols, "shown"));
		cr_expect(symbols_traits(c.symbols)->has_symtab);
		compiled_done(&c);
	}
}

struct flips {
	GElf_Shdr section;
	uint32_t seed;
};

static void flip(uint8_t *bytes, size_t n, void *arg)
{
	struct flips *f = arg;

	cr_assert(f->section.sh_offset + f->section.sh_size <= n);
	f->seed = f->seed * 1664525 + 1013904223;
	bytes[f->section.sh_offset + (f->seed >> 8) % f->section.sh_size] ^=
	    (uint8_t)(1 << (f->seed >> 28 & 7));
}

Test(minidebug, does_without_what_is_damaged)
{
	struct compiled c = {};
	struct elf_file *f;
	struct flips flips = { .seed = 1 };
	uint64_t hidden;
	int packed;

	make(&c, "-6", &hidden);
	cr_assert_eq(elf_file_open(c.fd, &f), 0);
	flips.section = elf_section_named(f, ".gnu_debugdata")->header;
	packed = minidebug_open(f);
	cr_expect_geq(packed, 0);
	close(packed);
	for (int i = 0; i < 100; i++) {
		int fd = compiled_copy(&c, flip, &flips);
		struct symbols *s = NULL;
		const struct symbol *sym;

		cr_assert_eq(symbols_open(fd, NULL, "", &s), 0);
		sym = symbols_find(s, hidden);
		/* xz has checksums: what is damaged is noticed. */
		cr_expect(!sym || !strcmp(sym->name, "hidden"));
		cr_expect_not_null(elf_image_symbol(s, "shown"));
		symbols_free(s);
		close(fd);
	}
	elf_file_free(f);
	compiled_done(&c);
}

Test(minidebug, bounds_what_it_unpacks)
{
	char path[] = "/tmp/pathbpf-bomb.XXXXXX", command[512];
	struct elf_file *f;
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	close(fd);
	snprintf(
	    command, sizeof(command),
	    "command -v xz >/dev/null || exit 0; set -e; head -c 300M /dev/zero | xz -1 >%s.xz; "
	    "objcopy --add-section .gnu_debugdata=%s.xz /bin/true %s; rm %s.xz",
	    path, path, path, path);
	cr_assert_eq(system(command), 0, "%s", command);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (elf_file_open(fd, &f))
		cr_skip_test("xz is not installed");
	cr_expect_eq(minidebug_open(f), -EFBIG);
	elf_file_free(f);
	close(fd);
	unlink(path);
}
