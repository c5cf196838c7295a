/* SPDX-License-Identifier: GPL-2.0-only */
/* `pathbpf ps`: the traces that run on this machine. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cmd/command.h"
#include "data/units.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/opt.h"
#include "serve/client.h"

#define ANSWER_MS 1000
#define HUNG_NS   5000000000ULL /* a main loop that has not run for so long is worth a word */

struct ps {
	bool json;
	char why[160];
};

static int set_format(void *ctx, const char *value)
{
	struct ps *p = ctx;

	if (strcmp(value, "json") != 0 && strcmp(value, "text") != 0) {
		snprintf(p->why, sizeof(p->why), "'%s' is neither text nor json", value);
		return -EINVAL;
	}
	p->json = !strcmp(value, "json");
	return 0;
}

static const struct opt opts[] = {
	{ 0, "format", "NAME", "text or json", set_format },
};

static const struct opt_group groups[] = { { "Options", opts, 1 } };

static const struct opt_usage usage = {
	.synopsis = "pathbpf ps [OPTION...]",
	.about =
	    "Lists the traces that run on this machine: the PID of the pathbpf that traces "
	    "(for pathbpf ctl), its age, its state, how many probes it has, what the targets lose "
	    "to it in per cent of their CPU time, the records that it lost, and what it traces. "
	    "Root sees all, others their own.",
	.groups = groups,
	.n = 1,
};

static struct cell percent(double pct)
{
	return pct < 0 ? (struct cell){ "-" } : text_pct(pct, 100);
}

static const char *state(const struct trace_status *s)
{
	return s->state != TRACE_REPORTING && s->turn_ns > HUNG_NS ? "hung"
								   : trace_state_name(s->state);
}

static void print_row(const struct trace_status *s)
{
	printf("%9u %8s %-9s %6u %6s %6s %6s  %s", s->pid, text_ns(s->age_ns).s, state(s),
	       s->probes, percent(s->cost_pct).s, percent(s->others_pct).s, text_count(s->lost).s,
	       s->target);
	if (s->comm[0])
		printf(" (%s%s)", s->comm, s->processes > 1 ? " …" : "");
	printf("\n");
}

static int print_json(json_t *list)
{
	int err = !list || json_dumpf(list, stdout, JSON_INDENT(1)) ? -EIO : 0;

	printf("\n");
	json_decref(list);
	return err;
}

static int run(int argc, char **argv)
{
	trace_socket_vec all = {};
	struct ps p = {};
	json_t *list;
	size_t n = 0;
	int rest, status = opt_parse(&usage, argc, argv, &p, p.why, &rest);

	if (status >= 0)
		return status;
	if (rest < argc)
		return opt_fail("ps takes no argument: '%s'", argv[rest]);
	if (rundir_list(&all, true))
		return log_err(-ENOMEM, "cannot list the traces"), STATUS_FAILED;
	client_clean(&all);
	list = json_array();
	vec_foreach (s, &all) {
		struct trace_status st;
		char why[160];

		if (client_status(s, ANSWER_MS, &st, why, sizeof(why))) {
			log_warn(0, "trace %u: %s", s->pid, why);
			continue;
		}
		if (p.json)
			json_array_append_new(list, status_format(&st));
		else if (!n++)
			printf("%9s %8s %-9s %6s %6s %6s %6s  %s\n", "PID", "AGE", "STATE",
			       "PROBES", "COST", "OTHERS", "LOST", "TARGET");
		if (!p.json)
			print_row(&st);
	}
	vec_done(&all);
	if (p.json)
		return print_json(list) ? STATUS_FAILED : 0;
	json_decref(list);
	return 0;
}

const struct command cmd_ps = { "ps", "list the traces that run", run };
