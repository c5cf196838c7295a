/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory of a process that runs Python; another's can be put in its place by tests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct python_memory {
	/* All of it: 0 or a negative errno. */
	int (*read)(void *arg, uint64_t addr, void *ret, size_t size);
	void *arg;
};

static inline int python_read(const struct python_memory *m, uint64_t addr, void *ret, size_t size)
{
	return m->read(m->arg, addr, ret, size);
}

/* A word, 0 where nothing can be read. */
static inline uint64_t python_word(const struct python_memory *m, uint64_t addr)
{
	uint64_t word = 0;

	return python_read(m, addr, &word, sizeof(word)) ? 0 : word;
}
