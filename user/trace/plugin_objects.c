/* SPDX-License-Identifier: GPL-2.0-only */
/* Which object of a process is which file, which plugin, or part of the program itself. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "lib/glob.h"
#include "lib/path.h"
#include "trace/plugins_impl.h"

#define PAGE        4096ULL
#define ENVIRON_MAX (128 << 10)
#define CANDIDATES  4 /* mappings behind a link map's address that are looked at */
#define STRINGS_MAX 100000

const struct dyninfo *plugin_dyninfo(struct plugins *p, struct collect *c, uint32_t file,
				     bool again)
{
	struct dyninfo fresh = {};
	_cleanup_close_ int fd = -1;

	if (file >= c->objects.files.n)
		return NULL;
	while (p->objects.n <= file) {
		if (vec_push(&p->objects_read, 0))
			return NULL;
		if (vec_push(&p->objects, (struct dyninfo){})) {
			p->objects_read.n--;
			return NULL;
		}
	}
	if (!p->objects.v || !p->objects_read.v)
		return NULL;
	if (p->objects_read.v[file] && !again)
		return &p->objects.v[file];
	fd = object_open(&c->objects, file);
	if (fd < 0 || dyninfo_read(fd, &fresh))
		return p->objects_read.v[file] ? &p->objects.v[file] : NULL;
	dyninfo_done(&p->objects.v[file]);
	p->objects.v[file] = fresh;
	p->objects_read.v[file] = 1;
	return &p->objects.v[file];
}

/* What a name of an open file has behind this; NULL: it is another name. */
static const char *after(const char *name, const char *beginning)
{
	size_t len = strlen(beginning);

	return strncmp(name, beginning, len) ? NULL : name + len;
}

/* The path by which we reach what a process calls by this name: "self" is somebody else to us. */
static void reach(uint32_t pid, const char *name, char *ret, size_t size)
{
	const char *own = after(name, "/proc/self/"), *fd = after(name, "/dev/fd/");

	own = own ? own : after(name, "/proc/thread-self/");
	if (own)
		snprintf(ret, size, "/proc/%u/%s", pid, own);
	else if (fd)
		snprintf(ret, size, "/proc/%u/fd/%s", pid, fd);
	else
		snprintf(ret, size, "/proc/%u/%s/%s", pid, name[0] == '/' ? "root" : "cwd", name);
}

/* A name that tells nothing of the file's: it was cut, or is that of a descriptor. */
static bool is_vague(const char *name)
{
	return strlen(name) >= PB_PATH_LEN - 1 || after(name, "/proc/") || after(name, "/dev/fd/");
}

/* Is this mapped file what the loader calls by that name, which may be a link to it? */
static bool is_called(struct plugins *p, struct collect *c, const struct process *proc,
		      uint32_t file, const char *name)
{
	const struct object_file *f = c->objects.files.v[file];
	const struct dyninfo *d = plugin_dyninfo(p, c, file, false);
	char path[PATH_MAX + 64];
	struct stat st;

	if (!name[0] || !f->ino || is_vague(name) || !strcmp(path_last(f->path), path_last(name)) ||
	    (d && d->soname && !strcmp(d->soname, path_last(name))))
		return true;
	reach(proc->pid, name, path, sizeof(path));
	return !stat(path, &st) && st.st_ino == f->ino;
}

/* By what is mapped where it lies: others may lie there when the mappings are read late. */
static uint32_t find_mapped(struct plugins *p, struct collect *c, const struct process *proc,
			    uint64_t bias, const char *name)
{
	int candidates = 0;

	vec_foreach (m, &proc->maps) {
		const struct dyninfo *d;

		if (m->start < bias || m->object == OBJECT_NONE)
			continue;
		d = plugin_dyninfo(p, c, m->object, false);
		if (d && m->start - bias == d->exec_addr - d->exec_offset + m->offset)
			return is_called(p, c, proc, m->object, name) ? m->object : OBJECT_NONE;
		if (++candidates == CANDIDATES)
			break;
	}
	return OBJECT_NONE;
}

static uint32_t file_of(struct plugins *p, struct collect *c, const struct process *proc,
			uint64_t bias, const char *name)
{
	uint32_t file = find_mapped(p, c, proc, bias, name);
	char reached[PATH_MAX + 64], *real;

	if (file != OBJECT_NONE || !strchr(name, '/'))
		return file;
	reach(proc->pid, name, reached, sizeof(reached));
	if (name[0] == '/') {
		object_files_add_as(&c->objects, name, reached, &file);
		return file;
	}
	real = realpath(reached,
			NULL); /* as we see it: as the target does, unless it has its own root */
	if (real)
		object_files_add_as(&c->objects, real, reached, &file);
	free(real);
	return file;
}

/* Strings that a target makes up without end are not kept. */
static const char *keep(struct plugins *p, const char *s)
{
	return p->strings.strings.n < STRINGS_MAX ? strpool_add(&p->strings, s) : NULL;
}

struct identity {
	const char *path; /* interned */
	uint64_t dev, ino;
	const char *build_id; /* interned, or NULL */
};

static uint32_t generations_of(const struct plugins *p, const char *path)
{
	uint32_t n = 0;

	vec_foreach (k, &p->all)
		n += k->p.path == path && k->p.generation;
	return n;
}

/* A name for people: the file's, unless another path has it already. */
static const char *make_id(struct plugins *p, const char *path, uint32_t generation)
{
	const char *name = path_last(path);
	char text[PATH_MAX + 16];

	vec_foreach (k, &p->all) {
		if (k->p.path != path && !strcmp(path_last(k->p.path), name))
			name = path;
	}
	if (generation < 2)
		return keep(p, name);
	snprintf(text, sizeof(text), "%s#%" PRIu32, name, generation);
	return keep(p, text);
}

static bool chosen(const struct plugins *p, const char *path)
{
	return !p->opt.globs_n ||
	       glob_lists_match(p->opt.globs, p->opt.globs_n, path_last(path), path);
}

static uint32_t add(struct plugins *p, const struct known_plugin *k, struct table *t,
		    const void *key, size_t key_size)
{
	uint32_t i = (uint32_t)p->all.n;

	if (!k->p.id || !k->p.path || i >= PLUGINS_MAX || vec_push(&p->all, *k)) {
		p->lost++;
		return REPORT_NONE;
	}
	if (!table_add(t, key, key_size, i))
		return i;
	p->all.n--;
	return REPORT_NONE;
}

/* One by the same name whose file was not known: it could not be loaded, or was gone too soon. */
static uint32_t find_unknown(const struct plugins *p, const char *path)
{
	for (uint32_t i = 0; i < p->all.n; i++) {
		const struct known_plugin *k = &p->all.v[i];

		if (k->file == OBJECT_NONE && !strcmp(k->p.path, path))
			return i;
	}
	return REPORT_NONE;
}

/* The last generation by that file name. */
static uint32_t find_named(const struct plugins *p, const char *path)
{
	for (uint32_t i = (uint32_t)p->all.n; i-- > 0;) {
		if (!strcmp(path_last(p->all.v[i].p.path), path_last(path)))
			return i;
	}
	return REPORT_NONE;
}

static void fill(struct plugins *p, struct collect *c, struct known_plugin *k, uint32_t file)
{
	struct stat st;

	k->file = file;
	k->p.generation = generations_of(p, k->p.path) + 1;
	k->p.id = k->p.path ? make_id(p, k->p.path, k->p.generation) : NULL;
	if (file != OBJECT_NONE && c->objects.files.v[file]->fd >= 0 &&
	    !fstat(c->objects.files.v[file]->fd, &st))
		k->p.size = (uint64_t)st.st_size;
}

/* Written anew in place: what is known of the file is of another one. True: it was. */
static bool renew_file(struct plugins *p, struct collect *c, uint32_t file)
{
	const struct dyninfo *d = plugin_dyninfo(p, c, file, false);
	char before[sizeof(d->build_id)];

	if (!d)
		return false;
	memcpy(before, d->build_id, sizeof(before));
	d = plugin_dyninfo(p, c, file, true);
	if (!d || !strcmp(before, d->build_id))
		return false;
	c->objects.files.v[file]->stale = true;
	return true;
}

uint32_t plugin_of(struct plugins *p, struct collect *c, struct process *proc, uint64_t bias,
		   const char *name, uint64_t time_ns)
{
	uint32_t file = file_of(p, c, proc, bias, name), i;
	const struct object_file *f;
	const struct dyninfo *d;
	const char *path;
	struct known_plugin k = { .p = { .object = REPORT_NONE,
					 .first_seen_ns = plugin_time(p, time_ns) } };
	struct identity key = {};

	if (renew_file(p, c, file)) {
		process_read_maps(&c->processes, &c->objects, proc, false);
		file = file_of(p, c, proc, bias, name);
	}
	f = file != OBJECT_NONE ? c->objects.files.v[file] : NULL;
	d = plugin_dyninfo(p, c, file, false);
	path = f ? f->path : name;
	if (!chosen(p, path))
		return REPORT_NONE;
	key.path = k.p.path = keep(p, path);
	key.build_id = k.p.build_id = d && d->build_id[0] ? keep(p, d->build_id) : NULL;
	key.dev = f ? f->dev : 0;
	key.ino = f ? f->ino : 0;
	k.nodelete = d && d->nodelete;
	i = table_find(&p->by_identity, &key, sizeof(key));
	if (i != TABLE_NONE)
		return i;
	if (!f && find_named(p, path) != REPORT_NONE)
		return find_named(p, path);
	i = key.path ? find_unknown(p, path) : REPORT_NONE;
	if (i == REPORT_NONE) {
		fill(p, c, &k, file);
		return add(p, &k, &p->by_identity, &key, sizeof(key));
	}
	if (table_add(&p->by_identity, &key, sizeof(key), i))
		return REPORT_NONE;
	p->all.v[i].p.build_id = k.p.build_id;
	p->all.v[i].nodelete = k.nodelete;
	fill(p, c, &p->all.v[i], file);
	return i;
}

uint32_t plugin_failed(struct plugins *p, const char *asked, uint64_t time_ns)
{
	struct known_plugin k = { .file = OBJECT_NONE,
				  .p = { .object = REPORT_NONE,
					 .state = PLUGIN_FAILED,
					 .first_seen_ns = plugin_time(p, time_ns) } };
	uint32_t i;

	if (!chosen(p, asked))
		return REPORT_NONE;
	/* The last generation that was asked for by this name, or lies at this path. */
	for (i = (uint32_t)p->all.n; i-- > 0;) {
		const struct known_plugin *known = &p->all.v[i];

		if ((known->asked && !strcmp(known->asked, asked)) || !strcmp(known->p.path, asked))
			return i;
	}
	k.asked = k.p.path = keep(p, asked);
	k.p.id = k.p.path ? make_id(p, k.p.path, 0) : NULL;
	return add(p, &k, &p->by_name, asked, strlen(asked));
}

/* The names that LD_PRELOAD has, each ended by a zero; on the heap, or NULL. */
static char *read_preloads(uint32_t pid, size_t *ret_size)
{
	static const char name[] = "LD_PRELOAD=";
	char path[48], *text = malloc(ENVIRON_MAX + 1), *value, *at;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 && text ? read(fd, text, ENVIRON_MAX) : -1;
	for (at = text; n > 0 && at < text + n; at += strlen(at) + 1) {
		text[n] = '\0';
		if (strncmp(at, name, sizeof(name) - 1) != 0)
			continue;
		value = at + sizeof(name) - 1;
		*ret_size = strlen(value) + 1;
		memmove(text, value, *ret_size);
		for (char *s = text; *s; s++)
			*s = *s == ':' || *s == ' ' ? '\0' : *s;
		return text;
	}
	free(text);
	return NULL;
}

static bool is_preloaded(const char *preloads, size_t size, const char *path)
{
	for (size_t i = 0; preloads && i < size; i += strlen(preloads + i) + 1) {
		if (preloads[i] && !strcmp(path_last(preloads + i), path_last(path)))
			return true;
	}
	return false;
}

/* An object of the link map while it is being found out what it is. */
struct candidate {
	uint32_t file;
	bool program;
};

static bool is_named(struct plugins *p, struct collect *c, const char *name, uint32_t file,
		     const char *needed)
{
	const struct dyninfo *d = plugin_dyninfo(p, c, file, false);

	return !strcmp(path_last(name), path_last(needed)) ||
	       (d && d->soname && !strcmp(d->soname, needed));
}

/* Does a file need another, which the loader calls by that name? */
static bool needs(struct plugins *p, struct collect *c, uint32_t file, const char *name,
		  uint32_t other)
{
	const struct dyninfo *d = plugin_dyninfo(p, c, file, false);

	/* Looking at the other may move what is known of this one, not the names. */
	for (size_t i = 0; d && i < d->names.n; i++) {
		if (is_named(p, c, name, other, d->names.v[i]))
			return true;
		d = plugin_dyninfo(p, c, file, false);
	}
	return false;
}

/* Whoever `from` needs is part of the program, too. True: somebody new is. */
static bool follow_needed(struct plugins *p, struct collect *c, const linked_vec *v,
			  struct candidate *found, size_t from)
{
	bool more = false;

	for (size_t i = 0; i < v->n; i++) {
		if (found[i].program || v->v[i].ns != v->v[from].ns ||
		    !needs(p, c, found[from].file, v->v[i].name, found[i].file))
			continue;
		found[i].program = more = true;
	}
	return more;
}

/*
 * What the program consists of: the executable, what was preloaded, what these need, and whatever
 * the loader listed before the last of them, because it appends what comes at run time.
 */
static void find_program(struct plugins *p, struct collect *c, uint32_t pid, const linked_vec *v,
			 struct candidate *found)
{
	size_t size = 0, last = 0;
	_cleanup_free_ char *preloads = read_preloads(pid, &size);
	bool more = true;

	for (size_t i = 0; i < v->n; i++)
		found[i].program = !i || !v->v[i].name[0] || strstr(v->v[i].name, "vdso") ||
				   is_preloaded(preloads, size, v->v[i].name);
	while (more) {
		more = false;
		for (size_t i = 0; i < v->n; i++)
			more = (found[i].program && follow_needed(p, c, v, found, i)) || more;
	}
	for (size_t i = 0; i < v->n; i++)
		last = found[i].program && !v->v[i].ns ? i : last;
	for (size_t i = 0; i < last; i++)
		found[i].program = true;
}

static void tell_present(struct plugins *p, uint32_t plugin, uint32_t pid, uint64_t now_ns)
{
	struct plugin_event e = { .kind = PLUGIN_LOAD,
				  .plugin = plugin,
				  .time_ns = plugin_time(p, now_ns),
				  .pid = pid,
				  .flags = -1,
				  .at_attach = true };
	struct known_plugin *k = &p->all.v[plugin];

	e.nodelete = k->nodelete;
	k->p.at_attach |= !k->p.loads;
	k->p.state = PLUGIN_LOADED;
	plugin_event_add(p, &e, 0);
}

/* It has just come: its record tells of it. */
static bool is_told(const struct plugin_process *pp, uint64_t link_map)
{
	vec_foreach (r, &pp->told) {
		if (r->link_map == link_map)
			return true;
	}
	return false;
}

/* Which of the plugins needs which: the first in the loader's order is the one that was asked for.
 */
static void find_needed_by(struct plugins *p, struct collect *c, const struct plugin_process *pp)
{
	for (size_t i = 0; i < pp->residents.n; i++) {
		const struct resident *r = &pp->residents.v[i];
		struct known_plugin *k = r->plugin != REPORT_NONE ? &p->all.v[r->plugin] : NULL;

		for (size_t j = 0; k && j < i && !k->p.needed_by; j++) {
			uint32_t by = pp->residents.v[j].plugin;

			if (by != REPORT_NONE && by != r->plugin &&
			    needs(p, c, p->all.v[by].file, r->name, k->file)) {
				k->p.needed_by = p->all.v[by].p.id;
				k->along = !k->p.loads;
			}
		}
	}
}

void plugin_take_stock(struct plugins *p, struct collect *c, struct plugin_process *pp,
		       uint64_t except, uint64_t now_ns)
{
	struct process *proc = process_of(&c->processes, &c->objects, pp->pid);
	linked_vec v = {};
	_cleanup_free_ struct candidate *found = NULL;
	int err = linkmap_read(pp->pid, &v);

	found = calloc(v.n + 1, sizeof(*found));
	pp->known = !err && found && proc;
	for (size_t i = 0; pp->known && i < v.n; i++)
		found[i].file = file_of(p, c, proc, v.v[i].bias, v.v[i].name);
	if (pp->known)
		find_program(p, c, pp->pid, &v, found);
	for (size_t i = 0; pp->known && i < v.n; i++) {
		struct resident r = { .link_map = v.v[i].link_map,
				      .bias = v.v[i].bias,
				      .name = keep(p, v.v[i].name),
				      .plugin = REPORT_NONE,
				      .since_ns = now_ns };

		if (!r.name || r.link_map == except || is_told(pp, r.link_map))
			continue;
		if (!found[i].program)
			r.plugin = plugin_of(p, c, proc, r.bias, v.v[i].name, now_ns);
		if (!plugin_enters(p, pp, &r) && r.plugin != REPORT_NONE)
			tell_present(p, r.plugin, pp->pid, now_ns);
	}
	find_needed_by(p, c, pp);
	linkmap_done(&v);
}
