/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages of another process: whether they still are the file's or its own copies, and what they
 * hold. To look disturbs nobody: the process runs on, and absent pages are not brought in.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum page_kind {
	PAGE_ABSENT,  /* not mapped at this moment: the next access brings it from the file */
	PAGE_SHARED,  /* the file's (or memory that is shared) */
	PAGE_PRIVATE, /* a copy of the process's own, in memory or swapped out */
};

#define PAGES_WINDOW 512

/* Remembers the last look: made for addresses that come in order. */
struct pages {
	int pagemap, mem;
	uint64_t page_size;
	uint64_t first, n; /* pages whose entries are held */
	uint64_t entries[PAGES_WINDOW];
};

/* What an entry of /proc/PID/pagemap says. */
enum page_kind page_kind_of(uint64_t entry);

/* 0 or a negative errno; -ESRCH: there is no such process (any more). */
int pages_open(uint32_t pid, struct pages *ret);
void pages_done(struct pages *p);
/* 0, -ESRCH when the memory has gone with its process or by its exec, or another errno. */
int pages_kind(struct pages *p, uint64_t addr, enum page_kind *ret);
/* All of it or an error, as above. */
int pages_read(const struct pages *p, uint64_t addr, void *ret, size_t size);
