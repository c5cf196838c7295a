/* SPDX-License-Identifier: GPL-2.0-only */
/* Symbols of JIT-compiled code from perf maps. */
#include "sym/perfmap.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "sym/codemap.h"

/* Bounds on what a target can make us read. */
#define LINE_BYTES_MAX 4096 /* names are cut there */
#define FILE_MAX       (1ull << 30)

/* "START SIZE NAME" */
static int add_line(struct codemap *m, const char *line)
{
	struct code_entry e = {};
	char *end;

	if (!isxdigit((unsigned char)*line))
		return 0;
	errno = 0;
	e.start = strtoull(line, &end, 16);
	if (errno || *end != ' ' || !isxdigit((unsigned char)end[1]))
		return 0;
	e.size = strtoull(end + 1, &end, 16);
	if (errno || *end != ' ' || !end[1])
		return 0;
	e.name = end + 1;
	return codemap_add(m, &e);
}

/* Reads a line without its end, cut to the buffer; *total counts all its bytes. */
static bool read_line(FILE *f, char *line, size_t size, uint64_t *total, bool *whole)
{
	size_t len = 0;
	int c = getc_unlocked(f);

	if (c == EOF)
		return false;
	for (; c != EOF && c != '\n'; c = getc_unlocked(f)) {
		if (++*total > FILE_MAX)
			return false;
		if (len < size - 1)
			line[len++] = (char)c;
	}
	++*total;
	*whole = c == '\n';
	line[len] = '\0';
	return true;
}

int perfmap_read(FILE *f, uint64_t *offset, struct codemap *m)
{
	char line[LINE_BYTES_MAX];
	uint64_t total = *offset;
	bool whole;
	int err = 0;

	if (total > FILE_MAX)
		return 0;
	if (fseeko(f, (off_t)total, SEEK_SET))
		return -errno;
	while (!err && read_line(f, line, sizeof(line), &total, &whole)) {
		err = add_line(m, line);
		if (!err && whole)
			*offset = total;
	}
	if (!err && ferror(f))
		err = -EIO;
	return err;
}
