/* SPDX-License-Identifier: GPL-2.0-only */
/* What an error is called. */
#include "trace/errornames.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/wire.h"
#include "data/report.h"
#include "lib/cleanup.h"
#include "sym/dataname.h"
#include "sym/demangle.h"
#include "trace/collect.h"
#include "trace/mapread.h"
#include "trace/names.h"
#include "trace/plan.h"

#define NOTES_MAX 8

static char *readable_type(uint32_t kind, const char *type)
{
	char *name = kind == PB_ERROR_EXCEPTION ? demangle_type(type) : NULL;

	return name ? name : strdup(*type ? type : "?");
}

static int add_type(const void *key, void *value, void *arg)
{
	struct error_names *e = arg;
	struct pb_error_name name;
	struct pb_error_text text;
	struct error_type type;
	struct buf what = {};

	memcpy(&name, key, sizeof(name));
	memcpy(&text, value, sizeof(text));
	name.type[sizeof(name.type) - 1] = '\0';
	text.what[sizeof(text.what) - 1] = '\0';
	if (table_find(&e->index, &text.id, sizeof(text.id)) != TABLE_NONE)
		return 0;
	text_clean(&what, text.what);
	type.name = readable_type(name.kind, name.type);
	type.what = strdup(buf_str(&what));
	buf_done(&what);
	if (!type.name || !type.what || vec_push(&e->types, type)) {
		free(type.name);
		free(type.what);
		return -ENOMEM;
	}
	return table_add(&e->index, &text.id, sizeof(text.id), (uint32_t)e->types.n - 1);
}

int error_names_read(struct error_names *e, struct bpf_map *map)
{
	return map_each(map, add_type, e);
}

bool error_names_know(const struct error_names *e, uint32_t kind, int64_t value)
{
	uint32_t id = (uint32_t)value;

	return (kind != PB_ERROR_EXCEPTION && kind != PB_ERROR_PYTHON) ||
	       table_find(&e->index, &id, sizeof(id)) != TABLE_NONE;
}

void error_names_done(struct error_names *e)
{
	vec_foreach (t, &e->types) {
		free(t->name);
		free(t->what);
	}
	vec_done(&e->types);
	table_done(&e->index);
	table_done(&e->go);
}

static const char *type_of(const struct error_names *e, int64_t value)
{
	uint32_t id = (uint32_t)value, i = table_find(&e->index, &id, sizeof(id));

	return i == TABLE_NONE ? "of unknown type" : e->types.v[i].name;
}

/* The address in its ELF file of something in a process that has the object mapped. */
static bool file_address(struct error_names *e, uint32_t object, uint64_t addr, uint64_t *ret)
{
	const struct symbols *symbols = object_symbols(&e->collect->objects, object);

	vec_foreach (proc, &e->collect->processes.all) {
		const struct mapping *m = maps_find(&(*proc)->maps, addr);

		if (!symbols || !m || m->object != object)
			continue;
		*ret = symbols_addr_of(symbols, addr - m->start + m->offset);
		return *ret != UINT64_MAX;
	}
	*ret = addr; /* Go's programs are linked to a fixed address, unless asked otherwise */
	return true;
}

/*
 * The dynamic type of a Go error: its interface points to an itab, which the linker calls
 * "go:itab.*errors.errorString,error" ("go.itab." before Go 1.20).
 */
static char *go_type(struct error_names *e, uint32_t object, uint64_t itab)
{
	_cleanup_free_ char *name = NULL;
	uint64_t addr;
	char *end;

	if (object == OBJECT_NONE || !file_address(e, object, itab, &addr))
		return NULL;
	name = data_symbol_name(e->collect->objects.files.v[object]->fd, addr);
	if (!name || (strncmp(name, "go:itab.", 8) != 0 && strncmp(name, "go.itab.", 8) != 0))
		return NULL;
	end = strrchr(name, ',');
	if (end)
		*end = '\0';
	return strdup(name + 8);
}

static const char *go_type_of(struct error_names *e, uint32_t node, uint64_t itab)
{
	uint64_t key[2] = { node < e->plan->nodes.n ? e->plan->nodes.v[node].object : OBJECT_NONE,
			    itab };
	uint32_t i = table_find(&e->go, key, sizeof(key));
	struct error_type type = {};

	if (i != TABLE_NONE)
		return e->types.v[i].name;
	type.name = go_type(e, (uint32_t)key[0], itab);
	if (!type.name)
		type.name = strdup("of unknown type");
	if (!type.name || vec_push(&e->types, type)) {
		free(type.name);
		return "of unknown type";
	}
	table_add(&e->go, key, sizeof(key), (uint32_t)e->types.n - 1);
	return type.name;
}

void error_name(struct error_names *e, uint32_t kind, int64_t value, uint32_t node, char *buf,
		size_t size)
{
	char name[32];

	switch (kind) {
	case PB_ERROR_ERRNO:
		snprintf(buf, size, "%s", errno_name((int)(value < 0 ? -value : value), name));
		break;
	case PB_ERROR_EXCEPTION:
		snprintf(buf, size, "exception %s", type_of(e, value));
		break;
	case PB_ERROR_PANIC:
		snprintf(buf, size, "panic");
		break;
	case PB_ERROR_FOREIGN:
		snprintf(buf, size, "exception of an unknown language");
		break;
	case PB_ERROR_SIGNAL:
		snprintf(buf, size, "signal %s", signal_name((int)value, name));
		break;
	case PB_ERROR_GO:
		snprintf(buf, size, "error %s", go_type_of(e, node, (uint64_t)value));
		break;
	case PB_ERROR_PYTHON:
		snprintf(buf, size, "python %s", type_of(e, value));
		break;
	default:
		snprintf(buf, size, "ret=%" PRId64, value);
	}
}

void error_names_notes(const struct error_names *e, struct report *r)
{
	uint32_t told = 0;

	vec_foreach (t, &e->types) {
		char note[200];

		if (!t->what || !*t->what || told++ >= NOTES_MAX)
			continue;
		snprintf(note, sizeof(note), "the first %s said: %s", t->name, t->what);
		vec_push(&r->notes, report_str(r, note));
	}
}
