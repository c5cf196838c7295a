/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source lines and inlined functions of one object, from whatever it has: kinds of information
 * are tried in the order of a table, and each is opened at the first question.
 */
#include "sym/source_object.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "sym/goline.h"
#include "sym/source_dwarf.h"

/* A kind of information about source code. */
struct source_kind {
	/* *ret stays NULL when the object has none; 0 or -ENOMEM. */
	int (*open)(const struct source_object *o, void **ret);
	void (*free)(void *state);
	int (*find)(void *state, uint64_t addr, source_frames *ret);
	bool (*given_up)(const void *state);
	size_t (*memory)(const void *state);
};

static int open_dwarf(const struct source_object *o, void **ret)
{
	struct dwarf_source *d = NULL;
	int err = dwarf_source_open(o->fd, o->debug_fd, o->root, &d);

	*ret = d;
	return err == -ENOMEM ? err : 0;
}

static void free_dwarf(void *state)
{
	dwarf_source_free(state);
}

static int find_dwarf(void *state, uint64_t addr, source_frames *ret)
{
	return dwarf_source_find(state, addr, ret);
}

static bool dwarf_given_up(const void *state)
{
	return dwarf_source_given_up(state);
}

static size_t dwarf_memory(const void *state)
{
	return dwarf_source_memory(state);
}

static int open_go(const struct source_object *o, void **ret)
{
	struct go_lines *g = NULL;
	int err = o->is_go ? golines_open(o->fd, &g) : 0;

	*ret = g;
	return err == -ENOMEM ? err : 0;
}

static void free_go(void *state)
{
	golines_free(state);
}

static int find_go(void *state, uint64_t addr, source_frames *ret)
{
	golines_find(state, addr, ret);
	return 0;
}

static bool go_given_up(const void *state)
{
	(void)state;
	return false;
}

static size_t go_memory(const void *state)
{
	return golines_memory(state);
}

/* What Go carries for itself is there when all else is stripped, and names things as Go does. */
static const struct source_kind kinds[] = {
	{ open_go, free_go, find_go, go_given_up, go_memory },
	{ open_dwarf, free_dwarf, find_dwarf, dwarf_given_up, dwarf_memory },
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

struct source {
	void *states[KINDS]; /* NULL: the object has no such information */
};

int source_open(const struct source_object *o, struct source **ret)
{
	_cleanup_(source_freep) struct source *s = calloc(1, sizeof(*s));
	int err = s ? 0 : -ENOMEM;

	for (size_t i = 0; i < KINDS && !err; i++)
		err = kinds[i].open(o, &s->states[i]);
	if (err)
		return err;
	*ret = TAKE_PTR(s);
	return 0;
}

void source_free(struct source *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < KINDS; i++)
		if (s->states[i])
			kinds[i].free(s->states[i]);
	free(s);
}

int source_find(struct source *s, uint64_t addr, source_frames *ret)
{
	int err = 0;

	ret->n = 0;
	for (size_t i = 0; i < KINDS && !err && !ret->n; i++)
		if (s->states[i])
			err = kinds[i].find(s->states[i], addr, ret);
	return err;
}

bool source_given_up(const struct source *s)
{
	for (size_t i = 0; i < KINDS; i++)
		if (s->states[i] && kinds[i].given_up(s->states[i]))
			return true;
	return false;
}

size_t source_memory(const struct source *s)
{
	size_t size = sizeof(*s);

	for (size_t i = 0; i < KINDS; i++)
		size += s->states[i] ? kinds[i].memory(s->states[i]) : 0;
	return size;
}
