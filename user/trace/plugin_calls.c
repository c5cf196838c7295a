/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of executions become events of plugins: those that failed, or each one. */
#include <errno.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdio.h>
#include <string.h>

#include "bpf/wire.h"
#include "trace/plan.h"
#include "trace/plugins_impl.h"

static struct plugin_event event_of(const struct plugins *p, const struct pb_header *h,
				    enum plugin_event_kind kind, uint32_t plugin, uint32_t node,
				    uint64_t start_ns)
{
	struct plugin_event e = { .kind = kind,
				  .plugin = plugin,
				  .time_ns = plugin_time(p, start_ns),
				  .pid = h->pid,
				  .tid = h->tid,
				  .flags = -1 };

	if (p->plan && node < p->plan->nodes.n)
		e.entry = p->plan->nodes.v[node].name;
	return e;
}

static void set_duration(struct plugin_event *e, uint64_t start_ns, uint64_t end_ns)
{
	e->has_duration = true;
	e->duration_ns = end_ns > start_ns ? end_ns - start_ns : 0;
}

static const char *keep_error(struct plugins *p, uint32_t kind, int64_t value, uint32_t node)
{
	char text[160];

	if (p->error_names_map && !error_names_know(&p->errors, kind, value))
		error_names_read(&p->errors, p->error_names_map);
	error_name(&p->errors, kind, value, node, text, sizeof(text));
	return strpool_add(&p->strings, text);
}

/* A thread died inside a plugin. */
static void take_crash(struct plugins *p, const struct pb_plugin_crash *r)
{
	struct plugin_event e = event_of(p, &r->h, PLUGIN_ERROR, r->plugin, r->node, r->start_ns);

	if (r->plugin >= p->all.n)
		return;
	set_duration(&e, r->start_ns, r->h.time_ns);
	p->all.v[r->plugin].p.crashes++;
	p->all.v[r->plugin].p.last_activity_ns = plugin_time(p, r->h.time_ns);
	e.failed = true;
	e.error = keep_error(p, PB_ERROR_SIGNAL, r->signal, r->node);
	plugin_event_add(p, &e, 0);
}

static void tell_timeout(struct plugins *p, const struct plugin_event *of)
{
	struct plugin_event e = *of;
	char text[80];

	snprintf(text, sizeof(text), "timed out: it took longer than %" PRIu64 ".%03u s",
		 p->opt.timeout_ns / 1000000000,
		 (unsigned int)(p->opt.timeout_ns / 1000000 % 1000));
	e.kind = PLUGIN_ERROR;
	e.failed = true;
	e.error = strpool_add(&p->strings, text);
	plugin_event_add(p, &e, 0);
}

static void take_call(struct plugins *p, const struct pb_plugin_call *r)
{
	struct plugin_event e = event_of(p, &r->h, PLUGIN_EXECUTE, r->plugin, r->node, r->start_ns);

	if (r->plugin >= p->all.n)
		return;
	if (r->flags & PB_CALL_TIMED)
		set_duration(&e, r->start_ns, r->h.time_ns);
	if (r->error) {
		e.failed = true;
		e.error = keep_error(p, r->error, r->value, r->node);
	}
	if (p->opt.calls)
		plugin_event_add(p, &e, 0);
	if (r->flags & PB_CALL_TIMED_OUT)
		tell_timeout(p, &e);
	if (!r->error || r->error == PB_ERROR_SIGNAL)
		return; /* of a death in it the record of the crash tells */
	e.kind = PLUGIN_ERROR;
	plugin_event_add(p, &e, 0);
}

bool plugin_call_record(struct plugins *p, const void *data, size_t size)
{
	const struct pb_header *h = data;
	struct pb_plugin_crash crash;
	struct pb_plugin_call call;

	if (h->kind == PB_PLUGIN_CRASH && size >= sizeof(crash)) {
		memcpy(&crash, data, sizeof(crash));
		take_crash(p, &crash);
		return true;
	}
	if (h->kind != PB_PLUGIN_CALL || size < sizeof(call))
		return false;
	memcpy(&call, data, sizeof(call));
	take_call(p, &call);
	return true;
}
