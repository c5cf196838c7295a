/* SPDX-License-Identifier: GPL-2.0-only */
/* A session's plugins: probed while they are loaded, and as long as that is cheap enough. */
#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/path.h"
#include "trace/allocs.h"
#include "trace/costs.h"
#include "trace/loaders.h"
#include "trace/plan_plugin.h"
#include "trace/textcheck.h"
#include "trace/plugins_impl.h"
#include "trace/session_impl.h"

#define TICK_NS  100000000ULL
#define FIRST_NS 20000000ULL /* of the targets' CPU time, that allocations may cost in any case */

int session_plugins_open(struct session *s)
{
	bool open = s->opt.scope != SCOPE_PIDS || s->opt.comm_glob || s->opt.exec_pid;
	struct loader_programs progs = { .loader = s->skel->progs.pb_loader,
					 .leave = s->skel->progs.pb_loader_leave };
	int err;

	if (!s->opt.plugins)
		return 0;
	if (open) /* the C library of processes to come may be ours */
		object_files_add_own(&s->collect->objects);
	err = loaders_new(&progs, &s->loaders);
	err = err ? err : allocs_new(s->skel->progs.pb_plugin_alloc, &s->allocs);
	return err ? err : loaders_update(s->loaders, &s->collect->objects);
}

static bool is_system(const char *path)
{
	static const char *const names[] = { "libc.so",       "libc-2",  "libm.so",     "libm-2",
					     "libstdc++.so",  "ld-",     "libgcc_s.so", "libc++",
					     "libpthread.so", "libdl.so" };
	const char *name = path_last(path);

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

/* The C library, whose names differ. */
static bool starts_threads(const char *path)
{
	const char *name = path_last(path);

	return !strncmp(name, "libc.", 5) || !strncmp(name, "libc-2", 6) ||
	       !strncmp(name, "libpthread", 10) || !strncmp(name, "ld-musl", 7);
}

/* Where threads begin in a mapped piece of a library. */
struct root_search {
	const struct symbols *symbols;
	const struct mapping *m;
	struct pb_system_text *text;
	uint32_t n;
};

static int add_root(uint64_t start, uint64_t end, void *arg)
{
	struct root_search *s = arg;
	uint64_t at = symbols_offset_of(s->symbols, start) - s->m->offset;

	if (at >= s->m->end - s->m->start || s->n == PB_SYSTEM_ROOTS)
		return 0;
	for (uint32_t i = 0; i < s->n; i++) { /* under another name */
		if (s->text->root[i] == s->m->start + at)
			return 0;
	}
	s->text->root[s->n] = s->m->start + at;
	s->text->root_size[s->n++] = end - start;
	return 0;
}

static void set_system_text(struct session *s, const struct process *proc)
{
	struct pb_system_text text = {};
	struct root_search roots = { .text = &text };
	uint32_t n = 0;

	vec_foreach (m, &proc->maps) {
		if (n == PB_SYSTEM_TEXTS || !is_system(m->path))
			continue;
		text.start[n] = m->start;
		text.size[n++] = m->end - m->start;
		roots.symbols = object_symbols(&s->collect->objects, m->object);
		roots.m = m;
		if (roots.symbols && starts_threads(m->path))
			symbols_each_root(roots.symbols, add_root, &roots);
	}
	bpf_map_update_elem(bpf_map__fd(s->skel->maps.system_texts), &proc->pid, &text, BPF_ANY);
}

/* Of processes that have plugins. */
static void set_system_texts(struct session *s)
{
	struct plugins *p = s->collect->plugins;

	vec_foreach (pp, &p->processes) {
		const struct process *proc;

		if (!pp->live || !pp->plugins.n)
			continue;
		proc = process_of(&s->collect->processes, &s->collect->objects, pp->pid);
		if (!proc || proc->gone || proc->maps_version == pp->texts_version)
			continue;
		pp->texts_version = proc->maps_version;
		set_system_text(s, proc);
	}
}

/* Whoever waits for what was mapped may go on. */
static void tell_ready(struct session *s)
{
	__atomic_store_n(&s->skel->bss->loader_ready, s->collect->plugins->last_seq,
			 __ATOMIC_RELEASE);
}

/* Looks for a plugin's entries; true: there are some to attach. */
static bool plan_one(struct session *s, uint32_t i)
{
	struct plugins *p = s->collect->plugins;
	struct known_plugin *k = &p->all.v[i];
	const struct dyninfo *d = plugin_dyninfo(p, s->collect, k->file, false);
	struct plan_entries entries = { .why = "it cannot be read" };
	int n = -ENOTSUP;

	k->planned = true;
	if (i >= PB_PLUGINS)
		snprintf(entries.why, sizeof(entries.why), "there are more than %d", PB_PLUGINS);
	else if (d)
		n = plan_plugin(s->plan, &s->collect->objects, k->file, i, d->exec_addr,
				d->exec_size, &entries);
	k->p.traced = n > 0;
	k->p.entries = n > 0 ? (uint32_t)n : 0;
	k->p.unprobed = k->unplanned = entries.refused;
	if (n <= 0 || entries.refused)
		k->p.untraced_why = strpool_add(&p->strings, entries.why);
	if (entries.adopted)
		s->skel->bss->plugin_serving = 1;
	return n > 0;
}

/* A plugin that nobody has any more may be written anew: its probes would damage the new one. */
static bool forget_absent(struct session *s, struct known_plugin *k)
{
	if (k->residents || !k->probed_ns)
		return false;
	uprobes_detach_plugin(s->uprobes, s->plan, k->file);
	allocs_detach(s->allocs, (uint32_t)(k - s->collect->plugins->all.v));
	k->probed_ns = 0;
	return true;
}

static bool wants_probes(struct session *s, uint32_t i)
{
	struct known_plugin *k = &s->collect->plugins->all.v[i];

	if (!k->residents || k->file == OBJECT_NONE || k->probed_ns)
		return false;
	if (k->along) {
		k->p.untraced_why = "it was not asked for, others need it";
		return false;
	}
	k->p.untraced_why = k->planned ? k->p.untraced_why : NULL;
	if (!k->planned)
		return plan_one(s, i);
	vec_foreach (node, &s->plan->nodes)
		node->detached = node->detached && node->plugin != i + 1;
	return k->p.traced;
}

static void probed(struct session *s, uint32_t i, uint64_t now_ns)
{
	struct plugins *p = s->collect->plugins;
	struct known_plugin *k = &p->all.v[i];
	uint32_t attached = 0, refused = 0;
	uint64_t gap_ns;

	vec_foreach (node, &s->plan->nodes) {
		attached += plan_node_plugin(node) == i + 1 && node->attached;
		refused += plan_node_plugin(node) == i + 1 && node->refused;
	}
	k->p.traced = attached > 0;
	k->p.entries = attached;
	k->p.unprobed = k->unplanned + refused;
	if (refused && !k->unplanned)
		k->p.untraced_why = "the kernel or the code in memory is against it";
	if (!attached) {
		k->p.untraced_why = "its entries could not be probed";
		return;
	}
	k->probed_ns = now_ns;
	gap_ns = plugin_gap(k);
	k->p.gap_ns += gap_ns;
	if (gap_ns)
		plugin_event_gap(p, i, gap_ns);
}

/* Attaches what was planned of the plugins, before all else: somebody may be waiting for it. */
static int attach_planned(struct session *s)
{
	const struct collect *c = s->collect;
	struct plugins *p = c->plugins;
	int err = textcheck_plan(s->plan, &c->objects, &c->processes);

	session_govern_nodes(s);
	__atomic_store_n(&s->skel->bss->loader_attaching, 1, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < p->all.n && !err; i++) {
		const struct known_plugin *k = &p->all.v[i];

		if (!k->residents || !k->planned || !k->p.traced || k->probed_ns)
			continue;
		err = uprobes_attach_plugin(s->uprobes, s->plan, &c->objects, k->file);
		probed(s, i, clock_monotonic_ns());
	}
	__atomic_store_n(&s->skel->bss->loader_attaching, 0, __ATOMIC_RELAXED);
	session_govern_refused(s);
	return err;
}

/* Their allocations, for which nobody waits. */
static int attach_allocs(struct session *s)
{
	const struct plugins *p = s->collect->plugins;
	int err = 0;

	for (uint32_t i = 0; i < p->all.n && i < PB_PLUGINS && !err; i++) {
		if (p->all.v[i].residents && p->all.v[i].probed_ns)
			err = allocs_attach(s->allocs, i, &s->collect->objects, p->all.v[i].file,
					    &s->collect->processes);
	}
	return err;
}

/* What came is probed. */
static int probe_new(struct session *s)
{
	struct plugins *p = s->collect->plugins;
	size_t first = s->plan->nodes.n;
	bool any = false;
	int err, named = 0;

	if (!p->probing)
		return 0;
	/* What SPECs say of functions is known first: entries may be among them. */
	if (s->plan->specs.n)
		named = plan_update(s->plan, &s->collect->objects, &s->collect->processes);
	if (named < 0)
		return named;
	for (uint32_t i = 0; i < p->all.n; i++) {
		bool flipped = forget_absent(s, &p->all.v[i]);

		any |= wants_probes(s, i);
		first = flipped ? 0 : first;
	}
	if (s->plan->specs.n)
		err = session_set_nodes(s);
	else
		err = first < s->plan->nodes.n ? session_set_nodes_from(s, first) : 0;
	if (err || (!any && !named))
		return err;
	set_system_texts(s);
	if (s->plan->specs.n)
		err = session_attach_functions(s);
	err = err ? err : attach_planned(s);
	tell_ready(s);
	err = err ? err : session_attach_functions(s);
	return err ? err : attach_allocs(s);
}

/* Entries are the governor's; what probes of allocations cost it does not know. */
static void keep_budget(struct session *s)
{
	uint64_t now_ns = clock_monotonic_ns(), ns = now_ns - s->allocs_tick_ns;
	double share = s->collect->plugins->opt.max_overhead_pct / 100;

	if (ns < TICK_NS || share >= 1)
		return;
	allocs_keep_budget(s->allocs, bpf_map__fd(s->skel->maps.plugin_stats),
			   costs_traps(s->costs)->emulated_ns,
			   FIRST_NS + (uint64_t)(share * (double)ns));
	s->allocs_tick_ns = now_ns;
}

int session_plugins_begin(struct session *s)
{
	if (!s->opt.plugins)
		return 0;
	s->skel->bss->loader_begin_ns = s->begin_ns;
	s->collect->plugins->plan = s->plan;
	s->collect->plugins->probing = s->uprobes && uprobe_is_multi(s->skel->progs.pb_loader);
	s->collect->plugins->errors.collect = s->collect;
	s->collect->plugins->errors.plan = s->plan;
	s->collect->plugins->error_names_map = s->skel->maps.error_names;
	plugins_begin(s->collect->plugins, s->collect, s->begin_ns);
	return session_plugins_update(s);
}

int session_plugins_update(struct session *s)
{
	struct plugins *p = s->collect->plugins;
	int err = loaders_update(s->loaders, &s->collect->objects);

	if (!p || !s->plan || err)
		return err;
	if (p->changed) {
		p->changed = false;
		err = probe_new(s);
	} else if (p->probing && p->looked_ahead < s->collect->objects.files.n) {
		/* What has to be known of all objects shall not wait for the first plugin. */
		p->looked_ahead = s->collect->objects.files.n;
		err = plan_hazards(s->plan, &s->collect->objects);
	}
	tell_ready(s);
	if (p->probing && s->traps_known)
		keep_budget(s);
	return err;
}
