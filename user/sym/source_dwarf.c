/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source lines and inlined functions from DWARF. A unit's functions and its line table are read at
 * the first question about it, and dropped when many others were asked about since.
 */
#include "sym/source_dwarf.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/strpool.h"
#include "sym/linetable.h"
#include "sym/scopes.h"
#include "sym/scopename.h"
#include "sym/unitindex.h"

#define TIME_NS   10000000000ull /* for all questions about one object */
#define UNITS_MAX (24u << 20)    /* bytes of memory for the tables of units */
#define TEXTS_MAX (64u << 20)    /* bytes of names and paths */

struct unit {
	struct scopes scopes;
	struct linetable lines;
	const char *comp_dir;
	const char **paths; /* of the table's files, as far as they were asked for */
	size_t memory;
	uint64_t used; /* when */
};

struct dwarf_source {
	struct dwarfinfo *dwarf;
	struct elf_bytes info, abbrev;
	struct line_sections sections;
	struct unitindex index;
	struct unit **units; /* by index; NULL: not read, or dropped */
	uint64_t clock;
	size_t memory, texts;
	struct table by_die; /* of names */
	VEC(const char *) names;
	struct strpool strings;
};

DEFINE_CLEANUP(struct dwarf_source *, dwarf_source_free)

static void unit_free(struct unit *u)
{
	if (!u)
		return;
	scopes_done(&u->scopes);
	linetable_done(&u->lines);
	free(u->paths);
	free(u);
}

DEFINE_CLEANUP(struct unit *, unit_free)

void dwarf_source_free(struct dwarf_source *d)
{
	if (!d)
		return;
	for (size_t i = 0; d->units && i < d->index.units.n; i++)
		unit_free(d->units[i]);
	free(d->units);
	unitindex_done(&d->index);
	table_done(&d->by_die);
	vec_done(&d->names);
	strpool_done(&d->strings);
	dwarfinfo_free(d->dwarf);
	free(d);
}

int dwarf_source_open(int fd, int debug_fd, const char *root, struct dwarf_source **ret)
{
	_cleanup_(dwarf_source_freep) struct dwarf_source *d = calloc(1, sizeof(*d));
	int err = d ? dwarfinfo_open_with(fd, debug_fd, root, &d->dwarf) : -ENOMEM;

	if (err)
		return err;
	d->dwarf->left_ns = TIME_NS;
	d->info = dwarfinfo_section(d->dwarf, "info");
	d->abbrev = dwarfinfo_section(d->dwarf, "abbrev");
	d->sections.line = dwarfinfo_section(d->dwarf, "line");
	d->sections.line_str = dwarfinfo_section(d->dwarf, "line_str");
	d->sections.str = dwarfinfo_section(d->dwarf, "str");
	dwarfinfo_begin(d->dwarf);
	err = unitindex_read(&d->index, d->dwarf);
	dwarfinfo_end(d->dwarf);
	if (err)
		return err;
	d->units = calloc(d->index.units.n + 1, sizeof(struct unit *));
	if (!d->units)
		return -ENOMEM;
	*ret = TAKE_PTR(d);
	return 0;
}

static int read_lines(const struct dwarf_source *d, Dwarf_Die *die, struct unit *u)
{
	Dwarf_Attribute attr;
	Dwarf_Word offset;
	int err;

	u->comp_dir = dwarfinfo_string(d->dwarf, die, DW_AT_comp_dir);
	if (!dwarf_attr(die, DW_AT_stmt_list, &attr) || dwarf_formudata(&attr, &offset))
		return 0;
	err = linetable_read(&d->sections, offset, &u->lines);
	if (err)
		return err == -ENOMEM ? err : 0;
	u->paths = calloc(u->lines.files.n + 1, sizeof(*u->paths));
	return u->paths ? 0 : -ENOMEM;
}

/* What is damaged, or too large, is left empty. */
static int read_unit(const struct dwarf_source *d, const struct unitindex_unit *at,
		     struct unit **ret)
{
	_cleanup_(unit_freep) struct unit *u = calloc(1, sizeof(*u));
	_cleanup_(die_unit_done) struct die_unit head = {};
	Dwarf_Die die;
	int err = u ? die_unit_read(&d->info, &d->abbrev, at->start, &head) : -ENOMEM;

	if (!err)
		err = scopes_read(d->dwarf, &head, &u->scopes);
	if (err == -ENOMEM)
		return err;
	err = dwarf_offdie(d->dwarf->dwarf, at->die, &die) ? read_lines(d, &die, u) : 0;
	if (err)
		return err;
	u->memory = sizeof(*u) + scopes_memory(&u->scopes) + linetable_memory(&u->lines) +
		    u->lines.files.n * sizeof(*u->paths);
	*ret = TAKE_PTR(u);
	return 0;
}

/* Drops the unit that was not asked about for the longest time. */
static void drop_one(struct dwarf_source *d)
{
	struct unit **oldest = NULL;

	for (size_t i = 0; i < d->index.units.n; i++) {
		struct unit **u = &d->units[i];

		if (*u && (!oldest || (*u)->used < (*oldest)->used))
			oldest = u;
	}
	if (!oldest)
		return;
	d->memory -= (*oldest)->memory;
	unit_free(*oldest);
	*oldest = NULL;
}

/* The unit of an index; NULL when there is no memory. */
static struct unit *unit_at(struct dwarf_source *d, uint32_t i)
{
	struct unit *u = d->units[i];

	if (!u) {
		if (read_unit(d, &d->index.units.v[i], &u))
			return NULL;
		while (d->memory && d->memory + u->memory > UNITS_MAX)
			drop_one(d);
		d->memory += u->memory;
		d->units[i] = u;
	}
	u->used = ++d->clock;
	return u;
}

static const char *keep(struct dwarf_source *d, const char *text)
{
	d->texts += strlen(text) + 1;
	return d->texts <= TEXTS_MAX ? strpool_add(&d->strings, text) : NULL;
}

static const char *path_of(struct dwarf_source *d, struct unit *u, uint32_t file)
{
	struct buf path = {};
	uint32_t i = file - u->lines.first_file;

	if (file < u->lines.first_file || i >= u->lines.files.n)
		return NULL;
	if (!u->paths[i] && linetable_path(&u->lines, file, u->comp_dir, &path))
		u->paths[i] = keep(d, path.data);
	buf_done(&path);
	return u->paths[i];
}

/* NULL: it has none. */
static const char *name_of(struct dwarf_source *d, const struct unit *u, uint64_t die)
{
	uint32_t known = table_find(&d->by_die, &die, sizeof(die));
	const char *name;
	char *text;

	if (known != TABLE_NONE)
		return d->names.v[known];
	text = scopename(d->dwarf, &u->scopes, die);
	name = text ? keep(d, text) : NULL;
	free(text);
	if (!vec_push(&d->names, name) &&
	    table_add(&d->by_die, &die, sizeof(die), (uint32_t)d->names.n - 1))
		d->names.n--;
	return name;
}

static void fill(struct dwarf_source *d, struct unit *u, uint32_t scope, const struct line_row *row,
		 source_frames *f)
{
	const char *file = row ? path_of(d, u, row->file) : NULL;
	uint32_t line = row ? row->line : 0;

	f->n = 0;
	do {
		const struct scope *s = scope != SCOPE_NONE ? &u->scopes.v.v[scope] : NULL;
		struct source_frame frame = { .file = file, .line = line };

		if (s) {
			frame.name = name_of(d, u, s->die);
			frame.inlined = s->inlined && s->parent != SCOPE_NONE;
			file = s->call_file ? path_of(d, u, s->call_file) : NULL;
			line = s->call_line;
			scope = s->parent;
		}
		/* The function itself must not be what is cut. */
		if (f->n == SOURCE_FRAMES_MAX) {
			memmove(f->v, f->v + 1, (SOURCE_FRAMES_MAX - 1) * sizeof(*f->v));
			f->n--;
		}
		f->v[f->n++] = frame;
	} while (scope != SCOPE_NONE && dwarfinfo_tick(d->dwarf));
}

int dwarf_source_find(struct dwarf_source *d, uint64_t addr, source_frames *ret)
{
	uint32_t units[UNITINDEX_CANDIDATES];
	int n = unitindex_find(&d->index, addr, units), err = 0;
	bool found = false;

	ret->n = 0;
	if (d->dwarf->over)
		return 0;
	dwarfinfo_begin(d->dwarf);
	for (int i = 0; i < n && !found && !err; i++) {
		struct unit *u = unit_at(d, units[i]);
		uint32_t scope = u ? scopes_find(&u->scopes, addr) : SCOPE_NONE;
		const struct line_row *row = u ? linetable_find(&u->lines, addr) : NULL;

		err = u ? 0 : -ENOMEM;
		found = scope != SCOPE_NONE || row;
		if (found)
			fill(d, u, scope, row, ret);
	}
	dwarfinfo_end(d->dwarf);
	return err;
}

bool dwarf_source_given_up(const struct dwarf_source *d)
{
	return d->dwarf->over;
}

size_t dwarf_source_memory(const struct dwarf_source *d)
{
	return sizeof(*d) + d->memory + d->texts + d->names.cap * sizeof(*d->names.v) +
	       d->index.units.n * sizeof(struct unit *) +
	       d->index.ranges.cap * sizeof(*d->index.ranges.v);
}
