/* SPDX-License-Identifier: GPL-2.0-only */
/* The JSON report against the contract's schema 1, parsed back by jansson. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sample_report.h"
#include "view/view.h"

static struct report *r;
static json_t *root;

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
}

static void teardown(void)
{
	json_decref(root);
	report_free(r);
}

TestSuite(view_json, .init = setup, .fini = teardown);

static void load(void)
{
	char *text = sample_render(&view_json, r);
	json_error_t error;

	json_decref(root);
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(root, "line %d: %s", error.line, error.text);
	free(text);
}

/* A member by a path such as "stacks.cpu.folded.0.1"; NULL when there is none. */
static json_t *member(json_t *value, const char *path)
{
	char *copy = strdup(path), *save = NULL;

	for (char *key = strtok_r(copy, ".", &save); key; key = strtok_r(NULL, ".", &save))
		value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key))
					     : json_object_get(value, key);
	free(copy);
	return value;
}

static json_int_t number(const char *path)
{
	cr_assert(json_is_integer(member(root, path)), "%s", path);
	return json_integer_value(member(root, path));
}

static const char *string(const char *path)
{
	cr_assert(json_is_string(member(root, path)), "%s", path);
	return json_string_value(member(root, path));
}

/* What the contract names, a letter a type: integer, string, object, array, real or integer. */
static const struct {
	const char *path;
	char type;
} schema[] = {
	{ "schema", 'i' },
	{ "pathbpf", 's' },
	{ "host.kernel", 's' },
	{ "host.arch", 's' },
	{ "host.cpus", 'i' },
	{ "started", 's' },
	{ "duration_ns", 'i' },
	{ "targets.0.pid", 'i' },
	{ "targets.0.comm", 's' },
	{ "targets.0.exe", 's' },
	{ "nodes.0.id", 'i' },
	{ "nodes.0.name", 's' },
	{ "nodes.0.object", 's' },
	{ "nodes.0.kind", 's' },
	{ "nodes.0.calls", 'i' },
	{ "paths.0.path.0", 's' },
	{ "paths.0.nodes.0", 'i' },
	{ "paths.0.calls", 'i' },
	{ "paths.0.errors", 'i' },
	{ "paths.0.open", 'i' },
	{ "paths.0.total_ns", 'i' },
	{ "paths.0.self_ns", 'i' },
	{ "paths.0.cpu_ns", 'i' },
	{ "paths.0.offcpu_ns", 'i' },
	{ "paths.0.min_ns", 'i' },
	{ "paths.0.max_ns", 'i' },
	{ "paths.0.p50_ns", 'i' },
	{ "paths.0.p90_ns", 'i' },
	{ "paths.0.p99_ns", 'i' },
	{ "paths.0.p999_ns", 'i' },
	{ "paths.0.error_types", 'o' },
	{ "paths.0.inside", 'o' },
	{ "paths.0.depth_max", 'i' },
	{ "coverage.matched", 'i' },
	{ "coverage.probed", 'i' },
	{ "coverage.emulated", 'i' },
	{ "coverage.return_sites", 'i' },
	{ "coverage.skipped", 'i' },
	{ "traces.0.pid", 'i' },
	{ "traces.0.tid", 'i' },
	{ "traces.0.thread", 's' },
	{ "traces.0.why.0", 's' },
	{ "traces.0.path.0", 's' },
	{ "traces.0.slices_lost", 'i' },
	{ "traces.1.cause.trace", 'i' },
	{ "traces.1.cause.kind", 's' },
	{ "traces.1.cause.at_ns", 'i' },
	{ "traces.0.slices.0.kind", 's' },
	{ "traces.0.slices.0.name", 's' },
	{ "traces.0.slices.1.parent", 'i' },
	{ "traces.0.slices.0.start_ns", 'i' },
	{ "traces.0.slices.0.duration_ns", 'i' },
	{ "traces.0.slices.0.error", 's' },
	{ "traces.0.slices.1.args", 's' },
	{ "unused.0.name", 's' },
	{ "unused.0.object", 's' },
	{ "stacks.cpu.samples", 'i' },
	{ "stacks.cpu.truncated", 'i' },
	{ "stacks.cpu.frequency_hz", 'i' },
	{ "stacks.cpu.folded.0.0", 's' },
	{ "stacks.cpu.folded.0.1", 'i' },
	{ "stacks.offcpu.total_ns", 'i' },
	{ "stacks.offcpu.truncated", 'i' },
	{ "stacks.offcpu.folded.0.0", 's' },
	{ "stacks.offcpu.folded.0.1", 'i' },
	{ "syscalls.0.name", 's' },
	{ "syscalls.0.calls", 'i' },
	{ "syscalls.0.errors", 'i' },
	{ "syscalls.0.total_ns", 'i' },
	{ "syscalls.0.max_ns", 'i' },
	{ "syscalls.0.error_types", 'o' },
	{ "overhead.target_pct", 'r' },
	{ "overhead.budget_pct", 'r' },
	{ "overhead.traps_ns", 'i' },
	{ "overhead.detached.0.name", 's' },
	{ "overhead.detached.0.reason", 's' },
	{ "lost.samples", 'i' },
	{ "lost.spans", 'i' },
	{ "lost.events", 'i' },
	{ "lost.paths", 'i' },
	{ "lost.stacks", 'i' },
	{ "missing.0.what", 's' },
	{ "missing.0.why", 's' },
};

static bool has_type(const json_t *value, char type)
{
	switch (type) {
	case 'i':
		return json_is_integer(value);
	case 's':
		return json_is_string(value);
	case 'o':
		return json_is_object(value);
	case 'r':
		return json_is_number(value);
	}
	return false;
}

Test(view_json, everything_that_the_contract_names_has_its_type)
{
	load();
	for (size_t i = 0; i < sizeof(schema) / sizeof(schema[0]); i++)
		cr_assert(has_type(member(root, schema[i].path), schema[i].type), "%s",
			  schema[i].path);
	cr_assert_eq(number("schema"), 1);
}

Test(view_json, times_are_rfc_3339_in_utc)
{
	load();
	cr_assert_str_eq(string("started"), "2026-01-02T03:04:05.123456789Z");
	cr_assert_str_eq(string("events.3.time"), "2026-01-02T03:04:14.123456789Z");
}

Test(view_json, a_targets_end_is_null_a_code_or_a_signal)
{
	load();
	cr_assert(json_is_null(member(root, "targets.0.exit")));
	cr_assert_str_eq(string("targets.1.exit.signal"), "SIGSEGV");
	r->targets.v[0].end = TARGET_EXITED;
	r->targets.v[0].end_value = 3;
	load();
	cr_assert_eq(number("targets.0.exit.code"), 3);
}

Test(view_json, paths_carry_exact_numbers)
{
	load();
	cr_assert_eq(json_array_size(member(root, "paths")), r->paths.n);
	cr_assert_str_eq(string("paths.4.path.3"), "vfs_fsync");
	cr_assert_eq(number("paths.4.nodes.3"), 4);
	cr_assert_eq(number("paths.1.calls"), 5000);
	cr_assert_eq(number("paths.1.error_types.ret=-22"), 100);
	cr_assert_eq(number("paths.0.open"), 3);
	cr_assert_eq(number("paths.2.unwound"), 4);
	cr_assert_eq(number("paths.5.untimed"), 1);
	cr_assert_eq(number("paths.3.depth_max"), 12);
	cr_assert(json_is_null(member(root, "paths.5.cpu_ns")));
	cr_assert(json_is_null(member(root, "paths.5.offcpu_ns")));
	cr_assert_str_eq(string("nodes.4.kind"), "kernel");
}

Test(view_json, paths_tell_what_went_wrong_inside)
{
	load();
	cr_assert_eq(number("paths.2.inside.openat ENOENT"), 31);
	cr_assert_eq(number("paths.2.inside.python ValueError"), 2);
	cr_assert_eq(json_object_size(member(root, "paths.1.inside")), 0);
	cr_assert_eq(number("paths.2.errors"), 0, "they failed no call");
}

Test(view_json, coverage_tells_what_is_probed)
{
	load();
	cr_assert_eq(number("coverage.matched"), 10);
	cr_assert_eq(number("coverage.probed"), 7);
	cr_assert_eq(number("coverage.emulated"), 6);
	cr_assert_eq(number("coverage.return_sites"), 4);
	cr_assert_eq(number("coverage.skipped"), 3);
}

Test(view_json, traces_are_given_as_recorded)
{
	load();
	cr_assert_eq(json_array_size(member(root, "traces")), 4);
	cr_assert_eq(json_array_size(member(root, "traces.0.slices")), 20);
	cr_assert_eq(number("traces.0.tid"), 4250);
	cr_assert_eq(json_array_size(member(root, "traces.0.why")), 2);
	cr_assert_str_eq(string("traces.0.why.0"), "slow");
	cr_assert_str_eq(string("traces.0.why.1"), "failed");
	cr_assert_eq(number("traces.0.slices_lost"), 2);
	cr_assert(json_is_null(member(root, "traces.0.cause")));
	cr_assert(json_is_null(member(root, "traces.0.slices.0.parent")));
	cr_assert_str_eq(string("traces.0.slices.0.error"), "ret=-1");
	cr_assert_str_eq(string("traces.0.slices.1.args"), "len=1500, path=\"/login\"");
	cr_assert(json_is_null(member(root, "traces.0.slices.1.error")));
	cr_assert_str_eq(string("traces.0.slices.18.kind"), "offcpu");
	cr_assert_eq(number("traces.0.slices.18.parent"), 16);
	cr_assert_eq(number("traces.0.slices.18.start_ns"), 2003005000);
	cr_assert_eq(number("traces.0.slices.18.duration_ns"), 49000000);
	cr_assert_str_eq(string("traces.0.slices.19.kind"), "instant");
	cr_assert_eq(number("traces.1.cause.trace"), 0);
	cr_assert_str_eq(string("traces.1.cause.kind"), "wakeup");
	cr_assert_eq(number("traces.1.cause.at_ns"), 2002500000);
	cr_assert_str_eq(string("traces.1.path.0"), "flush");
	cr_assert(json_is_null(member(root, "traces.2.thread")));
	cr_assert(json_is_true(member(root, "traces.2.slices.0.open")));
	cr_assert(json_is_false(member(root, "traces.0.slices.0.open")));
	cr_assert_str_eq(string("traces.3.thread"), "webd;worker?");
}

Test(view_json, references_of_traces_that_lead_nowhere_are_null)
{
	struct trace *t = &r->traces.v[0];

	t->cause = 99;
	t->cause_kind = "clone";
	t->path = 4000;
	t->slices.v[3].parent = 3;
	t->slices.v[4].parent = 400;
	load();
	cr_assert(json_is_null(member(root, "traces.0.cause")));
	cr_assert_eq(json_array_size(member(root, "traces.0.path")), 0);
	cr_assert(json_is_null(member(root, "traces.0.slices.3.parent")));
	cr_assert(json_is_null(member(root, "traces.0.slices.4.parent")));
}

Test(view_json, folded_stacks_add_up)
{
	json_int_t samples = 0, us = 0;
	json_t *line;
	size_t i;

	load();
	json_array_foreach(member(root, "stacks.cpu.folded"), i, line) samples +=
	    json_integer_value(json_array_get(line, 1));
	json_array_foreach(member(root, "stacks.offcpu.folded"), i, line) us +=
	    json_integer_value(json_array_get(line, 1));
	cr_assert_eq(samples, (json_int_t)r->cpu.samples);
	cr_assert_eq(number("stacks.cpu.samples"), samples);
	cr_assert_leq(llabs(us * 1000 - number("stacks.offcpu.total_ns")),
		      500 * (json_int_t)r->offcpu_samples.n);
	cr_assert_eq(number("stacks.offcpu.truncated"), 6);
	cr_assert_eq(json_array_size(member(root, "stacks.offcpu.preempted")), 1);
	cr_assert_eq(number("stacks.offcpu.preempted.0.1"), 130001);
}

Test(view_json, source_lines_are_given_with_the_samples_at_and_under_them)
{
	json_t *lines, *line;
	uint64_t seen = 0;
	size_t i;

	load();
	lines = member(root, "stacks.cpu.lines");
	json_array_foreach(lines, i, line)
	{
		const char *file = json_string_value(json_object_get(line, "file"));

		cr_expect(json_integer_value(json_object_get(line, "self")) <=
			  json_integer_value(json_object_get(line, "total")));
		seen += file && !strcmp(file, "page.py") &&
			json_integer_value(json_object_get(line, "line")) == 12;
	}
	cr_expect_eq(seen, 1);
}

Test(view_json, system_calls_say_where_they_came_from)
{
	load();
	cr_assert_str_eq(string("syscalls.0.name"), "read");
	cr_assert_eq(number("syscalls.0.paths.0.calls"), 11000);
	cr_assert_str_eq(string("syscalls.0.paths.0.path.0"), "serve");
	cr_assert_eq(json_array_size(member(root, "syscalls.0.paths.1.path")), 0);
	cr_assert_eq(json_array_size(member(root, "syscalls.0.stacks")), 2);
	cr_assert_eq(number("syscalls.0.stacks.0.1"), 9600);
	cr_assert(json_is_null(member(root, "syscalls.0.stacks.0.2")));
	cr_assert_str_eq(string("syscalls.0.stacks.1.2"), "EAGAIN");
	cr_assert_eq(json_array_size(member(root, "syscalls.1.stacks")), 0);
	cr_assert_str_eq(string("syscalls.2.stacks.0.2"), "ENOENT");
}

Test(view_json, events_have_what_belongs_to_their_type)
{
	load();
	cr_assert_eq(number("events.0.child"), 4243);
	cr_assert_str_eq(string("events.1.file"), "/usr/sbin/webd");
	cr_assert_str_eq(string("events.2.object"), "/usr/lib/plugin.so");
	cr_assert_str_eq(string("events.3.type"), "exit");
	cr_assert_str_eq(string("events.3.signal"), "SIGSEGV");
	cr_assert_null(member(root, "events.3.code"));
}

/* Whether `missing` names a signal. */
static bool is_missing(const char *what)
{
	json_t *entry;
	size_t i;

	json_array_foreach(member(root, "missing"), i, entry)
	{
		if (!strcmp(json_string_value(json_object_get(entry, "what")), what))
			return true;
	}
	return false;
}

Test(view_json, a_signal_that_was_left_out_is_absent_and_missing_says_so)
{
	static const char *const members[][2] = { { "cpu", "stacks.cpu" },
						  { "offcpu", "stacks.offcpu" },
						  { "syscalls", "syscalls" },
						  { "spans", "paths" } };

	load();
	for (size_t i = 0; i < 4; i++) {
		cr_assert_not_null(member(root, members[i][1]));
		cr_assert_not(is_missing(members[i][0]));
	}
	r->has_cpu = r->has_offcpu = r->has_syscalls = r->has_spans = false;
	load();
	for (size_t i = 0; i < 4; i++) {
		cr_assert_null(member(root, members[i][1]));
		cr_assert(is_missing(members[i][0]), "%s", members[i][0]);
	}
	cr_assert_null(member(root, "nodes"));
	cr_assert_null(member(root, "traces"));
	cr_assert_null(member(root, "coverage"));
}

Test(view_json, a_reason_that_is_known_is_not_repeated)
{
	r->has_cpu = false;
	vec_push(&r->missing, (struct named_why){ "cpu", "no perf events" });
	load();
	cr_assert_eq(json_array_size(member(root, "missing")), 3, "hardware, cpu, plugins");
	cr_assert_str_eq(string("missing.1.why"), "no perf events");
}

Test(view_json, hostile_names_stay_valid_text)
{
	r->targets.v[0].comm = report_str(r, "\xff\"\\\x01\xc3");
	r->nodes.v[0].name = report_str(r, "a\nb\xed\xa0\x80");
	load();
	cr_assert_str_eq(string("targets.0.comm"), "?\"\\??");
	cr_assert_str_eq(string("nodes.0.name"), "a?b???");
	cr_assert_str_eq(string("paths.1.path.0"), "a?b???");
}

Test(view_json, error_types_that_read_the_same_are_added_up)
{
	struct call_stats *s = &r->syscalls.v[1].stats;

	error_counts_add(r, &s->error_types, "bad\x01", 2);
	error_counts_add(r, &s->error_types, "bad\x02", 3);
	load();
	cr_assert_eq(number("syscalls.1.error_types.bad?"), 5);
}

Test(view_json, counts_beyond_63_bits_and_percentages_of_nothing_are_held)
{
	r->overhead.bpf_ns = UINT64_MAX;
	r->overhead.target_pct = 0.0 / 0.0;
	load();
	cr_assert_eq(number("overhead.bpf_ns"), INT64_MAX);
	cr_assert_eq(json_number_value(member(root, "overhead.target_pct")), 0);
}

Test(view_json, an_empty_report_is_a_whole_document)
{
	report_free(r);
	r = report_new();
	load();
	cr_assert_eq(number("lost.samples"), 0);
	cr_assert_eq(json_array_size(member(root, "targets")), 0);
	cr_assert_eq(json_object_size(member(root, "stacks")), 0);
	cr_assert_eq(json_array_size(member(root, "missing")), 5);
}

Test(view_json, signals_without_a_single_event_are_present_and_empty)
{
	report_free(r);
	r = report_new();
	r->has_cpu = r->has_offcpu = r->has_syscalls = r->has_spans = true;
	vec_push(&r->syscalls, (struct syscall){ .name = "read" });
	load();
	cr_assert_eq(json_array_size(member(root, "stacks.cpu.folded")), 0);
	cr_assert_eq(json_array_size(member(root, "stacks.offcpu.folded")), 0);
	cr_assert_eq(json_array_size(member(root, "paths")), 0);
	cr_assert_eq(json_array_size(member(root, "traces")), 0);
	cr_assert_eq(number("syscalls.0.p50_ns"), 0);
}
