/* SPDX-License-Identifier: GPL-2.0-only */
/* Separate debug files, found through symbols_open(). */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "elf_image.h"
#include "lib/cleanup.h"
#include "sym/symbols.h"

#define ID_A "0123456789abcdefghij"
#define ID_B "0123456789abcdefghi?"

static char dir[64];

static void make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/pathbpf-debugfile.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
}

static void remove_dir(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(debugfile, .init = make_dir, .fini = remove_dir);

static void make_parents(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		cr_assert(!mkdir(path, 0755) || errno == EEXIST);
		*p = '/';
	}
}

/* Writes a file under the test's directory and gives its CRC. */
static uint32_t write_image(struct elf_image *im, const char *name)
{
	struct buf file = {};
	char path[256];
	uint32_t crc;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", dir, name);
	make_parents(path);
	elf_image_write(im, &file);
	f = fopen(path, "we");
	cr_assert(f && fwrite(file.data, 1, file.len, f) == file.len && !fclose(f));
	crc = (uint32_t)crc32(0, (const Bytef *)file.data, (uInt)file.len);
	buf_done(&file);
	elf_image_done(im);
	return crc;
}

static uint32_t write_debug(const char *name, const char *id)
{
	struct elf_image im = {};

	elf_image_add_function(&im, "known_by_debug_file", 0x10, 8, STB_LOCAL);
	if (id)
		elf_image_set_build_id(&im, id, 20);
	return write_image(&im, name);
}

static void write_stripped(const char *id, const char *link, uint32_t crc)
{
	struct elf_image im = {};

	if (id)
		elf_image_set_build_id(&im, id, 20);
	if (link)
		elf_image_set_debuglink(&im, link, crc);
	write_image(&im, "/opt/program");
}

/* Is the debug file found for /opt/program, with the test's directory as root or not? */
static bool finds(bool by_root)
{
	_cleanup_close_ int fd = -1;
	struct symbols *s = NULL;
	const struct symbol *sym;
	char path[256];
	bool found;

	snprintf(path, sizeof(path), "%s/opt/program", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_assert_eq(symbols_open(fd, by_root ? "/opt/program" : path, by_root ? dir : "", &s), 0);
	sym = symbols_find(s, IMAGE_TEXT_OFFSET + 0x10);
	found = sym && !strcmp(sym->name, "known_by_debug_file");
	cr_assert_eq(symbols_traits(s)->has_symtab, found);
	symbols_free(s);
	return found;
}

#define BY_ID "/usr/lib/debug/.build-id/30/3132333435363738396162636465666768696a.debug"

Test(debugfile, is_found_by_build_id)
{
	write_stripped(ID_A, NULL, 0);
	cr_expect_not(finds(true));
	write_debug(BY_ID, ID_A);
	cr_expect(finds(true));
}

Test(debugfile, of_another_build_is_refused)
{
	write_stripped(ID_A, NULL, 0);
	write_debug(BY_ID, ID_B);
	cr_expect_not(finds(true));
}

Test(debugfile, is_found_by_link_in_each_place)
{
	static const char *const places[] = { "/opt/program.debug", "/opt/.debug/program.debug",
					      "/usr/lib/debug/opt/program.debug" };

	for (size_t i = 0; i < 3; i++) {
		char path[256];
		uint32_t crc = write_debug(places[i], NULL);

		write_stripped(NULL, "program.debug", crc);
		cr_expect(finds(true), "%s", places[i]);
		cr_expect_eq(finds(false), i < 2, "%s", places[i]);
		snprintf(path, sizeof(path), "%s%s", dir, places[i]);
		cr_assert_eq(unlink(path), 0);
		cr_expect_not(finds(true));
	}
}

Test(debugfile, with_a_wrong_checksum_is_refused)
{
	uint32_t crc = write_debug("/opt/program.debug", NULL);

	write_stripped(NULL, "program.debug", crc + 1);
	cr_expect_not(finds(false));
}

Test(debugfile, is_not_sought_where_a_link_leads_elsewhere)
{
	uint32_t crc = write_debug("/etc/secret", NULL);

	write_stripped(NULL, "../etc/secret", crc);
	cr_expect_not(finds(false));
	cr_expect_not(finds(true));
}

Test(debugfile, that_is_the_stripped_object_itself_does_not_count)
{
	write_stripped(ID_A, "program", 0);
	cr_expect_not(finds(false));
}

Test(debugfile, that_is_a_fifo_does_not_hold_us_up)
{
	char path[256];

	write_stripped(NULL, "program.debug", 1);
	snprintf(path, sizeof(path), "%s/opt/program.debug", dir);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_not(finds(false));
}

Test(debugfile, of_the_c_library_is_found_when_installed)
{
	_cleanup_close_ int fd = open("/lib/x86_64-linux-gnu/libc.so.6", O_RDONLY | O_CLOEXEC);
	struct symbols *s = NULL;
	char path[256], *p = path;
	const struct elf_traits *t;

	cr_assert_eq(symbols_open(fd, "/lib/x86_64-linux-gnu/libc.so.6", "", &s), 0);
	t = symbols_traits(s);
	p += sprintf(p, "/usr/lib/debug/.build-id/%02x/", t->build_id[0]);
	for (uint32_t i = 1; i < t->build_id_len; i++)
		p += sprintf(p, "%02x", t->build_id[i]);
	strcpy(p, ".debug");
	cr_expect_eq(t->has_symtab, !access(path, R_OK));
	symbols_free(s);
}
