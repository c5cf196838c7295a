/* SPDX-License-Identifier: GPL-2.0-only */
/* Builds a small Go program for tests. */
#include "go_program.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"

static const char source[] = "package main\n"
			     "type shop struct{ n int }\n"
			     "//go:noinline\n"
			     "func (s *shop) sell(n int) int { s.n += n; return s.n }\n"
			     "//go:noinline\n"
			     "func double[T int | float64](x T) T { return x + x }\n"
			     "func main() { s := &shop{}; println(s.sell(2), double(3)) }\n";

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "we");

	cr_assert(f && fwrite(data, 1, len, f) == len && !fclose(f), "cannot write %s", path);
}

static void read_file(const char *path, struct buf *file)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char chunk[65536];
	size_t n;

	cr_assert(f, "cannot read %s", path);
	while ((n = fread(chunk, 1, sizeof(chunk), f)))
		buf_add(file, chunk, n);
	cr_assert(!file->err && file->len);
}

static void make_dir(char dir[64])
{
	snprintf(dir, 64, "/tmp/pathbpf-go.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
}

static void remove_dir(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	cr_expect_eq(system(command), 0);
}

bool go_program_is_possible(void)
{
	return !system("command -v go >/dev/null");
}

/* Builds a program in a folder, as file `program` there. */
static void build(const char *dir, const char *text, const char *flags, bool cgo)
{
	char path[128], command[768];

	snprintf(path, sizeof(path), "%s/main.go", dir);
	write_file(path, text, strlen(text));
	snprintf(
	    command, sizeof(command),
	    "cd %s && GOCACHE=\"${GOCACHE:-${HOME:-%s}/.cache/go-build}\" GOFLAGS= GOPROXY=off "
	    "GOTOOLCHAIN=local CGO_ENABLED=%d go build -buildvcs=false -o program %s main.go",
	    dir, dir, cgo, flags);
	cr_assert_eq(system(command), 0, "%s", command);
}

void go_program_build(const char *flags, bool cgo, struct buf *file)
{
	go_program_build_text(source, flags, cgo, file);
}

void go_program_build_text(const char *text, const char *flags, bool cgo, struct buf *file)
{
	char dir[64], path[128];

	make_dir(dir);
	build(dir, text, flags, cgo);
	snprintf(path, sizeof(path), "%s/program", dir);
	read_file(path, file);
	remove_dir(dir);
}

FILE *go_program_run(const char *text, const char *flags, struct buf *file)
{
	char dir[64], path[128], command[256];
	FILE *output;

	make_dir(dir);
	build(dir, text, flags, false);
	snprintf(path, sizeof(path), "%s/program", dir);
	read_file(path, file);
	snprintf(command, sizeof(command), "%s/program > %s/output", dir, dir);
	cr_assert_eq(system(command), 0);
	snprintf(path, sizeof(path), "%s/output", dir);
	output = fopen(path, "re");
	cr_assert_not_null(output);
	remove_dir(dir);
	return output;
}

uint64_t go_program_nm(const struct buf *file, const char *name)
{
	char dir[64], path[128], command[256], line[1024];
	uint64_t addr, found = 0;
	FILE *nm;
	int at;

	make_dir(dir);
	snprintf(path, sizeof(path), "%s/program", dir);
	write_file(path, file->data, file->len);
	snprintf(command, sizeof(command), "nm '%s'", path);
	nm = popen(command, "re");
	while (nm && fgets(line, sizeof(line), nm)) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%lx %*c %n", &addr, &at) == 1 && !strcmp(line + at, name))
			found = addr;
	}
	cr_expect(nm && !pclose(nm));
	remove_dir(dir);
	return found;
}

struct symbols *go_program_open_headless(struct buf *file)
{
	Elf64_Ehdr *e = (Elf64_Ehdr *)file->data;
	struct symbols *s = NULL;

	e->e_shoff = 0;
	e->e_shnum = e->e_shstrndx = 0;
	cr_assert_eq(symbols_open_memory(file->data, file->len, &s), 0);
	return s;
}
