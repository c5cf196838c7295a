/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names addresses as a trace does when it ends: symbol, readable name, source lines and inlined
 * functions. usage: symbolise OBJECT <ADDRESSES (hex, a line each). Prints a line of JSON.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "sym/demangle.h"
#include "sym/source.h"
#include "sym/symbols.h"

struct tally {
	uint64_t addresses, named, with_lines, frames;
};

static void name_one(const struct symbols *s, uint64_t addr, struct tally *t)
{
	uint64_t offset = symbols_offset_of(s, addr);
	const struct symbol *sym = symbols_find(s, offset);
	source_frames f;

	t->addresses++;
	t->named += sym != NULL;
	if (sym)
		free(demangle(sym->name));
	if (!symbols_source(s, offset, &f)) {
		t->with_lines += f.n > 0;
		t->frames += f.n;
	}
}

/* The most memory that this program had, in MiB; getrusage() would count whoever started it. */
static double peak_mb(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[128];
	double kb = 0;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmHWM: %lf", &kb);
	if (f)
		fclose(f);
	return kb / 1024;
}

int main(int argc, char **argv)
{
	uint64_t start = clock_monotonic_ns(), opened;
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	struct tally t = {};
	struct symbols *s;
	char line[64];

	if (fd < 0 || symbols_open(fd, argv[1], "", &s)) {
		fprintf(stderr, "usage: symbolise OBJECT <ADDRESSES\n");
		return 2;
	}
	opened = clock_monotonic_ns();
	while (fgets(line, sizeof(line), stdin))
		name_one(s, strtoull(line, NULL, 16), &t);
	printf("{\"open_s\": %.4f, \"names_s\": %.4f, \"rss_mb\": %.1f, \"addresses\": %" PRIu64
	       ", \"named\": %" PRIu64 ", \"with_lines\": %" PRIu64 ", \"frames\": %" PRIu64 "}\n",
	       (double)(opened - start) / 1e9, (double)(clock_monotonic_ns() - opened) / 1e9,
	       peak_mb(), t.addresses, t.named, t.with_lines, t.frames);
	symbols_free(s);
	return 0;
}
