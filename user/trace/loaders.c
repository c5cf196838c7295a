/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes on the dynamic loaders of the targets. */
#include "trace/loaders.h"

#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "lib/path.h"
#include "lib/vec.h"
#include "sym/exports.h"
#include "trace/exits.h"
#include "trace/muslerror.h"
#include "trace/objectfile.h"
#include "trace/process.h"
#include "trace/uprobe.h"

/* What an object exports that tells what it is. */
enum mark {
	MARK_DLOPEN,
	MARK_START,
	MARK_STATE,
	MARK_R_DEBUG,
	MARK_MUSL,
	MARK_ERROR,
	MARKS,
};

static const char *const mark_names[MARKS] = {
	[MARK_DLOPEN] = "dlopen",         [MARK_START] = "__libc_start_main",
	[MARK_STATE] = "_dl_debug_state", [MARK_R_DEBUG] = "_r_debug",
	[MARK_MUSL] = "_dl_debug_addr",   [MARK_ERROR] = "dlerror",
};

static const struct function {
	const char *name;
	enum pb_loader_probe probe;
} functions[] = {
	{ "dlopen", PB_LOADER_DLOPEN },
	{ "dlmopen", PB_LOADER_DLMOPEN },
	{ "dlclose", PB_LOADER_DLCLOSE },
	{ "_dl_debug_state", PB_LOADER_STATE },
	{ "_dl_signal_exception", PB_LOADER_EXCEPTION },
	{ "_dl_signal_error", PB_LOADER_ERROR },
	{ "_dl_catch_exception", PB_LOADER_INIT },
};

struct place {
	uint64_t offset, cookie;
};

typedef VEC(struct place) place_vec;

struct loaders {
	struct loader_programs progs;
	struct uprobe_links links;
	size_t seen;        /* object files looked at */
	VEC(uint8_t) calls; /* by object file: its dlopen() is probed */
	char why[200];
};

int loaders_new(const struct loader_programs *progs, struct loaders **ret)
{
	struct loaders *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->progs = *progs;
	*ret = l;
	return 0;
}

void loaders_detach(struct loaders *l)
{
	if (l)
		uprobe_links_close(&l->links);
}

void loaders_free(struct loaders *l)
{
	if (!l)
		return;
	loaders_detach(l);
	vec_done(&l->calls);
	free(l);
}

const char *loaders_why(const struct loaders *l)
{
	return l && l->why[0] ? l->why : NULL;
}

/* The places to be probed in one object. */
struct search {
	const struct object_file *file;
	const struct export_symbol *marks;
	place_vec places, ends;
	const char *why; /* a call that cannot be followed */
	bool has_calls;
	uint32_t error_offset; /* of musl: see musl_error_offset() */
};

static bool has_place(const place_vec *v, uint64_t offset)
{
	vec_foreach (p, v) {
		if (p->offset == offset)
			return true;
	}
	return false;
}

static int add_ends(struct search *s, const struct symbol *sym)
{
	exit_vec exits = {};
	bool restarts;
	int err = exits_find(s->file->fd, s->file->symbols, sym, &exits, &restarts, &s->why);

	for (size_t i = 0; i < exits.n && !err; i++)
		err = vec_push(&s->ends, (struct place){ .offset = exits.v[i].offset,
							 .cookie = s->error_offset });
	vec_done(&exits);
	return err;
}

/* musl's loader calls nothing of its own when it fails; it leaves its words in the thread. */
static uint32_t find_error(const struct search *s)
{
	uint64_t offset = symbols_offset_of(s->file->symbols, s->marks[MARK_ERROR].addr);
	size_t size = s->marks[MARK_ERROR].size;
	uint8_t code[256];

	if (!s->marks[MARK_MUSL].addr || !s->marks[MARK_ERROR].addr || offset == UINT64_MAX)
		return 0;
	if (size > sizeof(code))
		size = sizeof(code);
	if (pread(s->file->fd, code, size, (off_t)offset) != (ssize_t)size)
		return 0;
	return musl_error_offset(code, size);
}

static uint64_t cookie_of(const struct search *s, enum pb_loader_probe probe)
{
	uint64_t distance = s->marks[MARK_R_DEBUG].addr - s->marks[MARK_STATE].addr;

	if (probe != PB_LOADER_STATE)
		return probe;
	if (s->marks[MARK_MUSL].addr)
		return PB_LOADER_STATE_MUSL;
	return probe | distance << PB_LOADER_DISTANCE;
}

static int consider(const struct symbol *sym, void *arg)
{
	struct search *s = arg;

	if (sym->ifunc || has_place(&s->places, sym->offset))
		return 0;
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		struct place p = { sym->offset, cookie_of(s, functions[i].probe) };
		bool is_call = functions[i].probe <= PB_LOADER_DLCLOSE;
		int err;

		if (strcmp(sym->name, functions[i].name) != 0)
			continue;
		err = is_call ? add_ends(s, sym) : 0;
		s->has_calls |= is_call && !err;
		if (err) /* a call without an end would be open for ever */
			return err == -ENOMEM ? err : 0;
		return vec_push(&s->places, p);
	}
	return 0;
}

static int link_places(struct loaders *l, const struct search *s, struct bpf_program *prog,
		       const place_vec *v)
{
	struct uprobe_places p = { .path = s->file->via };
	int err;

	p.offsets = calloc(v->n + 1, sizeof(*p.offsets));
	p.cookies = calloc(v->n + 1, sizeof(*p.cookies));
	for (size_t i = 0; i < v->n && p.offsets && p.cookies; i++) {
		p.offsets[i] = v->v[i].offset;
		p.cookies[p.n++] = v->v[i].cookie;
	}
	err = p.offsets && p.cookies ? uprobe_links_add(&l->links, prog, &p) : -ENOMEM;
	free(p.offsets);
	free(p.cookies);
	return err;
}

static void complain(struct loaders *l, const struct search *s, const char *why)
{
	if (!l->why[0])
		snprintf(l->why, sizeof(l->why), "%s: %s", path_last(s->file->path), why);
}

/* Interposers that have a dlopen() of their own call the C library's: only that counts. */
static bool is_loader(const struct object_file *file, const struct export_symbol *marks)
{
	if (marks[MARK_STATE].addr && (marks[MARK_R_DEBUG].addr || marks[MARK_MUSL].addr))
		return true;
	return marks[MARK_DLOPEN].addr &&
	       (marks[MARK_START].addr || !strncmp(path_last(file->path), "libdl", 5));
}

static int look_at(struct loaders *l, struct object_files *o, uint32_t object)
{
	struct export_symbol marks[MARKS];
	struct search s = { .file = o->files.v[object], .marks = marks };
	int err;

	for (int i = 0; i < MARKS; i++)
		marks[i].name = mark_names[i];
	if (s.file->fd < 0 || exports_find(s.file->fd, marks, MARKS) <= 0 ||
	    !is_loader(s.file, marks))
		return 0;
	if (!object_symbols(o, object)) {
		complain(l, &s, "its symbols cannot be read");
		return 0;
	}
	s.error_offset = find_error(&s);
	err = symbols_each(s.file->symbols, consider, &s);
	/* Ends before beginnings. */
	err = err ? err : link_places(l, &s, l->progs.leave, &s.ends);
	err = err ? err : link_places(l, &s, l->progs.loader, &s.places);
	if (s.why)
		complain(l, &s, s.why);
	if (err && err != -ENOMEM)
		complain(l, &s, strerror(-err));
	l->calls.v[object] = !err && s.has_calls;
	vec_done(&s.places);
	vec_done(&s.ends);
	return err == -ENOMEM ? err : 0;
}

int loaders_update(struct loaders *l, struct object_files *o)
{
	int err = 0;

	while (l && l->seen < o->files.n && !err) {
		err = vec_push(&l->calls, 0);
		err = err ? err : look_at(l, o, (uint32_t)l->seen);
		l->seen++;
	}
	return err;
}

bool loaders_follow(const struct loaders *l, const struct process *proc)
{
	for (size_t i = 0; l && i < proc->maps.n; i++) {
		uint32_t object = proc->maps.v[i].object;

		if (object < l->calls.n && l->calls.v[object])
			return true;
	}
	return false;
}
