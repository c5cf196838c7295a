/* SPDX-License-Identifier: GPL-2.0-only */
/* Recorded traces become the report's: named, linked, and hostile ones without harm. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/report.h"
#include "records.h"
#include "trace/errornames.h"
#include "trace/harvest_spans.h"
#include "trace/pathtable.h"
#include "trace/plan.h"

#define BEGIN 1000000ULL
#define HEAD  offsetof(struct pb_timeline, slices)

/* What the harvest works on: nodes "root" (0), "leaf" (1), "point" (2); paths 1, 2, 3. */
struct world {
	struct collect collect;
	struct plan plan;
	struct path_table paths;
	struct error_names errors;
	struct span_harvest h;
};

static void add_path(struct world *w, uint32_t id, uint32_t parent, uint32_t node)
{
	struct raw_path p = { .id = id, .parent = parent, .node = node, .index = REPORT_NONE };

	cr_assert_eq(vec_push(&w->paths.paths, p), 0);
	cr_assert_eq(table_add(&w->paths.index, &id, sizeof(id), (uint32_t)w->paths.paths.n - 1),
		     0);
}

static void world_init(struct world *w)
{
	static const char *const names[] = { "root", "leaf", "point" };

	*w = (struct world){};
	w->h = (struct span_harvest){ .collect = &w->collect,
				      .plan = &w->plan,
				      .report = report_new(),
				      .paths = &w->paths,
				      .errors = &w->errors };
	w->paths.report = w->h.report;
	w->errors.collect = &w->collect;
	w->errors.plan = &w->plan;
	for (uint32_t i = 0; i < 3; i++) {
		struct plan_node planned = { .name = strdup(names[i]), .object = OBJECT_NONE };
		struct node node = { .name = report_str(w->h.report, names[i]),
				     .object = REPORT_NONE };

		cr_assert_eq(vec_push(&w->plan.nodes, planned), 0);
		cr_assert_eq(vec_push(&w->h.report->nodes, node), 0);
	}
	add_path(w, 1, 0, 0);
	add_path(w, 2, 1, 1);
	add_path(w, 3, 1, 2);
}

static void world_done(struct world *w)
{
	report_free(w->h.report);
	path_table_done(&w->paths);
	error_names_done(&w->errors);
	plan_done(&w->plan);
	collect_done(&w->collect);
}

static struct pb_timeline trace_of(uint32_t tid, uint64_t start_ns)
{
	struct pb_timeline t = { .h = { .kind = PB_TIMELINE, .pid = 7, .tid = tid },
				 .comm = "worker",
				 .path = 1,
				 .n = 1,
				 .why = PB_WHY_SLOW };

	t.slices[0] = (struct pb_slice){ .start_ns = BEGIN + start_ns,
					 .end_ns = BEGIN + start_ns + 500,
					 .what = 1,
					 .parent = 255,
					 .kind = PB_SLICE_SPAN };
	return t;
}

static struct pb_slice *add_slice(struct pb_timeline *t, uint8_t kind, uint32_t what,
				  uint8_t parent)
{
	struct pb_slice *s = &t->slices[t->n++];

	*s = (struct pb_slice){ .start_ns = t->slices[0].start_ns + 10,
				.end_ns = t->slices[0].start_ns + 30,
				.what = what,
				.parent = parent,
				.kind = kind };
	return s;
}

static void send(struct world *w, struct pb_timeline *t)
{
	t->h.size = (uint32_t)(HEAD + t->n * sizeof(struct pb_slice));
	record_send(&w->collect, t, t->h.size);
}

static const struct trace *harvest_one(struct world *w, struct pb_timeline *t)
{
	send(w, t);
	cr_assert_eq(harvest_traces(&w->h, BEGIN), 0);
	cr_assert_eq(w->h.report->traces.n, 1);
	return &w->h.report->traces.v[0];
}

Test(harvest_traces, a_trace_has_names_and_times_since_the_beginning)
{
	struct pb_timeline from = trace_of(70, 5000);
	const struct trace *t;
	struct world w;

	world_init(&w);
	add_slice(&from, PB_SLICE_SPAN, 2, 0);
	add_slice(&from, PB_SLICE_SYSCALL, 0, 1);
	add_slice(&from, PB_SLICE_OFFCPU, PB_BLOCKED, 2);
	add_slice(&from, PB_SLICE_OFFCPU, PB_PREEMPTED, 0);
	add_slice(&from, PB_SLICE_POINT, 3, 0);
	from.lost = 9;
	t = harvest_one(&w, &from);
	cr_assert_eq(t->pid, 7);
	cr_assert_eq(t->tid, 70);
	cr_assert_str_eq(t->thread, "worker");
	cr_assert_eq(t->why, TRACE_SLOW);
	cr_assert_eq(t->slices_lost, 9);
	cr_assert_eq(t->cause, REPORT_NONE);
	cr_assert_eq(t->slices.n, 6);
	cr_assert_eq(t->slices.v[0].kind, SLICE_SPAN);
	cr_assert_str_eq(t->slices.v[0].name, "root");
	cr_assert_eq(t->slices.v[0].parent, REPORT_NONE);
	cr_assert_eq(t->slices.v[0].start_ns, 5000);
	cr_assert_eq(t->slices.v[0].duration_ns, 500);
	cr_assert_eq(t->slices.v[0].path, t->path);
	cr_assert_str_eq(t->slices.v[1].name, "leaf");
	cr_assert_eq(t->slices.v[1].parent, 0);
	cr_assert_eq(t->slices.v[2].kind, SLICE_SYSCALL);
	cr_assert_str_eq(t->slices.v[2].name, "read");
	cr_assert_eq(t->slices.v[2].path, REPORT_NONE);
	cr_assert_eq(t->slices.v[3].kind, SLICE_OFFCPU);
	cr_assert_str_eq(t->slices.v[3].name, "blocked");
	cr_assert_eq(t->slices.v[3].parent, 2);
	cr_assert_str_eq(t->slices.v[4].name, "preempted");
	cr_assert_eq(t->slices.v[5].kind, SLICE_INSTANT);
	cr_assert_str_eq(t->slices.v[5].name, "point");
	cr_assert_eq(t->slices.v[5].path, REPORT_NONE);
	for (size_t i = 0; i < t->slices.n; i++)
		cr_assert(!t->slices.v[i].open && !t->slices.v[i].error && !t->slices.v[i].args);
	world_done(&w);
}

Test(harvest_traces, what_has_no_end_is_open_and_what_ends_early_takes_no_time)
{
	struct pb_timeline from = trace_of(70, 5000);
	const struct trace *t;
	struct world w;

	world_init(&w);
	add_slice(&from, PB_SLICE_SPAN, 2, 0)->end_ns = 0;
	add_slice(&from, PB_SLICE_SPAN, 2, 0)->end_ns = 1;
	t = harvest_one(&w, &from);
	cr_assert(t->slices.v[1].open && !t->slices.v[1].duration_ns);
	cr_assert(!t->slices.v[2].open && !t->slices.v[2].duration_ns);
	world_done(&w);
}

Test(harvest_traces, what_began_before_the_trace_begins_with_it)
{
	struct pb_timeline from = trace_of(70, 5000);
	const struct trace *t;
	struct world w;

	world_init(&w);
	from.slices[0].start_ns = 5;
	t = harvest_one(&w, &from);
	cr_assert_eq(t->slices.v[0].start_ns, 0);
	world_done(&w);
}

/* System calls and waits are recorded when they end. */
Test(harvest_traces, pieces_stand_by_start_below_the_root)
{
	static const uint64_t starts[] = { 40, 10, 30, 10, 20 };
	struct pb_timeline from = trace_of(70, 5000);
	const struct trace *t;
	struct world w;

	world_init(&w);
	for (uint32_t i = 0; i < 5; i++)
		add_slice(&from, PB_SLICE_SYSCALL, i, 0)->start_ns = BEGIN + 5000 + starts[i];
	add_slice(&from, PB_SLICE_SPAN, 2, 3)->start_ns = BEGIN + 5000 + 35; /* below that of 30 */
	t = harvest_one(&w, &from);
	cr_assert_eq(t->slices.n, 7);
	cr_assert_eq(t->slices.v[0].start_ns, 5000);
	for (uint32_t i = 1; i + 1 < t->slices.n; i++)
		cr_assert_leq(t->slices.v[i].start_ns, t->slices.v[i + 1].start_ns);
	cr_assert_str_eq(t->slices.v[1].name, "write", "equal starts stay in their order");
	cr_assert_eq(t->slices.v[5].start_ns, 5035);
	cr_assert_eq(t->slices.v[5].parent, 4);
	cr_assert_eq(t->slices.v[4].start_ns, 5030);
	world_done(&w);
}

Test(harvest_traces, a_piece_that_begins_before_its_parent_is_not_believed)
{
	struct pb_timeline from = trace_of(70, 5000);
	const struct trace *t;
	struct world w;

	world_init(&w);
	add_slice(&from, PB_SLICE_SPAN, 2, 0)->start_ns = BEGIN + 5020;
	add_slice(&from, PB_SLICE_SYSCALL, 1, 1)->start_ns = BEGIN + 5010;
	t = harvest_one(&w, &from);
	cr_assert_eq(t->slices.n, 2);
	world_done(&w);
}

Test(harvest_traces, errors_have_their_names)
{
	static const struct {
		uint8_t error;
		int64_t value;
		const char *name;
	} cases[] = {
		{ PB_ERROR_RETURN, -1, "ret=-1" },
		{ PB_ERROR_ERRNO, EAGAIN, "EAGAIN" },
		{ PB_ERROR_PANIC, 0, "panic" },
		{ PB_ERROR_FOREIGN, 0, "exception of an unknown language" },
		{ PB_ERROR_SIGNAL, SIGSEGV, "signal SIGSEGV" },
		{ PB_ERROR_EXCEPTION, 99, "exception of unknown type" },
		{ PB_ERROR_PYTHON, 0, "python of unknown type" },
		{ PB_ERROR_GO, 0x1234, "error of unknown type" },
		{ 200, 7, "ret=7" },
	};
	struct pb_timeline from = trace_of(70, 5000);
	size_t n = sizeof(cases) / sizeof(*cases);
	const struct trace *t;
	struct world w;

	world_init(&w);
	for (size_t i = 0; i < n; i++) {
		struct pb_slice *s = add_slice(&from, PB_SLICE_SPAN, 2, 0);

		s->error = cases[i].error;
		s->value = cases[i].value;
	}
	t = harvest_one(&w, &from);
	cr_assert_eq(t->slices.n, n + 1);
	for (size_t i = 0; i < n; i++)
		cr_assert_str_eq(t->slices.v[i + 1].error, cases[i].name);
	world_done(&w);
}

/* Arguments of node 1: so many bytes each, and how they are to be read. */
static void describe_args(struct world *w, struct plan_args args)
{
	cr_assert_eq(vec_push(&w->plan.args, args), 0);
	w->plan.nodes.v[1].args = (uint32_t)w->plan.args.n;
}

static void put(struct pb_timeline *t, uint32_t i, uint64_t value)
{
	memcpy(t->args + 8UL * i, &value, sizeof(value));
}

Test(harvest_traces, arguments_are_written_by_their_type)
{
	struct plan_args args = {
		.n = 6,
		.v = { { .label = "arg1", .type = SPEC_ARG_INT, .from = { .size = -4 } },
		       { .label = "arg2", .type = SPEC_ARG_LONG, .from = { .size = -1 } },
		       { .label = "arg3", .type = SPEC_ARG_LONG, .from = { .size = 2 } },
		       { .label = "arg4", .type = SPEC_ARG_PTR, .from = { .size = 8 } },
		       { .label = "arg5", .type = SPEC_ARG_LONG, .from = { .size = 8 } },
		       { .label = "arg6", .type = SPEC_ARG_STR, .from = { .size = 8 } } },
	};
	struct pb_timeline from = trace_of(70, 5000);
	struct pb_slice *s = add_slice(&from, PB_SLICE_SPAN, 2, 0);
	const struct trace *t;
	struct world w;

	world_init(&w);
	describe_args(&w, args);
	put(&from, 0, 0xabcd00000000ULL | (uint32_t)-3);
	put(&from, 1, 0xffffffffffff00ff);
	put(&from, 2, 0x1234ffff);
	put(&from, 3, 0x7f0000001000);
	put(&from, 4, (uint64_t)-77);
	strcpy(from.args + 40, "a \"b\"\n");
	s->args_len = 40 + PB_ARG_STRING_LEN;
	from.args_len = s->args_len;
	t = harvest_one(&w, &from);
	cr_assert_str_eq(t->slices.v[1].args, "arg1=-3, arg2=-1, arg3=65535, arg4=0x7f0000001000, "
					      "arg5=-77, arg6=\"a \"b\"?\"");
	cr_assert_null(t->slices.v[0].args);
	world_done(&w);
}

Test(harvest_traces, arguments_that_lie_outside_are_not_read)
{
	static const struct {
		uint16_t at, len;
		bool any;
	} cases[] = {
		{ 0, 8, true },
		{ PB_ARG_BYTES - 8, 8, true },
		{ PB_ARG_BYTES - 8, 16, false },
		{ PB_ARG_BYTES, 8, false },
		{ 0xffff, 0xffff, false },
		{ 0, 0, false },
		{ 0xffff, 0, false },
	};
	struct plan_args args = { .n = 1, .v = { { .label = "arg1", .from = { .size = 8 } } } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pb_timeline from = trace_of(70, 5000);
		struct pb_slice *s = add_slice(&from, PB_SLICE_SPAN, 2, 0);
		const struct trace *t;
		struct world w;

		world_init(&w);
		describe_args(&w, args);
		s->args = cases[i].at;
		s->args_len = cases[i].len;
		t = harvest_one(&w, &from);
		cr_assert_eq(t->slices.v[1].args != NULL, cases[i].any, "case %zu", i);
		world_done(&w);
	}
}

Test(harvest_traces, a_string_without_end_is_cut)
{
	struct plan_args args = {
		.n = 2,
		.v = { { .label = "arg1", .type = SPEC_ARG_STR, .from = { .size = 8 } },
		       { .label = "arg2", .type = SPEC_ARG_STR, .from = { .size = 8 } } },
	};
	struct pb_timeline from = trace_of(70, 5000);
	struct pb_slice *s = add_slice(&from, PB_SLICE_SPAN, 2, 0);
	const struct trace *t;
	struct world w;

	world_init(&w);
	describe_args(&w, args);
	memset(from.args, 'x', sizeof(from.args));
	s->args = PB_ARG_BYTES - PB_ARG_STRING_LEN - 8;
	s->args_len = PB_ARG_STRING_LEN + 8; /* of the second there are but 8 bytes */
	t = harvest_one(&w, &from);
	cr_assert(!strncmp(t->slices.v[1].args, "arg1=\"xxxx", 10));
	cr_assert_leq(strlen(t->slices.v[1].args), PB_ARG_STRING_LEN + 20);
	world_done(&w);
}

Test(harvest_traces, parents_that_stand_behind_are_not_believed)
{
	struct pb_timeline from = trace_of(70, 5000);
	const struct trace *t;
	struct world w;

	world_init(&w);
	add_slice(&from, PB_SLICE_SPAN, 2, 1);   /* itself */
	add_slice(&from, PB_SLICE_SPAN, 2, 200); /* nowhere */
	add_slice(&from, PB_SLICE_SPAN, 2, 1);   /* of one that was left out */
	add_slice(&from, PB_SLICE_SPAN, 77, 0);  /* an unknown path */
	add_slice(&from, PB_SLICE_SYSCALL, 1, 4);
	add_slice(&from, 99, 2, 0); /* an unknown kind */
	add_slice(&from, PB_SLICE_SPAN, 2, 255);
	add_slice(&from, PB_SLICE_SPAN, 2, 0); /* sound */
	t = harvest_one(&w, &from);
	cr_assert_eq(t->slices.n, 2);
	cr_assert_eq(t->slices.v[1].parent, 0);
	world_done(&w);
}

Test(harvest_traces, a_trace_without_a_known_root_is_none)
{
	struct pb_timeline from = trace_of(70, 5000);
	struct world w;

	world_init(&w);
	from.slices[0].what = 77;
	add_slice(&from, PB_SLICE_SPAN, 2, 0);
	send(&w, &from);
	cr_assert_eq(harvest_traces(&w.h, BEGIN), 0);
	cr_assert_eq(w.h.report->traces.n, 0);
	world_done(&w);
}

Test(harvest_traces, one_whose_path_is_unknown_is_an_example_of_its_root)
{
	struct pb_timeline from = trace_of(70, 5000);
	const struct trace *t;
	struct world w;

	world_init(&w);
	from.path = 55;
	t = harvest_one(&w, &from);
	cr_assert_neq(t->path, REPORT_NONE);
	cr_assert_eq(t->path, t->slices.v[0].path);
	world_done(&w);
}

Test(harvest_traces, a_hostile_name_is_made_harmless)
{
	struct pb_timeline from = trace_of(70, 5000);
	const struct trace *t;
	struct world w;

	world_init(&w);
	memset(from.comm, '\n', sizeof(from.comm)); /* without end, too */
	t = harvest_one(&w, &from);
	cr_assert_str_eq(t->thread, "???????????????");
	world_done(&w);
}

Test(harvest_traces, traces_stand_by_start_and_know_their_cause)
{
	struct pb_timeline late = trace_of(71, 9000), early = trace_of(70, 2000),
			   stranger = trace_of(72, 9500);
	struct report *r;
	struct world w;

	world_init(&w);
	late.cause = PB_CAUSE_WAKEUP;
	late.cause_tid = 70;
	late.cause_root_ns = BEGIN + 2000;
	late.cause_ns = BEGIN + 2100;
	early.cause = PB_CAUSE_CLONE; /* by itself: not believed */
	early.cause_tid = 70;
	early.cause_root_ns = BEGIN + 2000;
	stranger.cause = PB_CAUSE_CLONE; /* by one that was not sent */
	stranger.cause_tid = 70;
	stranger.cause_root_ns = BEGIN + 2001;
	send(&w, &late);
	send(&w, &stranger);
	send(&w, &early);
	cr_assert_eq(harvest_traces(&w.h, BEGIN), 0);
	r = w.h.report;
	cr_assert_eq(r->traces.n, 3);
	cr_assert_eq(r->traces.v[0].tid, 70);
	cr_assert_eq(r->traces.v[1].tid, 71);
	cr_assert_eq(r->traces.v[1].cause, 0);
	cr_assert_eq(r->traces.v[1].cause_ns, 2100);
	cr_assert_str_eq(r->traces.v[1].cause_kind, "wakeup");
	cr_assert_eq(r->traces.v[0].cause, REPORT_NONE);
	cr_assert_eq(r->traces.v[2].cause, REPORT_NONE);
	cr_assert_null(r->traces.v[2].cause_kind);
	world_done(&w);
}

Test(harvest_traces, any_bytes_are_survived)
{
	uint32_t random = 7;
	struct world w;

	world_init(&w);
	describe_args(&w, (struct plan_args){ .n = SPEC_ARGS_MAX });
	for (int i = 0; i < 2000; i++) {
		struct pb_timeline from = trace_of(70, 5000);
		uint8_t *bytes = (uint8_t *)&from.slices[0];

		from.n = 1 + (uint32_t)i % PB_SLICES_MAX;
		for (size_t k = 0; k < from.n * sizeof(from.slices[0]); k++) {
			random = random * 1664525 + 1013904223;
			bytes[k] = (uint8_t)(random >> 24);
		}
		for (uint32_t k = 0; k < from.n; k++) { /* most of them nearly sound */
			from.slices[k].kind %= 5;
			from.slices[k].parent %= (uint8_t)(k ? k : 1);
			from.slices[k].what %= 5;
		}
		from.cause = (uint8_t)(random >> 8);
		send(&w, &from);
	}
	cr_assert_eq(harvest_traces(&w.h, BEGIN), 0);
	cr_assert_gt(w.h.report->traces.n, 100);
	vec_foreach (t, &w.h.report->traces) {
		cr_assert_geq(t->slices.n, 1);
		for (uint32_t i = 0; i < t->slices.n; i++)
			cr_assert(i ? t->slices.v[i].parent < i
				    : t->slices.v[i].parent == REPORT_NONE);
	}
	world_done(&w);
}

Test(harvest_sum, calls_and_times_of_all_cpus_add_up)
{
	struct pb_call_stats *cpus, sum;
	struct call_stats out = {};
	int n = (int)sysconf(_SC_NPROCESSORS_CONF);

	cpus = calloc(512, sizeof(*cpus)); /* as many as the machine may have */
	for (int i = 0; i < 512; i++)
		cpus[i].min_ns = UINT64_MAX;
	cr_assert_geq(n, 1);
	cpus[0] = (struct pb_call_stats){ .total_ns = 100,
					  .folded_ns = 40,
					  .child_ns = 60,
					  .min_ns = 10,
					  .max_ns = 60,
					  .errors = 2,
					  .untimed = 3,
					  .open = 1,
					  .unwound = 4,
					  .depth_max = 3,
					  .offcpu_ns = 5 };
	cpus[0].hist[10] = 2;
	if (n > 1) {
		cpus[1] = (struct pb_call_stats){
			.total_ns = 7, .min_ns = 7, .max_ns = 7, .depth_max = 2, .untimed = 1
		};
		cpus[1].hist[7] = 1;
	}
	cr_assert_eq(harvest_sum(cpus, &sum, &out), 0);
	cr_assert_eq(out.calls, n > 1 ? 7 : 5);
	cr_assert_eq(out.total_ns, n > 1 ? 107 : 100);
	cr_assert_eq(out.self_ns, n > 1 ? 87 : 80);
	cr_assert_eq(out.min_ns, n > 1 ? 7 : 10);
	cr_assert_eq(out.max_ns, 60);
	cr_assert_eq(out.errors, 2);
	cr_assert_eq(sum.depth_max, 3);
	cr_assert_eq(sum.unwound, 4);
	cr_assert_eq(out.hist->buckets[10], 2);
	free(out.hist);
	free(cpus);
}

Test(harvest_sum, without_a_timed_call_there_are_no_times)
{
	struct pb_call_stats *cpus = calloc(512, sizeof(*cpus)), sum;
	struct call_stats out = {};

	for (int i = 0; i < 512; i++)
		cpus[i].min_ns = UINT64_MAX;
	cpus[0].untimed = 2;
	cpus[0].child_ns = 50; /* of calls that have not ended */
	cr_assert_eq(harvest_sum(cpus, &sum, &out), 0);
	cr_assert_eq(out.calls, 2);
	cr_assert_eq(out.min_ns + out.max_ns + out.total_ns + out.self_ns, 0);
	cr_assert_null(out.hist);
	free(cpus);
}
