/* SPDX-License-Identifier: GPL-2.0-only */
/* What a trace has answered. Another process says it: nothing goes to a terminal as it came. */
#include "cmd/ctl_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "data/report.h"
#include "data/units.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "serve/status.h"

/* A member's text, printable; "" where there is none. */
static void add_text(struct buf *b, const json_t *o, const char *name)
{
	const json_t *value = json_object_get(o, name);

	if (json_is_string(value))
		text_clean(b, json_string_value(value));
}

static struct cell percent(double pct)
{
	return pct < 0 ? (struct cell){ "-" } : text_pct(pct, 100);
}

static void print_status(const json_t *o)
{
	struct trace_status s;

	if (status_parse(o, &s))
		return;
	printf("Trace %u of %s, %s for %s: %u process%s, %u probe%s\n", s.pid, s.target,
	       trace_state_name(s.state), text_ns(s.age_ns).s, s.processes,
	       s.processes == 1 ? "" : "es", s.probes, s.probes == 1 ? "" : "s");
	printf("Cost %s of the targets' CPU time (budget %s); lost records: %" PRIu64 "\n",
	       percent(s.cost_pct).s, percent(s.budget_pct).s, s.lost);
	if (s.others)
		printf("Other traces of these targets: %u, which cost %s more\n", s.others,
		       percent(s.others_pct).s);
}

/* "Signals: cpu offcpu" */
static void print_words(const char *title, const json_t *list)
{
	_cleanup_(buf_done) struct buf b = {};

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *word = json_array_get(list, i);

		if (!json_is_string(word))
			continue;
		buf_add_str(&b, i ? ", " : " ");
		text_clean(&b, json_string_value(word));
	}
	if (b.len)
		printf("%s:%s\n", title, buf_str(&b));
}

static void print_node(const json_t *o)
{
	_cleanup_(buf_done) struct buf name = {}, object = {}, state = {};
	const json_t *calls = json_object_get(o, "calls");
	struct cell count = { "-" };

	add_text(&name, o, "name");
	add_text(&object, o, "object");
	add_text(&state, o, "state");
	if (json_is_integer(calls) && json_integer_value(calls) >= 0)
		snprintf(count.s, sizeof(count.s), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(calls));
	printf("%12s  %-10s  %s", count.s, buf_str(&state), buf_str(&name));
	if (object.len)
		printf("  (%s)", buf_str(&object));
	printf("\n");
}

static void print_list(const json_t *data)
{
	const json_t *nodes = json_object_get(data, "nodes");
	json_int_t more = json_integer_value(json_object_get(data, "nodes_left_out"));

	print_status(json_object_get(data, "status"));
	print_words("Signals", json_object_get(data, "signals"));
	print_words("SPECs", json_object_get(data, "specs"));
	if (json_array_size(nodes))
		printf("%12s  %-10s  %s\n", "CALLS", "STATE", "FUNCTION");
	for (size_t i = 0; i < json_array_size(nodes); i++)
		print_node(json_array_get(nodes, i));
	if (more > 0)
		printf("%12s  and %" JSON_INTEGER_FORMAT " more\n", "", more);
}

static void print_emergency(const json_t *data)
{
	json_int_t links = json_integer_value(json_object_get(data, "links"));
	double ms = json_number_value(json_object_get(data, "ms"));

	printf("all programs are inert; %" JSON_INTEGER_FORMAT
	       " probe links were removed in %.0f ms\n",
	       links, ms);
}

static json_int_t number(const json_t *o, const char *name)
{
	const json_t *value = json_object_get(o, name);

	return json_is_integer(value) ? json_integer_value(value) : 0;
}

static void print_added(const json_t *data)
{
	_cleanup_(buf_done) struct buf name = {}, why = {};
	json_int_t nodes = number(data, "nodes"), skipped = number(data, "skipped");

	printf("%" JSON_INTEGER_FORMAT " function%s added", nodes, nodes == 1 ? "" : "s");
	if (json_is_true(json_object_get(data, "waits")))
		printf("; its object is not mapped yet: waiting for it");
	if (skipped) {
		add_text(&name, data, "skipped_first");
		add_text(&why, data, "skipped_why");
		printf("; %" JSON_INTEGER_FORMAT " cannot be traced, the first: '%s': %s", skipped,
		       buf_str(&name), buf_str(&why));
	}
	printf("\n");
}

static void print_removed(const json_t *data)
{
	json_int_t nodes = number(data, "nodes");

	printf("%" JSON_INTEGER_FORMAT
	       " function%s removed; what was counted stays in the report\n",
	       nodes, nodes == 1 ? "" : "s");
}

static void print_limits(json_t *data)
{
	json_t *limits = json_object_get(data, "limits");

	for (void *it = json_object_iter(limits); it; it = json_object_iter_next(limits, it)) {
		const json_t *value = json_object_iter_value(it);
		_cleanup_(buf_done) struct buf n = {}, v = {};

		text_clean(&n, json_object_iter_key(it));
		if (json_is_string(value))
			text_clean(&v, json_string_value(value));
		printf("%s=%s\n", buf_str(&n), buf_str(&v));
	}
}

static void print_resumed(const json_t *data)
{
	json_int_t ns = number(data, "paused_ns");

	printf("traced again; %s in all were not\n", text_ns(ns > 0 ? (uint64_t)ns : 0).s);
}

int ctl_print(enum verb verb, json_t *data, uint32_t pid, bool named, bool json)
{
	int err = 0;

	if (json && verb == VERB_LIST) {
		err = json_dumpf(data, stdout, JSON_INDENT(1)) ? -EIO : 0;
		printf("\n");
		return err;
	}
	if (named && verb != VERB_LIST)
		printf("%u: ", pid);
	if (verb == VERB_LIST)
		print_list(data);
	else if (verb == VERB_EMERGENCY_STOP)
		print_emergency(data);
	else if (verb == VERB_STOP)
		printf("the trace has ended\n");
	else if (verb == VERB_ADD)
		print_added(data);
	else if (verb == VERB_REMOVE)
		print_removed(data);
	else if (verb == VERB_PAUSE)
		printf("paused: nothing is attached\n");
	else if (verb == VERB_RESUME)
		print_resumed(data);
	else if (verb == VERB_LIMITS)
		print_limits(data);
	return err;
}
