/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON: what happened to plugins, in the report and as it happens. */
#include "view/plugin_event.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "analysis/plugin_metrics.h"
#include "data/report.h"
#include "view/json_out.h"

/* Of dlopen(): the C library's values, as the target passed them. */
static const struct {
	int bit;
	const char *name;
} flag_names[] = {
	{ RTLD_LAZY, "RTLD_LAZY" },     { RTLD_NOW, "RTLD_NOW" },
	{ RTLD_NOLOAD, "RTLD_NOLOAD" }, { RTLD_DEEPBIND, "RTLD_DEEPBIND" },
	{ RTLD_GLOBAL, "RTLD_GLOBAL" }, { RTLD_NODELETE, "RTLD_NODELETE" },
};

/* "RTLD_NOW|RTLD_GLOBAL"; bits without a name as one number at the end. */
static json_t *flags_text(int flags)
{
	struct buf b = {};
	json_t *text;

	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
		if (!(flags & flag_names[i].bit))
			continue;
		buf_printf(&b, "%s%s", b.len ? "|" : "", flag_names[i].name);
		flags &= ~flag_names[i].bit;
	}
	if (flags || !b.len)
		buf_printf(&b, "%s0x%x", b.len ? "|" : "", (unsigned int)flags);
	text = b.err ? NULL : json_string(buf_str(&b));
	buf_done(&b);
	return text;
}

/* "a,b" as a list. */
static json_t *name_list(const char *names)
{
	json_t *list = json_array();
	struct buf name = {};

	while (*names) {
		size_t len = strcspn(names, ",");

		buf_clear(&name);
		buf_add(&name, names, len);
		/* An append of NULL fails, and the list is lost with it. */
		if (len && (name.err || json_array_append_new(list, json_text(buf_str(&name))))) {
			json_decref(list);
			list = NULL;
			break;
		}
		names += len + (names[len] == ',');
	}
	buf_done(&name);
	return list;
}

static json_t *stack_text(const struct report *r, const struct plugin_event *e)
{
	struct buf b = {};
	json_t *text;

	stack_format(&b, r, e->target, e->stack);
	text = b.err ? NULL : json_string(buf_str(&b));
	buf_done(&b);
	return text;
}

/* A member that is there only when its time is known. */
static int set_ns(json_t *object, const char *key, uint64_t ns)
{
	return ns ? json_object_set_new(object, key, json_integer(json_u64(ns))) : 0;
}

/* Of an event that stands for several executions. */
static int set_sums(json_t *object, const struct plugin_event *e)
{
	if (!e->executions)
		return 0;
	return json_object_set_new(object, "executions", json_integer(json_u64(e->executions))) |
	       json_object_set_new(object, "failed", json_integer(json_u64(e->failures))) |
	       json_object_set_new(object, "total_ns", json_integer(json_u64(e->total_ns)));
}

static json_t *make_metadata(const struct report *r, const struct plugin_event *e)
{
	static const char *const during[] = { [PLUGIN_DURING_EXECUTION] = "execution",
					      [PLUGIN_DURING_LOAD] = "load",
					      [PLUGIN_DURING_UNLOAD] = "unload" };
	const struct plugin *p = e->plugin < r->plugins.n ? &r->plugins.v[e->plugin] : NULL;
	json_t *m = json_object();
	int err = m ? 0 : -1;

	if (p && p->path)
		err |= json_object_set_new(m, "object", json_text(p->path));
	if (p && p->build_id)
		err |= json_object_set_new(m, "build_id", json_text(p->build_id));
	if (p && p->size)
		err |= json_object_set_new(m, "size", json_integer(json_u64(p->size)));
	if (p && p->needed_by)
		err |= json_object_set_new(m, "needed_by", json_text(p->needed_by));
	if (e->flags >= 0) {
		err |= json_object_set_new(m, "flags", json_integer(e->flags));
		err |= json_object_set_new(m, "flag_names", flags_text(e->flags));
	}
	if (e->entry)
		err |= json_object_set_new(m, "entry", json_text(e->entry));
	if (e->needed)
		err |= json_object_set_new(m, "needed", name_list(e->needed));
	if (e->stack < r->stacks.n)
		err |= json_object_set_new(m, "stack", stack_text(r, e));
	err |= set_ns(m, "constructors_ns", e->constructors_ns);
	err |= set_ns(m, "destructors_ns", e->destructors_ns);
	err |= set_ns(m, "waited_ns", e->waited_ns);
	err |= set_ns(m, "gap_ns", e->gap_ns);
	if (e->at_attach)
		err |= json_object_set_new(m, "at_attach", json_true());
	if (e->nodelete)
		err |= json_object_set_new(m, "nodelete", json_true());
	if (e->kind == PLUGIN_ERROR)
		err |= json_object_set_new(m, "during", json_string(during[e->during]));
	err |= set_sums(m, e);
	if (err) {
		json_decref(m);
		m = NULL;
	}
	return m;
}

json_t *plugin_event_json(const struct report *r, const struct plugin_event *e)
{
	uint64_t time =
	    r->started_ns > UINT64_MAX - e->time_ns ? UINT64_MAX : r->started_ns + e->time_ns;
	json_t *duration = e->has_duration ? json_integer(json_u64(e->duration_ns)) : json_null();

	return json_pack("{s:o, s:s, s:o, s:I, s:I, s:o, s:s, s:o, s:o}", "time", json_time(time),
			 "type", plugin_event_name(e->kind), "plugin",
			 json_text(plugin_event_subject(r, e)), "pid", json_u64(e->pid), "tid",
			 json_u64(e->tid), "duration_ns", duration, "status",
			 e->failed || e->kind == PLUGIN_ERROR ? "error" : "ok", "error",
			 json_optional(e->error), "metadata", make_metadata(r, e));
}

int view_plugin_event(FILE *out, const struct report *r, const struct plugin_event *e)
{
	json_t *event = plugin_event_json(r, e);
	char *line = event ? json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
	int err = 0;

	json_decref(event);
	if (!line)
		return -ENOMEM;
	errno = 0;
	/* A line at once: what goes into a pipe is not torn by another writer. */
	if (fprintf(out, "%s\n", line) < 0 || fflush(out) || ferror(out))
		err = errno ? -errno : -EIO;
	free(line);
	return err;
}

void json_put_plugin_events(struct json_out *j, const struct report *r)
{
	if (!r->has_plugins)
		return;
	json_open(j, "plugin_events", '[');
	vec_foreach (e, &r->plugin_events)
		json_put(j, NULL, plugin_event_json(r, e));
	json_close(j, ']');
	json_put(j, "plugin_events_dropped", json_integer(json_u64(r->plugin_events_dropped)));
}
