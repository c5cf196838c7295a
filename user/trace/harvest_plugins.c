/* SPDX-License-Identifier: GPL-2.0-only */
/* Plugins and their events go into the report. */
#include "trace/harvest_plugins.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "trace/loaders.h"
#include "trace/plugins_impl.h"
#include "trace/resolve.h"

static int add_plugin(struct resolver *res, struct report *r, const struct known_plugin *k)
{
	struct plugin p = k->p;

	p.id = report_str(r, p.id);
	p.path = report_str(r, p.path);
	p.build_id = report_str(r, p.build_id);
	p.needed_by = report_str(r, p.needed_by);
	p.untraced_why = report_str(r, p.untraced_why);
	p.object = k->file == OBJECT_NONE ? REPORT_NONE : resolve_object(res, k->file);
	return vec_push(&r->plugins, p);
}

static int add_event(struct collect *c, struct resolver *res, struct report *r,
		     const struct raw_plugin_event *raw)
{
	uint32_t stack = raw->stack_id ? collect_stack_by_id(c, raw->stack_id) : TABLE_NONE;
	struct plugin_event e = raw->e;

	e.name = report_str(r, e.name);
	e.error = report_str(r, e.error);
	e.entry = report_str(r, e.entry);
	e.needed = report_str(r, e.needed);
	e.target = resolve_target(res, e.pid);
	if (stack != TABLE_NONE)
		e.stack = resolve_stack(res, stack);
	return vec_push(&r->plugin_events, e);
}

/* Whose loader could not be followed: what it loads is not known. */
static void tell_missing(struct collect *c, const struct loaders *l, struct report *r)
{
	const struct process *first = NULL;
	uint32_t n = 0, followed = 0;
	char why[320];

	vec_foreach (proc, &c->processes.all) {
		bool follow = loaders_follow(l, *proc);

		if ((*proc)->kernel_thread || !(*proc)->maps.n)
			continue; /* it has ended, or never had any */
		followed += follow;
		n += !follow;
		first = first || follow ? first : *proc;
	}
	if (!n)
		return;
	snprintf(why, sizeof(why), "of %u process%s, %s (PID %u) first: %s", n, n == 1 ? "" : "es",
		 first->comm, first->pid,
		 loaders_why(l) ? loaders_why(l)
				: "no dynamic loader that can be followed: statically linked");
	vec_push(&r->missing, (struct named_why){ "plugins", report_str(r, why) });
	r->has_plugins = followed > 0 || r->plugins.n;
}

#define NO_MULTI                                                                                   \
	"probes on return instructions need Linux 6.6: loads, unloads and failures are followed, " \
	"executions are not"

/* Of a kernel on which entries cannot be probed. */
static void tell_unprobed(struct report *r)
{
	vec_push(&r->missing, (struct named_why){ "plugin executions", NO_MULTI });
	vec_foreach (p, &r->plugins) {
		if (p->state != PLUGIN_FAILED)
			p->untraced_why = "this kernel is older than Linux 6.6";
	}
}

int harvest_plugins(struct collect *c, const struct loaders *l, struct resolver *res,
		    struct report *r)
{
	struct plugins *p = c->plugins;
	int err = 0;

	if (!p)
		return 0;
	r->has_plugins = true;
	for (size_t i = 0; i < p->all.n && !err; i++)
		err = add_plugin(res, r, &p->all.v[i]);
	for (size_t i = 0; i < p->events.n && !err; i++)
		err = add_event(c, res, r, &p->events.v[(p->first_event + i) % p->events.n]);
	r->plugin_events_dropped = p->dropped;
	r->lost.events += p->lost;
	tell_missing(c, l, r);
	if (!p->probing)
		tell_unprobed(r);
	return err;
}
