/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small tree of calls, to be built in many ways (see hostile.mk): several returns, a switch, a
 * large frame, a call by pointer, a variadic function, floating point. -n rounds. The truth also
 * tells where in the file each function stands, for builds without symbols.
 */
#include "tally.h"

#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* No traced function of ours returns what could be taken for a failure. */
NOIPA uint64_t tree_switch(uint64_t n)
{
	tally_call("tree_switch");
	switch (n % 8) {
	case 0:
		return 17;
	case 1:
		return 3;
	case 2:
		return n >> 3;
	case 3:
		return 99;
	case 4:
		return n * 7;
	case 5:
		return 4;
	default:
		return n;
	}
}

NOIPA double tree_float(double x, uint64_t n)
{
	tally_call("tree_float");
	if (n % 2)
		return x * 1.5;
	return x + 0.25;
}

NOIPA int tree_variadic(int n, ...)
{
	va_list args;
	int sum = 0;

	tally_call("tree_variadic");
	va_start(args, n);
	while (n-- > 0)
		sum += va_arg(args, int);
	va_end(args);
	return sum;
}

NOIPA uint64_t tree_frame(uint64_t n)
{
	volatile char large[6000];

	tally_call("tree_frame");
	memset((char *)large, (int)n, sizeof(large));
	return (uint64_t)large[n % sizeof(large)];
}

/* Leaves early, in the middle, and at its end. */
NOIPA uint64_t tree_early(uint64_t n)
{
	tally_call("tree_early");
	if (n % 3 == 0)
		return 1;
	n += tree_switch(n);
	if (n % 3 == 1)
		return n;
	tree_switch(n + 1);
	return n / 2;
}

static uint64_t (*volatile pointer)(uint64_t) = tree_switch;

NOIPA uint64_t tree_top(uint64_t n)
{
	uint64_t sum;

	tally_call("tree_top");
	sum = pointer(n) + tree_early(n) + tree_frame(n);
	sum += (uint64_t)tree_float((double)n, n) + (uint64_t)tree_variadic(3, 1, 2, (int)n);
	BARRIER();
	return sum;
}

struct place {
	uint64_t addr, offset;
};

static int find_offset(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct place *p = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uint64_t begin = info->dlpi_addr + h->p_vaddr;

		if (h->p_type == PT_LOAD && p->addr - begin < h->p_filesz)
			p->offset = p->addr - begin + h->p_offset;
	}
	return p->offset != 0;
}

static uint64_t offset_of(const void *function)
{
	struct place p = { .addr = (uint64_t)function };

	dl_iterate_phdr(find_offset, &p);
	return p.offset;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 500), sum = 0;

	tally_init();
	workload_ready();
	for (uint64_t n = 0; n < rounds; n++)
		sum += tree_top(n);
	tally_print(",\"sum\":%lu,\"offsets\":{\"tree_top\":%lu,\"tree_early\":%lu,"
		    "\"tree_frame\":%lu,\"tree_switch\":%lu,\"tree_float\":%lu,"
		    "\"tree_variadic\":%lu}",
		    sum, offset_of(tree_top), offset_of(tree_early), offset_of(tree_frame),
		    offset_of(tree_switch), offset_of(tree_float), offset_of(tree_variadic));
	workload_end();
	return 0;
}
