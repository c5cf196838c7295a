/* SPDX-License-Identifier: GPL-2.0-only */
/* `pathbpf funcs -p PID SPEC...`: the probe plan, without probing anything. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "data/report.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/opt.h"
#include "lib/parse.h"
#include "lib/path.h"
#include "target/proc.h"
#include "trace/collect.h"
#include "trace/nearmiss.h"
#include "trace/plan.h"
#include "trace/session.h"
#include "trace/trapcost.h"

struct funcs {
	pid_vec pids;
	bool json;
	char why[256];
	struct collect collect;
	struct plan plan;
	struct trap_costs costs; /* all 0: not measured */
};

static int set_pids(void *ctx, const char *value)
{
	struct funcs *f = ctx;

	return parse_pids(value, &f->pids, f->why, sizeof(f->why));
}

static int set_format(void *ctx, const char *value)
{
	struct funcs *f = ctx;

	f->json = !strcmp(value, "json");
	if (f->json || !strcmp(value, "text"))
		return 0;
	snprintf(f->why, sizeof(f->why), "unknown format '%s'; there are: text json", value);
	return -EINVAL;
}

static const struct opt rows[] = {
	{ 'p', "pid", "PID[,PID...]", "the processes whose functions are meant", set_pids },
	{ 0, "format", "NAME", "text (a table, the default) or json", set_format },
};
static const struct opt_group groups[] = { { "Options", rows, sizeof(rows) / sizeof(*rows) } };
static const struct opt_usage usage = {
	.synopsis = "pathbpf funcs [OPTION...] -p PID SPEC...",
	.about =
	    "Prints which functions -t SPEC would trace, where each would be probed, how its "
	    "returns would be seen, and what a call would cost; or why it is left out. Nothing "
	    "is probed.",
	.groups = groups,
	.n = sizeof(groups) / sizeof(*groups),
};

static const char *class_name(enum site_class class)
{
	switch (class) {
	case SITE_PUSH:
		return "push";
	case SITE_NOP:
		return "nop";
	case SITE_NOP5:
		return "nop5";
	case SITE_JUMP:
		return "jump";
	case SITE_CALL:
		return "call";
	default:
		return "stepped";
	}
}

static const char *how_name(enum plan_how how)
{
	switch (how) {
	case PLAN_RETURN_PROBE:
		return "return-probe";
	case PLAN_RETURN_SITES:
		return "sites";
	case PLAN_GOROUTINE:
		return "goroutine";
	case PLAN_POINT:
		return "point";
	case PLAN_SYSCALL:
		return "syscall";
	case PLAN_KERNEL:
		return "kernel";
	}
	return "?";
}

static bool has_site(const struct plan_node *n)
{
	return n->how != PLAN_SYSCALL && n->how != PLAN_KERNEL;
}

static const char *object_name(const struct funcs *f, uint32_t object)
{
	if (object == OBJECT_NONE)
		return "[kernel]";
	return path_last(f->collect.objects.files.v[object]->path);
}

static void print_row(const struct funcs *f, const struct plan_node *n)
{
	char site[32] = "-", cost[24] = "-";
	struct buf name = {};

	if (has_site(n))
		snprintf(site, sizeof(site), "+0x%" PRIx64, n->entry.skip);
	if (f->costs.stepped_ns && has_site(n))
		snprintf(cost, sizeof(cost), "%" PRIu64, trap_costs_of(&f->costs, &f->plan, n));
	text_clean(&name, n->name);
	printf("%-40s %-20s %-7s %-8s %-13s %8s\n", buf_str(&name), object_name(f, n->object), site,
	       has_site(n) ? class_name(n->entry.class) : "-", how_name(n->how), cost);
	buf_done(&name);
}

/* How many nodes, and how many of them where and how. */
static void print_summary(const struct funcs *f)
{
	size_t sites = 0, emulated = 0, by_return = 0;

	vec_foreach (n, &f->plan.nodes) {
		sites += has_site(n);
		emulated += has_site(n) && n->entry.class != SITE_STEPPED;
		by_return += n->how == PLAN_RETURN_PROBE;
	}
	printf("\n%zu functions would be traced, %zu not", f->plan.nodes.n, f->plan.skipped.n);
	if (sites)
		printf("; %zu (%.1f %%) at instructions that the kernel emulates, %zu by return "
		       "probes",
		       emulated, 100.0 * (double)emulated / (double)sites, by_return);
	printf("\n");
	if (f->plan.hazard.kind != HAZARD_NONE)
		printf("No return probes here: %s\n", f->plan.hazard.text);
	if (f->costs.stepped_ns)
		printf("COST: ns a call on this machine; an emulated instruction %" PRIu64
		       ", another %" PRIu64 ", a return probe adds %" PRIu64 "\n",
		       f->costs.emulated_ns, f->costs.stepped_ns, f->costs.return_ns);
}

static int print_table(const struct funcs *f)
{
	printf("%-40s %-20s %-7s %-8s %-13s %8s\n", "FUNCTION", "OBJECT", "SITE", "CLASS", "RETURN",
	       "COST");
	vec_foreach (n, &f->plan.nodes)
		print_row(f, n);
	if (f->plan.skipped.n)
		printf("\nSkipped:\n");
	vec_foreach (s, &f->plan.skipped) {
		struct buf name = {};

		text_clean(&name, s->name);
		printf("%-40s %-20s %s\n", buf_str(&name), object_name(f, s->object), s->why);
		buf_done(&name);
	}
	print_summary(f);
	return 0;
}

static json_t *clean_string(const char *s)
{
	struct buf b = {};
	json_t *text;

	text_clean(&b, s);
	text = json_string(buf_str(&b));
	buf_done(&b);
	return text;
}

static json_t *node_json(const struct funcs *f, const struct plan_node *n)
{
	bool site = has_site(n);
	json_t *o = json_pack("{s:o, s:o, s:s, s:n}", "name", clean_string(n->name), "object",
			      clean_string(object_name(f, n->object)), "return", how_name(n->how),
			      "skipped");
	int err = o ? 0 : -ENOMEM;

	if (!err && site)
		err = json_object_set_new(o, "offset", json_integer((json_int_t)n->offset)) ||
		      json_object_set_new(
			  o, "site_offset",
			  json_integer((json_int_t)n->offset + (json_int_t)n->entry.skip)) ||
		      json_object_set_new(o, "class", json_string(class_name(n->entry.class))) ||
		      json_object_set_new(o, "emulated",
					  json_boolean(n->entry.class != SITE_STEPPED));
	if (!err && site && f->costs.stepped_ns)
		err = json_object_set_new(
		    o, "cost_ns", json_integer((json_int_t)trap_costs_of(&f->costs, &f->plan, n)));
	if (!err)
		return o;
	json_decref(o);
	return NULL;
}

static int print_json(const struct funcs *f)
{
	json_t *list = json_array();
	int err = list ? 0 : -ENOMEM;

	vec_foreach (n, &f->plan.nodes)
		err = err || json_array_append_new(list, node_json(f, n)) ? -ENOMEM : 0;
	vec_foreach (s, &f->plan.skipped) {
		json_t *o = json_pack("{s:o, s:o, s:s}", "name", clean_string(s->name), "object",
				      clean_string(object_name(f, s->object)), "skipped", s->why);

		err = err || json_array_append_new(list, o) ? -ENOMEM : 0;
	}
	if (!err && json_dumpf(list, stdout, JSON_INDENT(1)))
		err = -EIO;
	printf("\n");
	json_decref(list);
	return err;
}

/* What a probe costs here is worth a moment; without it the table has no costs. */
static void measure(struct funcs *f)
{
	_cleanup_(session_freep) struct session *session = NULL;
	struct session_options so = { .scope = SCOPE_PIDS };
	char msg[256];

	if (!session_open(&so, &f->plan, &f->collect, &session, msg, sizeof(msg)) &&
	    session_trap_costs(session, &f->costs))
		f->costs = (struct trap_costs){};
}

static int make_plan(struct funcs *f, int n, char **specs)
{
	char msg[256], near[256];
	int err = 0;

	for (int i = 0; i < n; i++) {
		err = plan_add_spec(&f->plan, specs[i], msg, sizeof(msg));
		if (err)
			return log_err(0, "%s", msg), STATUS_USAGE;
	}
	vec_foreach (pid, &f->pids) {
		struct proc_info info;

		if (proc_read(*pid, &info))
			return log_err(0, "no such process: %u", *pid), STATUS_FAILED;
		if (!process_of(&f->collect.processes, &f->collect.objects, *pid))
			return log_err(-ENOMEM, "cannot read process %u", *pid), STATUS_FAILED;
	}
	err = plan_update(&f->plan, &f->collect.objects, &f->collect.processes);
	if (err < 0)
		return log_err(err, "cannot look for the functions"), STATUS_FAILED;
	if (f->plan.nodes.n || f->plan.skipped.n)
		return -1;
	near_misses(&f->plan, &f->collect.objects, specs[0], near, sizeof(near));
	log_err(0, "no function matches '%s'%s%s", specs[0], near[0] ? "; there are: " : "", near);
	return STATUS_FAILED;
}

static int run_all(struct funcs *f, int argc, char **argv)
{
	int rest, status = opt_parse(&usage, argc, argv, f, f->why, &rest);

	if (status >= 0)
		return status;
	if (!f->pids.n)
		return opt_fail("funcs needs -p PID");
	if (rest == argc)
		return opt_fail("funcs needs a SPEC, such as 'libfoo.so:parse_*'");
	if (geteuid() != 0)
		return log_err(0, "reading other users' processes needs root: run it with sudo"),
		       STATUS_LACKING;
	status = make_plan(f, argc - rest, argv + rest);
	if (status >= 0)
		return status;
	measure(f);
	if (f->json ? print_json(f) : print_table(f))
		return log_err(-ENOMEM, "cannot print the plan"), STATUS_FAILED;
	return 0;
}

static int run(int argc, char **argv)
{
	struct funcs f = {};
	int status = run_all(&f, argc, argv);

	plan_done(&f.plan);
	collect_done(&f.collect);
	vec_done(&f.pids);
	return status;
}

const struct command cmd_funcs = {
	.name = "funcs",
	.summary = "show which functions would be probed, where, and at what cost",
	.run = run,
};
