/* SPDX-License-Identifier: GPL-2.0-only */
/* Plugins in JSON, as folded stacks, and as a stream of events. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sample_plugins.h"
#include "sample_report.h"
#include "view/plugin_event.h"
#include "view/view.h"

static struct report *r;
static json_t *root;

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
	sample_add_plugins(r);
}

static void teardown(void)
{
	json_decref(root);
	report_free(r);
}

TestSuite(view_plugins, .init = setup, .fini = teardown);

static void load(void)
{
	char *text = sample_render(&view_json, r);
	json_error_t error;

	json_decref(root);
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(root, "line %d: %s", error.line, error.text);
	free(text);
}

/* A member by a path such as "plugins.0.id"; NULL when there is none. */
static json_t *member(const char *path)
{
	char *copy = strdup(path), *save = NULL;
	json_t *value = root;

	for (char *key = strtok_r(copy, ".", &save); key; key = strtok_r(NULL, ".", &save))
		value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key))
					     : json_object_get(value, key);
	free(copy);
	return value;
}

static double number(const char *path)
{
	cr_assert(json_is_number(member(path)), "%s", path);
	return json_number_value(member(path));
}

static const char *string(const char *path)
{
	cr_assert(json_is_string(member(path)), "%s", path);
	return json_string_value(member(path));
}

Test(view_plugins, what_the_contract_names_is_there)
{
	static const char *const strings[] = { "id", "object", "state" };
	static const char *const integers[] = { "loads", "load_errors", "unloads", "executions",
						"errors" };

	load();
	cr_assert_eq(json_array_size(member("plugins")), P_COUNT);
	for (size_t p = 0; p < P_COUNT; p++) {
		json_t *plugin = json_array_get(member("plugins"), p);

		for (size_t i = 0; i < 3; i++)
			cr_assert(json_is_string(json_object_get(plugin, strings[i])));
		for (size_t i = 0; i < 5; i++)
			cr_assert(json_is_integer(json_object_get(plugin, integers[i])), "%zu: %s",
				  p, integers[i]);
	}
	cr_assert_str_eq(string("plugins.1.id"), "mod_bad.so");
	cr_assert_str_eq(string("plugins.1.build_id"), "bb22");
	cr_assert_str_eq(string("plugins.1.state"), "unloaded");
	cr_assert_str_eq(string("plugins.2.id"), "mod_bad.so#2");
	cr_assert_eq(number("plugins.2.generation"), 2);
	cr_assert_str_eq(string("plugins.3.state"), "failed");
	cr_assert(json_is_null(member("plugins.3.build_id")));
}

Test(view_plugins, every_metric_is_there)
{
	static const struct {
		const char *name;
		double value;
	} metrics[] = {
		{ "executions", 400 },
		{ "ok", 280 },
		{ "failed", 120 },
		{ "errors", 120 },
		{ "timed_out", 2 },
		{ "in_flight", 1 },
		{ "in_flight_ns", 7e9 },
		{ "peak_concurrency", 4 },
		{ "avg_ns", 17992500 },
		{ "min_ns", 3e6 },
		{ "max_ns", 6e9 },
		{ "alloc_bytes", 300 << 20 },
		{ "mapped_bytes", 310 << 20 },
		{ "memory_bytes", 310 << 20 },
		{ "page_faults", 80000 },
		{ "error_pct", 30 },
		{ "success_pct", 70 },
		{ "exceptions", 100 },
		{ "crashes", 0 },
		{ "loads", 2 },
		{ "unloads", 2 },
		{ "reopens", 3 },
		{ "closes", 3 },
		{ "load_avg_ns", 15e6 },
		{ "load_max_ns", 20.4e6 },
		{ "constructors_ns", 20e6 },
		{ "destructors_ns", 1e6 },
		{ "gap_ns", 12000 },
		{ "waited_ns", 40000 },
		{ "first_seen_ns", 1e9 },
		{ "last_activity_ns", 9e9 },
		{ "up_ns", 5e9 },
		{ "uptime_pct", 50 },
		{ "samples", 10 },
		{ "sample_pct", 2 },
	};

	load();
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		char path[64];

		snprintf(path, sizeof(path), "plugins.1.%s", metrics[i].name);
		cr_assert_eq(number(path), metrics[i].value, "%s", path);
	}
	cr_assert_eq(number("plugins.0.cpu_pct"), 2);
	cr_assert_eq(number("plugins.0.cpu_ns"), 102e6);
	cr_assert_eq(json_integer_value(json_object_get(member("plugins.1.error_types"),
							"exception std::runtime_error")),
		     100);
	cr_assert_eq(number("plugin_timeout_ns"), 30e9);
}

Test(view_plugins, what_is_not_known_is_null)
{
	static const char *const unknown[] = { "plugins.1.cpu_ns",      "plugins.1.cpu_pct",
					       "plugins.1.offcpu_ns",   "plugins.2.alloc_bytes",
					       "plugins.2.page_faults", "plugins.2.memory_bytes",
					       "plugins.2.error_pct",   "plugins.2.success_pct",
					       "plugins.3.uptime_pct",  "plugins.0.untraced_why" };

	load();
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		cr_assert(json_is_null(member(unknown[i])), "%s", unknown[i]);
	cr_assert_str_eq(string("plugins.4.untraced_why"), "it was not asked for");
	cr_assert(json_is_false(member("plugins.4.traced")));
	cr_assert_str_eq(string("plugins.4.needed_by"), "mod_good.so");
}

Test(view_plugins, stacks_begin_where_the_plugin_is_entered)
{
	load();
	cr_assert_eq(json_array_size(member("plugins.1.folded")), 2);
	cr_assert_str_eq(string("plugins.1.folded.0.0"), "webd;handle;[mod_bad.so+0x200]");
	cr_assert_eq(number("plugins.1.folded.0.1"), 6);
	cr_assert_str_eq(string("plugins.1.folded.1.0"), "webd;handle;host_log;[mod_bad.so+0x200]");
	cr_assert_eq(number("plugins.1.folded.1.1"), 4);
	cr_assert_eq(json_array_size(member("plugins.1.offcpu_folded")), 1);
	cr_assert_eq(number("plugins.1.offcpu_folded.0.1"), 3000);
	cr_assert_eq(json_array_size(member("plugins.0.folded")), 0);
	cr_assert_eq(json_array_size(member("plugins.3.folded")), 0, "it has no object");
}

Test(view_plugins, stacks_that_lead_nowhere_are_in_no_plugin)
{
	uint32_t nowhere = 0xfffffff0;
	uint32_t stack = report_add_stack(r, &nowhere, 1);
	char *before = sample_render(&view_plugins_folded, r), *text;

	vec_push(&r->cpu_samples, (struct cpu_sample){ .stack = stack, .count = 1 });
	vec_push(&r->cpu_samples, (struct cpu_sample){ .stack = REPORT_NONE, .count = 1 });
	r->plugins.v[P_GOOD].object = (uint32_t)r->objects.n;
	text = sample_render(&view_plugins_folded, r);
	cr_assert_str_eq(text, before);
	free(text);
	free(before);
}

Test(view_plugins, a_folded_file_has_the_stacks_of_each)
{
	char *text = sample_render(&view_plugins_folded, r);

	cr_assert_str_eq(text, "webd;mod_bad.so;handle;[mod_bad.so+0x200] 6\n"
			       "webd;mod_bad.so;handle;host_log;[mod_bad.so+0x200] 4\n");
	free(text);
	r->plugins.v[P_BAD].id = report_str(r, "a;b\n.so 1");
	text = sample_render(view_plugins_folded.companion, r);
	cr_assert_str_eq(text, "webd;a:b?.so 1;handle;[mod_bad.so+0x200] 3000\n");
	free(text);
}

Test(view_plugins, events_say_what_happened)
{
	load();
	cr_assert_eq(json_array_size(member("plugin_events")), r->plugin_events.n);
	cr_assert_str_eq(string("plugin_events.1.type"), "plugin_load");
	cr_assert_str_eq(string("plugin_events.1.plugin"), "mod_bad.so");
	cr_assert_str_eq(string("plugin_events.1.time"), "2026-01-02T03:04:06.123456789Z");
	cr_assert_eq(number("plugin_events.1.pid"), 4242);
	cr_assert_eq(number("plugin_events.1.tid"), 4250);
	cr_assert_eq(number("plugin_events.1.duration_ns"), 20400000);
	cr_assert_str_eq(string("plugin_events.1.status"), "ok");
	cr_assert(json_is_null(member("plugin_events.1.error")));
	cr_assert_str_eq(string("plugin_events.1.metadata.flag_names"), "RTLD_NOW|RTLD_GLOBAL");
	cr_assert_str_eq(string("plugin_events.1.metadata.needed.1"), "libz.so.1");
	cr_assert_str_eq(string("plugin_events.1.metadata.stack"),
			 "webd;_start;handle;[mod_bad.so+0x200]");
	cr_assert_eq(number("plugin_events.1.metadata.constructors_ns"), 20000000);
	cr_assert(json_is_true(member("plugin_events.0.metadata.at_attach")));
	cr_assert(json_is_null(member("plugin_events.0.duration_ns")));
	cr_assert_eq(number("plugin_events_dropped"), 5);
}

Test(view_plugins, errors_of_loads_and_of_executions_are_told_apart)
{
	load();
	cr_assert_str_eq(string("plugin_events.2.status"), "error");
	cr_assert_str_eq(string("plugin_events.2.error"),
			 "/usr/lib/webd/broken.so: undefined symbol: no_such_function");
	cr_assert_str_eq(string("plugin_events.2.metadata.during"), "load");
	cr_assert_str_eq(string("plugin_events.5.plugin"), "missing.so");
	cr_assert_str_eq(string("plugin_events.7.metadata.during"), "execution");
	cr_assert_str_eq(string("plugin_events.7.metadata.entry"), "handle");
	cr_assert_str_eq(string("plugin_events.7.error"), "exception std::runtime_error");
}

Test(view_plugins, flags_and_needed_names_of_every_kind_are_told)
{
	struct plugin_event *e = &r->plugin_events.v[1];

	e->flags = 0x1001 | 0x40000;
	e->needed = report_str(r, ",a,,b,");
	load();
	cr_assert_str_eq(string("plugin_events.1.metadata.flag_names"),
			 "RTLD_LAZY|RTLD_NODELETE|0x40000");
	cr_assert_eq(json_array_size(member("plugin_events.1.metadata.needed")), 2);
	cr_assert_str_eq(string("plugin_events.1.metadata.needed.1"), "b");
	e->flags = 0;
	e->needed = report_str(r, "");
	load();
	cr_assert_str_eq(string("plugin_events.1.metadata.flag_names"), "0x0");
	cr_assert_eq(json_array_size(member("plugin_events.1.metadata.needed")), 0);
}

Test(view_plugins, an_event_is_a_line_that_equals_the_reports)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	load();
	for (size_t i = 0; i < r->plugin_events.n; i++) {
		json_t *event;

		rewind(out);
		cr_assert_eq(view_plugin_event(out, r, &r->plugin_events.v[i]), 0);
		/* Flushed: it is there without our closing the stream. */
		cr_assert_eq(text[size - 1], '\n');
		cr_assert_eq(strcspn(text, "\n"), size - 1, "one line");
		event = json_loadb(text, size, 0, NULL);
		cr_assert(json_equal(event, json_array_get(member("plugin_events"), i)), "%zu", i);
		json_decref(event);
	}
	fclose(out);
	free(text);
}

Test(view_plugins, a_stream_that_cannot_be_written_is_an_error)
{
	FILE *full = fopen("/dev/full", "w");

	cr_assert_not_null(full);
	cr_assert_eq(view_plugin_event(full, r, &r->plugin_events.v[0]), -ENOSPC);
	fclose(full);
}

Test(view_plugins, an_event_with_indices_that_lead_nowhere_is_told_all_the_same)
{
	r->plugin_events.v[1] = (struct plugin_event){ .kind = PLUGIN_ERROR,
						       .plugin = 77,
						       .stack = 77777,
						       .target = 77,
						       .time_ns = UINT64_MAX,
						       .flags = -1 };
	load();
	cr_assert_str_eq(string("plugin_events.1.plugin"), "[unknown]");
	cr_assert_null(member("plugin_events.1.metadata.stack"));
	cr_assert_str_eq(string("plugin_events.1.status"), "error");
}

Test(view_plugins, findings_rankings_and_trends_stand_in_the_report)
{
	load();
	cr_assert_str_eq(string("findings.0.rule"), "HIGH_MEMORY");
	cr_assert_str_eq(string("findings.0.plugin"), "mod_bad.so");
	cr_assert_eq(number("findings.0.value"), 310 << 20);
	cr_assert_eq(number("findings.0.limit"), 100 << 20);
	cr_assert_str_eq(string("findings.0.unit"), "bytes");
	cr_assert_eq(strncmp(string("findings.0.text"), "mod_bad.so: asked for", 21), 0);
	cr_assert_str_eq(string("findings.3.path.1"), "parse_request");
	cr_assert_str_eq(string("rankings.plugins.most_used.0.plugin"), "mod_good.so");
	cr_assert_eq(number("rankings.plugins.most_reliable.0.value"), 100);
	cr_assert_str_eq(string("rankings.paths.failed.0.path.1"), "parse_request");
	cr_assert_null(member("rankings.paths.memory"));
	cr_assert_str_eq(string("trends.0.plugin"), "mod_bad.so");
	cr_assert_str_eq(string("trends.0.metric"), "calls_per_s");
	cr_assert_str_eq(string("trends.0.direction"), "up");
	cr_assert_eq(number("trends.0.change_pct"), 100);
	cr_assert_eq(number("trends.0.before"), 25);
	cr_assert_eq(number("trends.0.recent"), 50);
	cr_assert_eq(number("trends.0.calls_before"), 125);
	cr_assert_eq(number("trends.0.calls_recent"), 250);
	cr_assert_eq(number("limits.slow_ns"), 5e9);
}

Test(view_plugins, windows_stand_by_subject)
{
	load();
	cr_assert_eq(number("windows.length_ns"), 1e9);
	cr_assert_eq(json_array_size(member("windows.activities")), 2);
	cr_assert_str_eq(string("windows.activities.0.plugin"), "mod_bad.so");
	cr_assert_eq(json_array_size(member("windows.activities.0.windows")), 10);
	cr_assert_eq(number("windows.activities.0.windows.9.calls"), 50);
	cr_assert_eq(number("windows.activities.0.windows.9.errors"), 10);
	cr_assert_eq(number("windows.activities.0.windows.9.start_ns"), 9e9);
	cr_assert_str_eq(string("windows.activities.1.path.1"), "parse_request");
	cr_assert_eq(number("windows.halves.middle_ns"), 5e9);
}

Test(view_plugins, plugins_that_were_not_looked_for_are_missing)
{
	bool missing = false;
	json_t *entry;
	size_t i;

	report_free(r);
	r = report_new();
	load();
	cr_assert_null(member("plugins"));
	cr_assert_null(member("plugin_events"));
	cr_assert_null(member("windows"));
	cr_assert_null(member("rankings.plugins"));
	cr_assert_eq(json_array_size(member("findings")), 0);
	cr_assert_eq(json_array_size(member("trends")), 0);
	json_array_foreach(member("missing"), i, entry) missing |=
	    !strcmp(json_string_value(json_object_get(entry, "what")), "plugins");
	cr_assert(missing);
	r->has_plugins = true;
	load();
	cr_assert_eq(json_array_size(member("plugins")), 0);
	cr_assert_eq(json_array_size(member("plugin_events")), 0);
}

Test(view_plugins, huge_counts_are_held)
{
	struct plugin *p = &r->plugins.v[P_BAD];

	p->stats->calls = p->stats->errors = p->stats->total_ns = UINT64_MAX;
	p->load_errors = p->alloc_bytes = p->first_seen_ns = UINT64_MAX;
	p->up_ns = p->target_ns = UINT64_MAX;
	p->in_flight_ns = UINT64_MAX;
	load();
	cr_assert_eq(json_integer_value(member("plugins.1.executions")), INT64_MAX);
	cr_assert_eq(number("plugins.1.uptime_pct"), 100);
	cr_assert_eq(number("plugins.1.ok"), 0);
	free(sample_render(&view_text, r));
	free(sample_render(&view_csv, r));
	free(sample_render(&view_html, r));
}
