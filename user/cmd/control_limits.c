/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits that can be looked at and set while a trace runs. */
#include "cmd/control_limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/control.h"
#include "data/report.h"
#include "lib/parse.h"
#include "trace/session_control.h"

#define DURATION_MAX_NS (366ULL * 24 * 3600 * 1000000000)

/* A value on its way: parsed before anything is set. */
union value {
	double pct;
	uint64_t ns;
};

struct limit {
	const char *name;
	void (*show)(const struct control_subject *on, char *text, size_t size);
	int (*parse)(const char *text, union value *ret, char *why, size_t why_size);
	void (*set)(const struct control_subject *on, union value v);
};

static void show_overhead(const struct control_subject *on, char *text, size_t size)
{
	snprintf(text, size, "%g%%", on->opt->max_overhead_pct);
}

static int parse_overhead(const char *text, union value *ret, char *why, size_t why_size)
{
	return parse_percent(text, 0, 100, &ret->pct, why, why_size);
}

static void set_overhead(const struct control_subject *on, union value v)
{
	on->opt->max_overhead_pct = on->report->overhead.budget_pct = v.pct;
	session_set_max_overhead(on->session, v.pct);
}

static void show_duration(const struct control_subject *on, char *text, size_t size)
{
	if (on->opt->duration_ns)
		snprintf(text, size, "%gs", (double)on->opt->duration_ns / 1e9);
	else
		snprintf(text, size, "off");
}

static int parse_length(const char *text, union value *ret, char *why, size_t why_size)
{
	ret->ns = 0;
	return strcmp(text, "off") != 0
		   ? parse_duration(text, DURATION_MAX_NS, &ret->ns, why, why_size)
		   : 0;
}

/* Since the trace began: the loop looks at it at each turn. */
static void set_duration(const struct control_subject *on, union value v)
{
	on->opt->duration_ns = v.ns;
}

static const struct limit limits[] = {
	{ "max-overhead", show_overhead, parse_overhead, set_overhead },
	{ "duration", show_duration, parse_length, set_duration },
};

#define LIMITS (sizeof(limits) / sizeof(*limits))

json_t *control_limits(const struct control_subject *on)
{
	json_t *all = json_object();
	char text[64];

	for (size_t i = 0; all && i < LIMITS; i++) {
		limits[i].show(on, text, sizeof(text));
		json_object_set_new(all, limits[i].name, json_string(text));
	}
	return json_pack("{s:o}", "limits", all);
}

static const struct limit *find(const char *name)
{
	for (size_t i = 0; i < LIMITS; i++) {
		if (!strcmp(limits[i].name, name))
			return &limits[i];
	}
	return NULL;
}

static int unknown(const char *name, char *why, size_t size)
{
	int n = snprintf(why, size, "there is no limit '%s'; there are:", name);

	for (size_t i = 0; i < LIMITS && n > 0 && (size_t)n < size; i++)
		n += snprintf(why + n, size - (size_t)n, " %s", limits[i].name);
	return -EINVAL;
}

int control_limits_set(const struct control_subject *on, const struct request *r, char *why,
		       size_t why_size)
{
	union value values[MESSAGE_SETTINGS_MAX];

	for (size_t i = 0; i < r->settings.n; i++) {
		const struct limit_setting *s = &r->settings.v[i];
		const struct limit *l = find(s->name);

		if (!l)
			return unknown(s->name, why, why_size);
		if (l->parse(s->value, &values[i], why, why_size))
			return -EINVAL;
	}
	for (size_t i = 0; i < r->settings.n; i++)
		find(r->settings.v[i].name)->set(on, values[i]);
	return 0;
}
