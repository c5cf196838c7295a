/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of calls into the loader become loads, unloads and errors of plugins. */
#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/wire.h"
#include "lib/buf.h"
#include "lib/path.h"
#include "trace/plan.h"
#include "trace/plugins_impl.h"

#define RTLD_FLAG_NOLOAD   0x4
#define RTLD_FLAG_NODELETE 0x1000
#define TOLD_MAX           512

/* A record, and whom it is about. */
struct call {
	struct plugins *p;
	struct collect *c;
	struct plugin_process *pp;
	struct process *proc;
	const struct pb_plugin *r;
};

static size_t find_resident(const struct plugin_process *pp, uint64_t link_map)
{
	size_t i = 0;

	while (i < pp->residents.n && pp->residents.v[i].link_map != link_map)
		i++;
	return i;
}

static struct known_plugin *known(const struct call *k, uint32_t plugin)
{
	return plugin < k->p->all.n ? &k->p->all.v[plugin] : NULL;
}

/* An unload that nobody told of: its object was loaded again before anyone looked. */
static void leave(const struct call *k, size_t i)
{
	struct known_plugin *plugin = known(k, k->pp->residents.v[i].plugin);
	bool unloaded = plugin && !k->pp->residents.v[i].call_ns;

	plugin_leaves(k->p, k->pp, i, k->r->h.time_ns);
	if (!unloaded)
		return;
	plugin->p.unloads++;
	if (!plugin->residents) /* in other processes either */
		plugin->p.state = PLUGIN_UNLOADED;
}

/* At the program's start the loader tells of the C library. */
static bool is_start(const struct plugin_process *pp)
{
	vec_foreach (r, &pp->told) {
		const char *last = path_last(r->name);

		if (!strncmp(last, "libc.so", 7) || !strncmp(last, "ld-", 3))
			return true;
	}
	return false;
}

/* Objects that make up the program. */
static void take_program(const struct call *k)
{
	vec_foreach (r, &k->pp->told)
		plugin_enters(k->p, k->pp, r);
	k->pp->told.n = 0;
	k->pp->starting = false;
	k->pp->known = true;
}

/* Is it in another namespace what is a part of the program in its own? */
static bool is_copy(const struct plugin_process *pp, const struct resident *r)
{
	vec_foreach (other, &pp->residents) {
		if (other->plugin == REPORT_NONE &&
		    !strcmp(path_last(other->name), path_last(r->name)))
			return true;
	}
	return false;
}

/* The first of a call is the one that was asked for, as it seems. */
static void take_rank(const struct call *k, uint32_t plugin, bool along)
{
	struct known_plugin *p = known(k, plugin);

	if (!p)
		return;
	if (along && !p->planned && !p->residents)
		p->along = true;
	if (!along)
		p->along = false;
	p->mapped_ns = k->r->mapped_ns;
	p->returned_ns = 0;
}

/*
 * Objects have come, of which some other call may fail yet. Old C libraries tell of the one before
 * them, too.
 */
static void take_mapped(const struct call *k)
{
	struct plugin_process *pp = k->pp;

	if (!k->proc->gone)
		process_read_maps(&k->c->processes, &k->c->objects, k->proc, false);
	for (size_t i = 0; i < pp->told.n; i++) {
		struct resident *r = &pp->told.v[i];
		size_t old = find_resident(pp, r->link_map);

		if (old < pp->residents.n && !i)
			continue;
		if (old < pp->residents.n)
			leave(k, old);
		if (!is_copy(pp, r)) /* else: part of the program in another namespace */
			r->plugin =
			    plugin_of(k->p, k->c, k->proc, r->bias, r->name, k->r->h.time_ns);
		r->call_ns = k->r->start_ns;
		r->tid = k->r->h.tid;
		take_rank(k, r->plugin, i > 0);
		plugin_enters(k->p, pp, r);
	}
	pp->told.n = 0;
}

static bool is_of_call(const struct resident *r, const struct call *k)
{
	return r->call_ns == k->r->start_ns && r->tid == k->r->h.tid;
}

/* What the call has brought goes again: it has failed. The plugin of the first, or REPORT_NONE. */
static uint32_t drop_pending(const struct call *k)
{
	uint32_t first = REPORT_NONE;

	for (size_t i = k->pp->residents.n; i-- > 0;) {
		if (!is_of_call(&k->pp->residents.v[i], k))
			continue;
		first = k->pp->residents.v[i].plugin;
		plugin_leaves(k->p, k->pp, i, 0);
	}
	return first;
}

static struct plugin_event event_of(const struct call *k, enum plugin_event_kind kind,
				    uint32_t plugin)
{
	const struct pb_plugin *r = k->r;
	struct plugin_event e = { .kind = kind,
				  .plugin = plugin,
				  .time_ns = plugin_time(k->p, r->start_ns),
				  .pid = r->h.pid,
				  .tid = r->h.tid,
				  .flags = r->flags };

	if (r->call != PB_LOADER_OTHER) {
		e.has_duration = true;
		e.duration_ns = r->h.time_ns - r->start_ns;
	}
	return e;
}

static uint64_t since(uint64_t end_ns, uint64_t begin_ns)
{
	return begin_ns && end_ns > begin_ns ? end_ns - begin_ns : 0;
}

static void count_load(const struct call *k, struct known_plugin *plugin)
{
	plugin->p.loads++;
	plugin->p.state = PLUGIN_LOADED;
	plugin->p.last_activity_ns = plugin_time(k->p, k->r->h.time_ns);
}

/* The one that was asked for: by its handle, or the first that came. */
static size_t find_asked(const struct call *k)
{
	struct plugin_process *pp = k->pp;
	size_t i = k->r->handle ? find_resident(pp, k->r->handle) : pp->residents.n;

	if (i < pp->residents.n && is_of_call(&pp->residents.v[i], k))
		return i;
	for (i = 0; i < pp->residents.n && !is_of_call(&pp->residents.v[i], k); i++)
		;
	return i;
}

/* What came along: counted, and named in a list. */
static void settle_others(const struct call *k, uint32_t asked, struct buf *names)
{
	vec_foreach (r, &k->pp->residents) {
		struct known_plugin *other = known(k, r->plugin);

		if (!is_of_call(r, k))
			continue;
		r->call_ns = 0;
		if (!other || r->plugin == asked)
			continue;
		count_load(k, other);
		if (!other->p.needed_by && known(k, asked))
			other->p.needed_by = known(k, asked)->p.id;
		buf_printf(names, "%s%s", names->len ? "," : "", path_last(other->p.path));
	}
}

/* A load has truly mapped something, and succeeded. */
static void settle_load(const struct call *k)
{
	size_t i = find_asked(k);
	uint32_t plugin = i < k->pp->residents.n ? k->pp->residents.v[i].plugin : REPORT_NONE;
	struct known_plugin *asked = known(k, plugin);
	struct plugin_event e = event_of(k, PLUGIN_LOAD, plugin);
	_cleanup_(buf_done) struct buf names = {};

	settle_others(k, plugin, &names);
	if (!asked)
		return;
	count_load(k, asked);
	k->p->changed |= asked->along;
	asked->along = false;
	asked->returned_ns = k->r->h.time_ns;
	asked->p.waited_ns += k->r->waited_ns;
	e.waited_ns = k->r->waited_ns;
	e.gap_ns = plugin_gap(asked);
	asked->p.gap_ns += e.gap_ns;
	if (k->r->path[0])
		asked->asked = strpool_add(&k->p->strings, k->r->path);
	e.constructors_ns =
	    k->r->call == PB_LOADER_OTHER ? 0 : since(k->r->h.time_ns, k->r->init_ns);
	/* What held the call up stands behind them. */
	e.constructors_ns -= e.waited_ns < e.constructors_ns ? e.waited_ns : e.constructors_ns;
	if (e.has_duration) {
		asked->p.load_ns += e.duration_ns;
		if (e.duration_ns > asked->p.load_max_ns)
			asked->p.load_max_ns = e.duration_ns;
		asked->p.constructors_ns += e.constructors_ns;
	}
	if (k->r->flags >= 0 && k->r->flags & RTLD_FLAG_NODELETE)
		asked->nodelete = true;
	e.nodelete = asked->nodelete;
	if (names.len)
		e.needed = strpool_add(&k->p->strings, buf_str(&names));
	plugin_event_add(k->p, &e, k->r->stack);
}

/* "OBJECT: TEXT: strerror", as dlerror() has it. */
static const char *error_text(const struct call *k)
{
	const struct pb_plugin *r = k->r;
	_cleanup_(buf_done) struct buf b = {};

	if (!r->failed)
		return NULL;
	if (r->error_object[0])
		buf_printf(&b, "%s: ", r->error_object);
	buf_printf(&b, "%s", r->error_text);
	if (r->error > 0)
		buf_printf(&b, ": %s", strerror(r->error));
	return strpool_add(&k->p->strings, buf_str(&b));
}

static void settle_failure(const struct call *k, uint32_t plugin)
{
	struct plugin_event e = event_of(k, PLUGIN_ERROR, plugin);

	if (known(k, plugin)) {
		struct plugin *p = &known(k, plugin)->p;

		p->load_errors += k->r->call != PB_LOADER_DLCLOSE;
		p->last_activity_ns = plugin_time(k->p, k->r->h.time_ns);
		if (!p->loads && !p->at_attach)
			p->state = PLUGIN_FAILED;
	}
	e.failed = true;
	e.during = k->r->call == PB_LOADER_DLCLOSE ? PLUGIN_DURING_UNLOAD : PLUGIN_DURING_LOAD;
	e.error = error_text(k);
	e.name = k->r->path[0] ? strpool_add(&k->p->strings, k->r->path) : NULL;
	plugin_event_add(k->p, &e, k->r->stack);
}

/* musl, or a namespace that an old C library does not tell of: what is new is what was loaded. */
static bool take_unannounced(const struct call *k)
{
	linked_vec v = {};
	bool any = false;

	if (linkmap_read(k->r->h.pid, &v))
		v.n = 0;
	k->pp->told.n = 0;
	vec_foreach (o, &v) {
		struct resident r = { .link_map = o->link_map,
				      .bias = o->bias,
				      .plugin = REPORT_NONE,
				      .name = strpool_add(&k->p->strings, o->name),
				      .since_ns = k->r->h.time_ns };

		if (find_resident(k->pp, o->link_map) < k->pp->residents.n || !r.name)
			continue;
		any = !vec_push(&k->pp->told, r) || any;
	}
	linkmap_done(&v);
	if (!any && k->r->handle && k->r->seen & PB_SEEN_NAME &&
	    find_resident(k->pp, k->r->handle) == k->pp->residents.n) {
		struct resident r = { .link_map = k->r->handle,
				      .bias = k->r->bias,
				      .plugin = REPORT_NONE,
				      .name = strpool_add(&k->p->strings, k->r->name),
				      .since_ns = k->r->h.time_ns };

		any = r.name && !vec_push(&k->pp->told, r);
	}
	if (any)
		take_mapped(k);
	return any;
}

/* Has the call brought something, of which an earlier record told? */
static bool has_pending(const struct call *k)
{
	vec_foreach (r, &k->pp->residents) {
		if (is_of_call(r, k))
			return true;
	}
	return false;
}

static void settle_open(const struct call *k)
{
	const struct pb_plugin *r = k->r;
	struct known_plugin *plugin;
	size_t i;

	if (!r->handle) {
		uint32_t failed = drop_pending(k);

		if (r->flags & RTLD_FLAG_NOLOAD && !r->failed)
			return; /* a question, and the answer is no */
		if (failed == REPORT_NONE)
			failed = plugin_failed(k->p, r->path[0] ? r->path : "?", r->h.time_ns);
		settle_failure(k, failed);
		return;
	}
	if (r->seen & PB_SEEN_ADD || has_pending(k) ||
	    (r->seen & PB_SEEN_CHANGE && take_unannounced(k))) {
		settle_load(k);
		return;
	}
	i = find_resident(k->pp, r->handle);
	plugin = i < k->pp->residents.n ? known(k, k->pp->residents.v[i].plugin) : NULL;
	if (!plugin)
		return; /* a part of the program */
	plugin->p.reopens++;
	plugin->p.last_activity_ns = plugin_time(k->p, r->h.time_ns);
}

static bool is_linked(const linked_vec *v, const struct resident *r)
{
	vec_foreach (o, v) {
		if (o->link_map == r->link_map && o->bias == r->bias)
			return true;
	}
	return false;
}

/* Plugins that went with another: the loader's list does not have them any more. */
static void drop_unlinked(const struct call *k)
{
	linked_vec v = {};

	if (!k->proc->gone && !linkmap_read(k->r->h.pid, &v) && v.n) {
		for (size_t i = k->pp->residents.n; i-- > 0;) {
			const struct resident *r = &k->pp->residents.v[i];

			if (r->plugin != REPORT_NONE && !r->call_ns && !is_linked(&v, r))
				leave(k, i);
		}
	}
	linkmap_done(&v);
}

static void settle_unload(const struct call *k, size_t i, struct known_plugin *plugin)
{
	struct plugin_event e = event_of(k, PLUGIN_UNLOAD, k->pp->residents.v[i].plugin);

	e.destructors_ns = since(k->r->delete_ns, k->r->init_ns);
	plugin->p.destructors_ns += e.destructors_ns;
	plugin->p.last_activity_ns = plugin_time(k->p, k->r->h.time_ns);
	leave(k, i);
	plugin_event_add(k->p, &e, k->r->stack);
}

static void settle_close(const struct call *k)
{
	size_t i = find_resident(k->pp, k->r->handle);
	struct known_plugin *plugin = NULL;

	if (i < k->pp->residents.n)
		plugin = known(k, k->pp->residents.v[i].plugin);
	if (k->r->result) {
		settle_failure(k, plugin ? k->pp->residents.v[i].plugin : REPORT_NONE);
	} else if (k->r->seen & PB_SEEN_DELETE) {
		if (plugin && !plugin->nodelete)
			settle_unload(k, i, plugin);
		drop_unlinked(k);
	} else if (plugin) {
		plugin->p.closes++;
		plugin->p.last_activity_ns = plugin_time(k->p, k->r->h.time_ns);
	}
}

/* The C library has loaded or unloaded something for itself: name service, character sets. */
static void settle_other(const struct call *k)
{
	if (k->r->seen & PB_SEEN_DELETE)
		drop_unlinked(k);
	else
		settle_load(k);
}

static void take_call(const struct call *k)
{
	if (k->pp->starting && k->r->call == PB_LOADER_OTHER && is_start(k->pp)) {
		if (k->r->seq > k->p->last_seq)
			k->p->last_seq = k->r->seq;
		take_program(k);
		return;
	}
	if (!k->pp->known) {
		k->pp->starting = false;
		plugin_take_stock(k->p, k->c, k->pp, k->r->handle, k->r->start_ns);
	}
	if (k->pp->told.n)
		take_mapped(k);
	else if (k->r->seen & PB_SEEN_CHANGE && !(k->r->seen & PB_SEEN_RETURN))
		take_unannounced(k);
	if (k->r->seq > k->p->last_seq)
		k->p->last_seq = k->r->seq;
	if (k->r->call == PB_LOADER_OTHER)
		settle_other(k);
	else if (!(k->r->seen & PB_SEEN_RETURN))
		return;
	else if (k->r->call == PB_LOADER_DLCLOSE)
		settle_close(k);
	else
		settle_open(k);
}

static void take_object(struct plugins *p, const struct pb_plugin_object *o)
{
	struct plugin_process *pp = plugin_process(p, o->h.pid, true);
	struct resident r = { .link_map = o->link_map,
			      .bias = o->bias,
			      .plugin = REPORT_NONE,
			      .name = strpool_add(&p->strings, o->name),
			      .since_ns = o->h.time_ns };

	if (!pp || !r.name || pp->told.n >= TOLD_MAX || vec_push(&pp->told, r))
		p->lost++;
}

bool plugins_record(struct plugins *p, struct collect *c, const void *data, size_t size)
{
	const struct pb_header *h = data;
	struct pb_plugin_object object;
	struct pb_plugin plugin;
	struct call k = { .p = p, .c = c, .r = &plugin };

	if (!p)
		return true;
	if (h->kind == PB_PLUGIN_OBJECT && size >= sizeof(object)) {
		memcpy(&object, data, sizeof(object));
		object.name[sizeof(object.name) - 1] = '\0';
		take_object(p, &object);
		return true;
	}
	if (h->kind == PB_PLUGIN_CRASH || h->kind == PB_PLUGIN_CALL)
		return plugin_call_record(p, data, size);
	if (h->kind != PB_PLUGIN || size < sizeof(plugin))
		return false;
	memcpy(&plugin, data, sizeof(plugin));
	if (plugin.call > PB_LOADER_DLCLOSE)
		return false;
	plugin.path[sizeof(plugin.path) - 1] = plugin.name[sizeof(plugin.name) - 1] = '\0';
	plugin.error_object[sizeof(plugin.error_object) - 1] = '\0';
	plugin.error_text[sizeof(plugin.error_text) - 1] = '\0';
	k.pp = plugin_process(p, h->pid, true);
	k.proc = process_of(&c->processes, &c->objects, h->pid);
	if (!k.pp || !k.proc)
		p->lost++;
	else
		take_call(&k);
	return true;
}
