/* SPDX-License-Identifier: GPL-2.0-only */
/* The targets' plugins: what is kept of them, and the lives of their processes. */
#include "trace/plugins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace/plugins_impl.h"

int plugins_new(const struct plugins_options *opt, struct plugins **ret)
{
	struct plugins *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->opt = *opt;
	*ret = p;
	return 0;
}

static void process_done(struct plugin_process *pp)
{
	vec_done(&pp->residents);
	vec_done(&pp->plugins);
	vec_done(&pp->told);
}

void plugins_free(struct plugins *p)
{
	if (!p)
		return;
	vec_foreach (pp, &p->processes)
		process_done(pp);
	vec_foreach (d, &p->objects)
		dyninfo_done(d);
	vec_done(&p->all);
	vec_done(&p->processes);
	vec_done(&p->objects);
	vec_done(&p->objects_read);
	vec_done(&p->events);
	table_done(&p->by_identity);
	table_done(&p->by_name);
	table_done(&p->process_index);
	strpool_done(&p->strings);
	error_names_done(&p->errors);
	free(p);
}

uint64_t plugin_time(const struct plugins *p, uint64_t time_ns)
{
	return time_ns > p->begin_ns ? time_ns - p->begin_ns : 0;
}

struct plugin_process *plugin_process(struct plugins *p, uint32_t pid, bool make)
{
	uint32_t i = table_find(&p->process_index, &pid, sizeof(pid));
	struct plugin_process fresh = { .pid = pid, .live = true, .begin_ns = p->begin_ns };

	if (i != TABLE_NONE)
		return &p->processes.v[i];
	if (!make || vec_push(&p->processes, fresh))
		return NULL;
	i = (uint32_t)p->processes.n - 1;
	if (!table_add(&p->process_index, &pid, sizeof(pid), i))
		return &p->processes.v[i];
	p->processes.n--;
	return NULL;
}

static struct plugin *plugin_at(struct plugins *p, uint32_t i)
{
	return i < p->all.n ? &p->all.v[i].p : NULL;
}

int plugin_enters(struct plugins *p, struct plugin_process *pp, const struct resident *r)
{
	int err = vec_push(&pp->residents, *r);
	bool is_new = r->plugin != REPORT_NONE;

	for (size_t i = 0; i < pp->plugins.n && is_new; i++)
		is_new = pp->plugins.v[i] != r->plugin;
	if (!err && is_new)
		err = vec_push(&pp->plugins, r->plugin);
	if (!err && r->plugin != REPORT_NONE) {
		p->all.v[r->plugin].residents++;
		p->changed = true;
	}
	p->lost += err != 0;
	return err;
}

/* It goes before its entries were probed, as they should have been. */
static void count_unprobed(struct plugins *p, const struct resident *r, uint64_t stay_ns)
{
	struct known_plugin *k = &p->all.v[r->plugin];

	if (!p->probing || r->call_ns || k->probed_ns || k->along || k->file == OBJECT_NONE ||
	    (k->planned && !k->p.traced))
		return;
	k->p.gap_ns += stay_ns;
	plugin_event_gap(p, r->plugin, stay_ns);
}

void plugin_leaves(struct plugins *p, struct plugin_process *pp, size_t resident, uint64_t now_ns)
{
	const struct resident *r = &pp->residents.v[resident];
	struct plugin *plugin = plugin_at(p, r->plugin);
	uint64_t since_ns = r->since_ns > p->begin_ns ? r->since_ns : p->begin_ns;

	if (plugin && now_ns > since_ns) {
		plugin->up_ns += now_ns - since_ns;
		count_unprobed(p, r, now_ns - since_ns);
	}
	if (plugin) {
		p->all.v[r->plugin].residents--;
		p->changed = true;
	}
	memmove(&pp->residents.v[resident], &pp->residents.v[resident + 1],
		(pp->residents.n - resident - 1) * sizeof(*r));
	pp->residents.n--;
}

/* The process ends, or its program: its time counts for each plugin that it had. */
static void flush(struct plugins *p, struct plugin_process *pp, uint64_t now_ns)
{
	vec_foreach (i, &pp->plugins) {
		if (now_ns > pp->begin_ns)
			plugin_at(p, *i)->target_ns += now_ns - pp->begin_ns;
	}
	while (pp->residents.n)
		plugin_leaves(p, pp, pp->residents.n - 1, now_ns);
	process_done(pp);
}

void plugins_forked(struct plugins *p, uint32_t parent, uint32_t child, uint64_t time_ns)
{
	struct plugin_process *to = p ? plugin_process(p, child, true) : NULL, *from;

	if (!to)
		return;
	flush(p, to, time_ns);
	from = plugin_process(p, parent, false); /* entering the child may have moved it */
	to->live = true;
	to->begin_ns = time_ns;
	to->known = from && from->known;
	to->starting = false;
	for (size_t i = 0; from && from != to && i < from->residents.n; i++) {
		struct resident r = from->residents.v[i];

		r.since_ns = time_ns;
		if (!r.call_ns) /* nobody in the child goes on with a call */
			plugin_enters(p, to, &r);
	}
}

void plugins_executed(struct plugins *p, uint32_t pid, uint64_t time_ns)
{
	struct plugin_process *pp = p ? plugin_process(p, pid, true) : NULL;

	if (!pp)
		return;
	flush(p, pp, time_ns);
	pp->live = pp->starting = true;
	pp->known = false;
	pp->begin_ns = time_ns;
}

void plugins_ended(struct plugins *p, uint32_t pid, uint64_t time_ns)
{
	struct plugin_process *pp = p ? plugin_process(p, pid, false) : NULL;

	if (!pp || !pp->live)
		return;
	flush(p, pp, time_ns);
	pp->live = false;
}

void plugins_set_max_overhead(struct plugins *p, double pct)
{
	if (p)
		p->opt.max_overhead_pct = pct;
}

void plugins_begin(struct plugins *p, struct collect *c, uint64_t now_ns)
{
	if (!p)
		return;
	p->begin_ns = now_ns;
	vec_foreach (proc, &c->processes.all) {
		struct plugin_process *pp;

		/* Of a command that is yet to be run nothing is there before. */
		if (!(*proc)->live || (*proc)->kernel_thread || !(*proc)->maps_version)
			continue;
		pp = plugin_process(p, (*proc)->pid, true);
		if (pp && !pp->known)
			plugin_take_stock(p, c, pp, 0, now_ns);
	}
}

void plugins_end(struct plugins *p, uint64_t now_ns)
{
	if (!p || p->ended)
		return;
	p->ended = true;
	vec_foreach (pp, &p->processes) {
		if (pp->live)
			flush(p, pp, now_ns);
	}
}

void plugin_event_add(struct plugins *p, const struct plugin_event *e, uint64_t stack_id)
{
	struct raw_plugin_event raw = { *e, stack_id };

	raw.e.stack = raw.e.target = REPORT_NONE;
	if (p->opt.on_event)
		p->opt.on_event(&raw.e, plugin_at(p, e->plugin), p->opt.arg);
	if (!p->opt.max_events) {
		p->dropped++;
	} else if (p->events.n < p->opt.max_events) {
		p->lost += vec_push(&p->events, raw) != 0;
	} else {
		p->events.v[p->first_event] = raw;
		p->first_event = (p->first_event + 1) % p->events.n;
		p->dropped++;
	}
}

uint64_t plugin_gap(const struct known_plugin *k)
{
	bool late = k->probed_ns && k->returned_ns && k->probed_ns > k->returned_ns;

	return late && k->mapped_ns ? k->probed_ns - k->mapped_ns : 0;
}

void plugin_event_gap(struct plugins *p, uint32_t plugin, uint64_t gap_ns)
{
	for (size_t i = p->events.n; i-- > 0;) {
		struct plugin_event *e = &p->events.v[(p->first_event + i) % p->events.n].e;

		if (e->kind != PLUGIN_LOAD || e->plugin != plugin)
			continue;
		e->gap_ns = gap_ns;
		return;
	}
}
