/* SPDX-License-Identifier: GPL-2.0-only */
/* Function names close to a SPEC that matched nothing. */
#include "trace/nearmiss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/path.h"
#include "sym/demangle.h"
#include "trace/plan.h"
#include "trace/spec.h"

/* Near misses: names that contain the SPEC's letters, or that differ in one place. */
struct near {
	const char *want;
	const char *object; /* "" or "libx.so:", so that what is found can be asked for as it is */
	char *buf;
	size_t size;
	int found;
};

#define NEAR_MAX 5

/* Edit distance of at most one: a changed, missing or additional byte. */
static bool one_edit(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), i = 0;

	while (a[i] && a[i] == b[i])
		i++;
	if (la == lb)
		return a[i] && !strcmp(a + i + 1, b + i + 1);
	if (la == lb + 1)
		return !strcmp(a + i + 1, b + i);
	return lb == la + 1 && !strcmp(a + i, b + i + 1);
}

static int consider_near(const struct symbol *sym, void *arg)
{
	struct near *n = arg;
	_cleanup_free_ char *readable = demangle(sym->name);
	const char *name = readable ? readable : sym->name;
	size_t used = strlen(n->buf);

	if (!strcasestr(name, n->want) && !one_edit(name, n->want))
		return 0;
	if (used + strlen(n->object) + strlen(name) + 3 > n->size)
		return 1;
	snprintf(n->buf + used, n->size - used, "%s%s%s", used ? ", " : "", n->object, name);
	return ++n->found >= NEAR_MAX;
}

/* The letters of a glob without its operators: "*pars?_x" → "pars". */
static void core_of(const char *glob, char *buf, size_t size)
{
	size_t best = 0, from = 0;

	for (size_t i = 0; glob[i];) {
		size_t len = strcspn(glob + i, "*?[]\\");

		if (len > best) {
			best = len;
			from = i;
		}
		i += len;
		i += strspn(glob + i, "*?[]\\");
	}
	snprintf(buf, size, "%.*s", (int)(best < size ? best : size - 1), glob + from);
}

void near_misses(const struct plan *p, struct object_files *objects, const char *text, char *buf,
		 size_t size)
{
	char prefix[64];
	struct near n = { .buf = buf, .size = size };
	struct spec spec;
	char why[64], core[128];

	buf[0] = '\0';
	if (spec_parse(text, &spec, why, sizeof(why)))
		return;
	core_of(spec.globs.n ? spec.globs.v[0].glob : "", core, sizeof(core));
	n.want = core;
	for (uint32_t i = 0; core[0] && i < objects->files.n && n.found < NEAR_MAX; i++) {
		bool asked = table_find(&p->object_index, &i, sizeof(i)) != TABLE_NONE;
		const struct symbols *symbols;

		if (!asked && spec.binary)
			continue;
		*prefix = '\0';
		if (!asked)
			snprintf(prefix, sizeof(prefix),
				 "%s:", path_last(objects->files.v[i]->path));
		n.object = prefix;
		symbols = object_symbols(objects, i);
		if (symbols)
			symbols_each(symbols, consider_near, &n);
	}
	spec_done(&spec);
}
