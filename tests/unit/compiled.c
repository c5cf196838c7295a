/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects that tests compile. */
#include "compiled.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_image.h"
#include "lib/cleanup.h"
#include "sym/symbols.h"

void compiled_open(struct compiled *c, const char *command, const char *source)
{
	char line[512];
	FILE *f;

	snprintf(line, sizeof(line), "command -v %.*s >/dev/null", (int)strcspn(command, " "),
		 command);
	if (system(line) != 0)
		cr_skip_test("%s: not installed", command);
	strcpy(c->path, "/tmp/pathbpf-compiled.XXXXXX");
	c->fd = mkstemp(c->path);
	cr_assert(c->fd >= 0);
	close(c->fd);
	snprintf(line, sizeof(line), "%s -o %s", command, c->path);
	f = popen(line, "we");
	cr_assert(f && fputs(source, f) >= 0);
	cr_assert_eq(pclose(f), 0, "%s", command);
	/* The linker may have made a new file of that name. */
	c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
	cr_assert(c->fd >= 0);
	cr_assert_eq(symbols_open(c->fd, c->path, "", &c->symbols), 0);
}

void compiled_done(struct compiled *c)
{
	symbols_free(c->symbols);
	close(c->fd);
	unlink(c->path);
}

uint64_t compiled_addr(const struct compiled *c, const char *function)
{
	const struct symbol *s = elf_image_symbol(c->symbols, function);

	cr_assert_not_null(s, "%s", function);
	return s->addr;
}

int compiled_copy(const struct compiled *c, void (*change)(uint8_t *bytes, size_t n, void *arg),
		  void *arg)
{
	int fd = memfd_create("copy", MFD_CLOEXEC);
	_cleanup_free_ uint8_t *bytes = NULL;
	struct stat st;
	size_t n;

	cr_assert(fd >= 0 && !fstat(c->fd, &st));
	n = (size_t)st.st_size;
	bytes = malloc(n);
	cr_assert(bytes && pread(c->fd, bytes, n, 0) == (ssize_t)n);
	change(bytes, n, arg);
	cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
	return fd;
}
