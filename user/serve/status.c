/* SPDX-License-Identifier: GPL-2.0-only */
/* What a running trace tells of itself. */
#include "serve/status.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const names[TRACE_STATES] = {
	[TRACE_STARTING] = "starting",
	[TRACE_RUNNING] = "running",
	[TRACE_PAUSED] = "paused",
	[TRACE_REPORTING] = "reporting",
};

const char *trace_state_name(enum trace_state s)
{
	return names[s];
}

static json_int_t positive(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (json_int_t)n;
}

static json_t *percent(double pct)
{
	return pct < 0 || !isfinite(pct) ? json_null() : json_real(pct);
}

/* Bytes that are no UTF-8 come from a target's name. */
static json_t *text(const char *s)
{
	json_t *value = json_string(s);

	return value ? value : json_string("?");
}

static json_t *format_pids(const struct trace_status *s)
{
	json_t *pids = json_array();

	for (uint32_t i = 0; pids && i < s->pids_n; i++)
		json_array_append_new(pids, json_integer(s->pids[i]));
	return pids;
}

json_t *status_format(const struct trace_status *s)
{
	return json_pack(
	    "{s:i, s:s, s:o, s:o, s:I, s:I, s:I, s:i, s:o, s:b, s:i, s:I, s:o, s:o, s:o, s:i}",
	    "pid", (int)s->pid, "state", trace_state_name(s->state), "target", text(s->target),
	    "process", text(s->comm), "started_ns", positive(s->started_ns), "age_ns",
	    positive(s->age_ns), "turn_ns", positive(s->turn_ns), "processes", (int)s->processes,
	    "pids", format_pids(s), "everybody", (int)s->everybody, "probes", (int)s->probes,
	    "lost", positive(s->lost), "cost_pct", percent(s->cost_pct), "budget_pct",
	    percent(s->budget_pct), "others_pct", percent(s->others_pct), "others", (int)s->others);
}

static uint64_t number(const json_t *o, const char *name, uint64_t max)
{
	const json_t *value = json_object_get(o, name);
	json_int_t n = json_is_integer(value) ? json_integer_value(value) : 0;

	return n < 0 ? 0 : (uint64_t)n > max ? max : (uint64_t)n;
}

static double fraction(const json_t *o, const char *name)
{
	const json_t *value = json_object_get(o, name);
	double x = json_is_number(value) ? json_number_value(value) : -1;

	return isfinite(x) && x >= 0 ? x : -1;
}

/* What would move a terminal's cursor, or worse, is replaced. */
static void copy(const json_t *o, const char *name, char *to, size_t size)
{
	const json_t *value = json_object_get(o, name);
	size_t n;

	snprintf(to, size, "%s", json_is_string(value) ? json_string_value(value) : "");
	n = strlen(to);
	for (size_t i = 0; i < n; i++) {
		if (!isprint((unsigned char)to[i]))
			to[i] = '?';
	}
}

static enum trace_state state_of(const json_t *o)
{
	const json_t *value = json_object_get(o, "state");

	for (enum trace_state s = 0; json_is_string(value) && s < TRACE_STATES; s++) {
		if (!strcmp(json_string_value(value), names[s]))
			return s;
	}
	return TRACE_STATES;
}

int status_parse(const json_t *o, struct trace_status *ret)
{
	const json_t *pids = json_object_get(o, "pids");
	struct trace_status s = { .state = state_of(o) };

	s.pid = (uint32_t)number(o, "pid", INT32_MAX);
	if (!s.pid || s.state == TRACE_STATES)
		return -EPROTO;
	copy(o, "target", s.target, sizeof(s.target));
	copy(o, "process", s.comm, sizeof(s.comm));
	s.started_ns = number(o, "started_ns", INT64_MAX);
	s.age_ns = number(o, "age_ns", INT64_MAX);
	s.turn_ns = number(o, "turn_ns", INT64_MAX);
	s.processes = (uint32_t)number(o, "processes", INT32_MAX);
	s.everybody = json_is_true(json_object_get(o, "everybody"));
	s.probes = (uint32_t)number(o, "probes", INT32_MAX);
	s.lost = number(o, "lost", INT64_MAX);
	s.cost_pct = fraction(o, "cost_pct");
	s.budget_pct = fraction(o, "budget_pct");
	s.others_pct = fraction(o, "others_pct");
	s.others = (uint32_t)number(o, "others", INT32_MAX);
	for (size_t i = 0; i < json_array_size(pids) && s.pids_n < STATUS_PIDS; i++) {
		const json_t *pid = json_array_get(pids, i);

		if (json_is_integer(pid) && json_integer_value(pid) > 0 &&
		    json_integer_value(pid) <= INT32_MAX)
			s.pids[s.pids_n++] = (uint32_t)json_integer_value(pid);
	}
	*ret = s;
	return 0;
}

bool status_overlaps(const struct trace_status *a, const struct trace_status *b)
{
	if (a->everybody || b->everybody)
		return true;
	for (uint32_t i = 0; i < a->pids_n; i++) {
		for (uint32_t j = 0; j < b->pids_n; j++) {
			if (a->pids[i] == b->pids[j])
				return true;
		}
	}
	return false;
}
