/* SPDX-License-Identifier: GPL-2.0-only */
/* `pathbpf overhead -p PID`: what tracing costs a running service, by experiment. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/overhead_options.h"
#include "cmd/overhead_run.h"
#include "cmd/record_targets.h"
#include "data/report.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "target/proc.h"
#include "trace/work.h"
#include "view/overhead.h"

#ifndef PATHBPF_VERSION
#define PATHBPF_VERSION "unknown"
#endif

/* -1 to go on, or the exit status after an error, which has been reported. */
static int choose_targets(const struct overhead_options *o, pid_vec *pids)
{
	int err = 0, status = -1;

	if (geteuid() != 0)
		return log_err(0, "tracing needs root: run it with sudo, or see 'pathbpf doctor'"),
		       STATUS_LACKING;
	vec_foreach (pid, &o->pids) {
		status = status < 0 ? record_targets_check(*pid) : status;
		err = err ? err : vec_push(pids, *pid);
	}
	if (status >= 0)
		return status;
	err = !err && o->name_glob ? proc_match(o->name_glob, pids) : err;
	if (err)
		return log_err(err, "cannot read /proc"), STATUS_FAILED;
	if (!pids->n)
		return log_err(0, "no process matches '%s'", o->name_glob), STATUS_FAILED;
	return -1;
}

/* What BPF code can match: see record_targets.c. */
static const char *later_names(const struct overhead_options *o)
{
	const char *glob = o->name_glob;

	return glob && strlen(glob) <= 15 && !strpbrk(glob, "[]\\") ? glob : NULL;
}

static int open_meter(struct overhead_run *r, const pid_vec *pids)
{
	const struct overhead_options *o = r->opt;
	struct work_options opt = { .pids = pids,
				    .comm_glob = later_names(o),
				    .follow = !o->no_follow,
				    .function = o->function };
	char msg[512] = "cannot count the target's work";
	int err = work_open(&opt, &r->meter, msg, sizeof(msg));

	if (err && opt.function && (err == -EINVAL || err == -ENOENT))
		return log_err(0, "--unit: %s", msg), err == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
	if (err)
		return log_err(err, "%s", msg), err == -EPERM ? STATUS_LACKING : STATUS_FAILED;
	r->reading.named_nr = o->unit_nr;
	r->reading.on_cpu = o->has_clock ? o->on_cpu : work_misses_interrupts(r->meter);
	return -1;
}

static void describe_target(struct buf *b, const struct overhead_options *o, const pid_vec *pids)
{
	struct proc_info info;

	if (pids->n == 1 && !proc_read(pids->v[0], &info))
		buf_printf(b, "process %" PRIu32 " (%s)", info.pid, info.comm);
	else if (o->name_glob)
		buf_printf(b, "processes that match '%s': %zu at the start", o->name_glob, pids->n);
	else
		buf_printf(b, "%zu processes, the first %" PRIu32, pids->n, pids->v[0]);
	if (!o->no_follow)
		buf_add_str(b, ", and their children");
}

/* Why there is no figure. */
static int fail_costs(const struct overhead_run *r, const struct work_costs *costs)
{
	const struct overhead_options *o = r->opt;
	const char *when = r->target_gone   ? "the target has ended: "
			   : r->interrupted ? "interrupted: "
					    : "";

	if (r->pairs.n < ABTEST_PAIRS_MIN)
		log_err(0, "%s%zu pairs of blocks are too few for a figure: %d are the least", when,
			r->pairs.n, ABTEST_PAIRS_MIN);
	else if (o->unit_arg && costs)
		log_err(0, "%sthe target did nothing of '%s' in most blocks: name another --unit",
			when, o->unit_arg);
	else
		log_err(0,
			"%sthe target worked too little in a block (%.1f s): give it load, or "
			"longer blocks (--block), or another --unit (path:FUNCTION, time)",
			when, (double)r->block_ns / 1e9);
	return STATUS_FAILED;
}

static int report(const struct overhead_run *r, const char *target)
{
	const struct overhead_options *o = r->opt;
	_cleanup_(buf_done) struct buf record = {};
	struct work_costs costs;
	struct overhead_view v = { .version = PATHBPF_VERSION,
				   .target = target,
				   .unit_arg = o->unit == WORK_NAMED ? o->unit_arg : NULL,
				   .pairs = &r->pairs,
				   .changes = &r->changes,
				   .costs = &costs,
				   .duration_ns = r->ended_ns - r->began_ns,
				   .block_ns = r->block_ns,
				   .seed = r->seed,
				   .budget_pct = o->max_overhead_pct,
				   .on_cpu = r->reading.on_cpu,
				   .function = o->function != NULL,
				   .interrupted = r->interrupted,
				   .target_gone = r->target_gone,
				   .lost = work_lost(r->meter) };
	const struct abtest_interval *cpu;
	int err = work_costs_make(r->pairs.v, r->pairs.n, o->unit, &costs);

	for (int i = 0; i < o->record_n; i++)
		buf_printf(&record, "%s%s", i ? " " : "", o->record[i]);
	v.record = buf_str(&record);
	if (!err && costs.unit == WORK_UNITS)
		return fail_costs(r, &costs);
	err = err ? err : o->json ? overhead_json(&v, stdout) : overhead_text(&v, stdout);
	if (err)
		return log_err(err, "cannot print the result"), STATUS_FAILED;
	cpu = abtest_best(&costs.by[costs.unit].cpu);
	return !isnan(o->max_overhead_pct) && abtest_budget(cpu, o->max_overhead_pct) == ABTEST_OVER
		   ? STATUS_FAILED
		   : 0;
}

static int run_all(struct overhead_run *r, struct overhead_options *o, int argc, char **argv)
{
	_cleanup_(buf_done) struct buf target = {};
	pid_vec pids = {};
	int status = overhead_options_parse(o, argc, argv);

	if (status >= 0)
		return status;
	log_set_level(o->verbosity < 0   ? LOG_ERR
		      : o->verbosity > 1 ? LOG_DEBUG
		      : o->verbosity     ? LOG_INFO
					 : LOG_WARN);
	r->seed = o->seed;
	if (!o->has_seed && getrandom(&r->seed, sizeof(r->seed), 0) == sizeof(r->seed))
		r->seed >>= 33; /* short enough to be typed */
	status = choose_targets(o, &pids);
	if (status < 0)
		describe_target(&target, o, &pids);
	status = status < 0 ? open_meter(r, &pids) : status;
	vec_done(&pids);
	status = status < 0 ? overhead_run(r) : status;
	return status < 0 ? report(r, buf_str(&target)) : status;
}

static int overhead(int argc, char **argv)
{
	struct overhead_options o = {};
	struct overhead_run r;
	int err = overhead_run_init(&r, &o), status;

	status = err ? STATUS_FAILED : run_all(&r, &o, argc, argv);
	if (err)
		log_err(err, "cannot start");
	overhead_run_done(&r);
	overhead_options_done(&o);
	return status;
}

const struct command cmd_overhead = {
	.name = "overhead",
	.summary = "measure what tracing costs a running service",
	.run = overhead,
};
