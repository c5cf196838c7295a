/* SPDX-License-Identifier: GPL-2.0-only */
/* Which functions of an object begin a stack, by name. */
#include "sym/roots.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/libccode.h"

/* What is marked when nothing tells where a function ends: entry points are about this long. */
#define UNKNOWN_SIZE 64
#define RANGES_MAX   64

void roots_done(struct roots *r)
{
	vec_done(&r->ranges);
}

bool roots_cover(const struct roots *r, uint64_t addr)
{
	vec_foreach (f, &r->ranges)
		if (addr >= f->start && addr < f->end)
			return true;
	return false;
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(name, *list))
			return true;
	return false;
}

/* Names that mean the same in every object. */
static bool is_root(const char *name)
{
	static const char *const names[] = { "_start",
					     "__libc_start_call_main",
					     "libc_start_main_stage2",
					     "_start_c",
					     "_dlstart_c",
					     "runtime.goexit",
					     "runtime.goexit.abi0",
					     "runtime.mstart",
					     "runtime.mstart.abi0",
					     "runtime.mstart0",
					     "runtime.mstart1",
					     "runtime.rt0_go",
					     "runtime.rt0_go.abi0",
					     NULL };

	/* Where a greenlet's stack was begun is no caller of it; later on anything may lie there.
	 */
	static const char greenlet[] = "_ZN8greenlet12UserGreenlet15inner_bootstrap";

	return is_one_of(name, names) ||
	       !strncmp(name, "__libc_start_main", strlen("__libc_start_main")) ||
	       !strncmp(name, greenlet, strlen(greenlet));
}

/* Names that anybody may give, so that they count in a C library only. */
static bool is_libc_root(const char *name, bool musl)
{
	return !strcmp(name, "start_thread") ||
	       (musl && (!strcmp(name, "start") || !strcmp(name, "start_c11")));
}

/*
 * The child begins in the midst of clone(), the parent passes through it. Where there is unwind
 * information it tells the two apart, so that the name decides only where there is none.
 */
static bool is_clone(const char *name)
{
	static const char *const names[] = { "clone", "__clone", "clone3", "__clone3", NULL };

	return is_one_of(name, names);
}

static int add(struct roots *r, uint64_t start, uint64_t end)
{
	if (r->ranges.n >= RANGES_MAX || end <= start)
		return 0;
	return vec_push(&r->ranges, (struct cfi_function){ start, end });
}

/* A function without size: as far as its FDE, or the next symbol, but not far. */
static uint64_t end_of(const struct roots_object *o, uint64_t addr, uint64_t offset)
{
	uint32_t below = symtab_below(o->symtab, offset);
	uint64_t next = UINT64_MAX;
	struct cfi_function f;

	if (unwindinfo_function(o->unwind, addr, &f))
		return f.end;
	if (below != SYMTAB_NONE)
		next = symtab_next_offset(o->symtab, below);
	return addr + (next - offset < UNKNOWN_SIZE ? next - offset : UNKNOWN_SIZE);
}

/* The parts of a function that no FDE covers. */
static int add_uncovered(struct roots *r, const struct roots_object *o, uint64_t start,
			 uint64_t end)
{
	int err = 0;

	for (uint64_t at = start; at < end && !err;) {
		struct cfi_function f;
		uint64_t gap = at;

		if (unwindinfo_function(o->unwind, at, &f) && f.end > at) {
			at = f.end;
			continue;
		}
		/* Functions are short: byte by byte is soon done. */
		while (at < end && at - gap < 4096 && !unwindinfo_function(o->unwind, at, &f))
			at++;
		err = add(r, gap, at);
	}
	return err;
}

static int add_symbol(struct roots *r, const struct roots_object *o, const struct symbol *s)
{
	uint64_t end = s->size ? s->addr + s->size : end_of(o, s->addr, s->offset);

	return is_clone(s->name) ? add_uncovered(r, o, s->addr, end) : add(r, s->addr, end);
}

static int add_entry(struct roots *r, const struct roots_object *o)
{
	uint64_t offset = o->traits->entry_offset, addr;
	uint32_t i;

	if (!o->has_entry || offset == ELF_NONE)
		return 0;
	addr = elf_addr_of(o->segments, offset);
	i = symtab_below(o->symtab, offset);
	if (i != SYMTAB_NONE && o->symtab->v[i].offset == offset && o->symtab->v[i].size)
		return add_symbol(r, o, &o->symtab->v[i]);
	return add(r, addr, end_of(o, addr, offset));
}

int roots_find(const struct roots_object *o, struct roots *ret)
{
	_cleanup_(roots_done) struct roots r = {};
	bool libc = false, musl = false;
	struct libc_code code = {};
	int err = add_entry(&r, o);

	for (uint32_t i = 0; i < o->symtab->n; i++) {
		const char *name = o->symtab->v[i].name;

		libc |= !strcmp(name, "__libc_start_main") || !strcmp(name, "pthread_create");
		musl |= !strcmp(name, "__init_libc");
	}
	for (uint32_t i = 0; i < o->symtab->n && !err; i++) {
		const struct symbol *s = &o->symtab->v[i];

		if (is_root(s->name) ||
		    (libc && (is_clone(s->name) || is_libc_root(s->name, musl))))
			err = add_symbol(&r, o, s);
	}
	if (!err && libc)
		err = libc_code_find(o, &code);
	if (!err)
		err = add(&r, code.call_main.start, code.call_main.end);
	if (!err)
		err = add(&r, code.thread.start, code.thread.end);
	if (err)
		return err;
	*ret = r;
	r = (struct roots){};
	return 0;
}
