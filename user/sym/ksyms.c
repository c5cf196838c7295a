/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel symbols: an array sorted by address, names in one arena. */
#include "sym/ksyms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/vec.h"

/* A gap this large is no function: the address lies beyond the text of the kernel or a module. */
#define FUNCTION_MAX (4ull << 20)
#define ARENA_MAX    (1u << 30) /* a kernel with everything built in needs some 10 MiB */

struct entry {
	uint64_t addr;
	uint32_t name, module; /* offsets into the arena; module 0: none */
};

struct ksyms {
	VEC(struct entry) entries;
	struct buf arena;
	bool hidden;
};

void ksyms_free(struct ksyms *k)
{
	if (!k)
		return;
	vec_done(&k->entries);
	buf_done(&k->arena);
	free(k);
}

DEFINE_CLEANUP(struct ksyms *, ksyms_free)

/* The kernel puts the best of several names for one address first: their order is kept. */
static int compare(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return a->name < b->name ? -1 : a->name > b->name;
}

static uint32_t keep(struct ksyms *k, const char *text)
{
	uint32_t at = (uint32_t)k->arena.len;

	buf_add(&k->arena, text, strlen(text) + 1);
	return at;
}

/* The arena's offset of a module's name, which mostly is that of the line before. */
static uint32_t keep_module(struct ksyms *k, const char *module)
{
	const struct entry *last = k->entries.n ? &k->entries.v[k->entries.n - 1] : NULL;

	if (last && last->module && !strcmp(k->arena.data + last->module, module))
		return last->module;
	return keep(k, module);
}

/* "ADDRESS TYPE NAME", and for modules "\t[MODULE]". */
static int add_line(struct ksyms *k, char *line)
{
	char *type, *name, *module;
	struct entry e = { .addr = strtoull(line, &type, 16) };

	if (type == line || type[0] != ' ' || !type[1] || !strchr("tTwW", type[1]) ||
	    type[2] != ' ')
		return 0;
	name = type + 3;
	module = name + strcspn(name, "\t \n");
	if (module == name)
		return 0;
	if (*module)
		*module++ = '\0';
	module += strspn(module, "\t [");
	module[strcspn(module, "]\n")] = '\0';
	if (*module)
		e.module = keep_module(k, module);
	e.name = keep(k, name);
	if (e.addr)
		k->hidden = false;
	if (k->arena.len > ARENA_MAX)
		return -EFBIG;
	return k->arena.err ? k->arena.err : vec_push(&k->entries, e);
}

/* Gives back what growing by doubling took too much. */
static void shrink(struct ksyms *k)
{
	void *p = k->entries.n ? realloc(k->entries.v, k->entries.n * sizeof(*k->entries.v)) : NULL;

	if (p) {
		k->entries.v = p;
		k->entries.cap = k->entries.n;
	}
	p = realloc(k->arena.data, k->arena.len);
	if (p) {
		k->arena.data = p;
		k->arena.cap = k->arena.len;
	}
}

int ksyms_read(FILE *f, struct ksyms **ret)
{
	_cleanup_(ksyms_freep) struct ksyms *k = calloc(1, sizeof(*k));
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int err = 0;

	if (!k)
		return -ENOMEM;
	k->hidden = true;
	keep(k, ""); /* offset 0 means none */
	while (!err && getline(&line, &size, f) > 0)
		err = add_line(k, line);
	if (!err && ferror(f))
		err = -EIO;
	if (!err)
		err = k->arena.err;
	if (err)
		return err;
	shrink(k);
	if (k->entries.n && !k->hidden)
		qsort(k->entries.v, k->entries.n, sizeof(*k->entries.v), compare);
	*ret = TAKE_PTR(k);
	return 0;
}

bool ksyms_hidden(const struct ksyms *k)
{
	return k->hidden;
}

/* The first entry at or above addr; n: none. */
static size_t lower_bound(const struct ksyms *k, uint64_t addr)
{
	size_t low = 0, high = k->entries.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (k->entries.v[mid].addr < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool ksyms_find(const struct ksyms *k, uint64_t addr, struct ksym *ret)
{
	const struct entry *e;
	size_t i;

	if (k->hidden)
		return false;
	i = addr < UINT64_MAX ? lower_bound(k, addr + 1) : k->entries.n;
	if (!i || addr - k->entries.v[i - 1].addr >= FUNCTION_MAX)
		return false;
	e = &k->entries.v[lower_bound(k, k->entries.v[i - 1].addr)];
	*ret = (struct ksym){ .name = k->arena.data + e->name,
			      .module = e->module ? k->arena.data + e->module : NULL,
			      .addr = e->addr };
	return true;
}
