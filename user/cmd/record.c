/* SPDX-License-Identifier: GPL-2.0-only */
/* `pathbpf -p PID`: attach, trace, report. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "analysis/sampled.h"
#include "cmd/child.h"
#include "cmd/command.h"
#include "cmd/control.h"
#include "cmd/event_stream.h"
#include "cmd/outputs.h"
#include "cmd/record_loop.h"
#include "cmd/record_options.h"
#include "cmd/record_targets.h"
#include "data/report.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "trace/harvest.h"
#include "trace/nearmiss.h"
#include "trace/plan.h"
#include "trace/plugins.h"
#include "trace/session.h"
#include "view/view.h"

#ifndef PATHBPF_VERSION
#define PATHBPF_VERSION "unknown"
#endif

#define CUTS_TOLD 20

/* Everything that one run holds. */
struct run {
	struct record_options opt;
	struct child child;
	struct collect collect;
	struct plan plan;
	struct session *session;
	struct control *control;
	struct report *report;
	struct event_stream stream;
	uint64_t started_ns;
};

static void run_done(struct run *run)
{
	child_done(&run->child);
	control_close(run->control);
	session_free(run->session);
	report_free(run->report);
	event_stream_close(&run->stream);
	plan_done(&run->plan);
	collect_done(&run->collect);
	record_options_done(&run->opt);
}

/* Errors of the kernel that mean "not here" rather than "not now". */
static int status_of(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
	case ENOSYS:
	case EINVAL:
	case ENOENT:
	case ENOTSUP:
		return STATUS_LACKING;
	default:
		return STATUS_FAILED;
	}
}

static bool all_skipped(const struct plan *p)
{
	return !p->nodes.n && p->skipped.n;
}

/* The SPECs' functions, or one line that says why there are none. */
static int make_plan(struct run *run)
{
	char msg[256], near[256];
	const char *binary;
	int err;

	vec_foreach (text, &run->opt.specs) {
		err = plan_add_spec(&run->plan, *text, msg, sizeof(msg));
		if (err)
			return log_err(0, "%s", msg),
			       err == -EINVAL ? STATUS_USAGE : STATUS_LACKING;
	}
	err = record_targets_plan(&run->opt, &run->plan, &run->collect);
	if (err < 0)
		return log_err(err, "cannot look for the functions to trace"), STATUS_FAILED;
	if (all_skipped(&run->plan))
		return -1; /* said below; the other signals are worth having */
	if (plan_waits(&run->plan, &binary)) {
		log_warn(0, "no object named '%s' is mapped yet: waiting for it", binary);
		return -1;
	}
	if (run->plan.nodes.n || run->opt.name_glob || run->opt.cgroup || run->opt.all)
		return -1; /* functions may come with later processes */
	near_misses(&run->plan, &run->collect.objects, run->opt.specs.v[0], near, sizeof(near));
	log_err(0, "no function matches '%s'%s%s", run->opt.specs.v[0],
		near[0] ? "; there are: " : "", near);
	return STATUS_FAILED;
}

static void warn_skipped(const struct plan *p)
{
	size_t refused = 0;

	vec_foreach (n, &p->nodes)
		refused += n->refused;
	if (p->skipped.n)
		log_warn(0, "%zu of %zu functions are not traced; the first: '%s': %s",
			 p->skipped.n, p->skipped.n + p->nodes.n - refused, p->skipped.v[0].name,
			 p->skipped.v[0].why);
}

/* Are kernel functions asked for that this kernel does not let us trace? Then says so. */
static bool lacks_kernel_functions(const struct session *s)
{
	const struct session_missing *m;
	size_t n = session_missing(s, &m);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(m[i].what, "kernel functions") != 0)
			continue;
		log_err(0, "no %s: %s", m[i].what, m[i].why);
		return true;
	}
	return false;
}

/* A name in a list that fits nothing would be missed in silence otherwise. */
static void warn_unmatched(struct run *run)
{
	char near[256];

	if (run->opt.name_glob || run->opt.cgroup || run->opt.all)
		return; /* later processes may have it */
	vec_foreach (s, &run->plan.specs) {
		vec_foreach (g, &s->globs) {
			if (g->negative || g->matched || !run->plan.nodes.n)
				continue;
			near_misses(&run->plan, &run->collect.objects, g->glob, near, sizeof(near));
			log_warn(0, "nothing matches '%s'%s%s%s", g->glob, s->binary ? " yet" : "",
				 near[0] ? "; there are: " : "", near);
		}
	}
}

/* Functions are chosen by what the stacks say. */
static bool wants_automatic(const struct record_options *o)
{
	return o->auto_paths && !o->no_choice && !o->no_cpu;
}

/* What is traced by function: what the user names, and entries of plugins. */
static struct plan *spans_of(struct run *run)
{
	return run->opt.specs.n || wants_automatic(&run->opt) || !run->opt.no_plugins ? &run->plan
										      : NULL;
}

/* From here on the trace can be stopped whatever else happens. */
static void open_control(struct run *run)
{
	struct control_subject on = { .session = run->session,
				      .collect = &run->collect,
				      .plan = &run->plan,
				      .opt = &run->opt,
				      .report = run->report };

	run->control = control_open(&on);
}

static int start(struct run *run)
{
	struct record_options *o = &run->opt;
	struct plugins_options plugins = { .globs = (const char *const *)o->plugin.globs.v,
					   .globs_n = o->plugin.globs.n,
					   .max_events = (uint32_t)o->plugin.events_max,
					   .timeout_ns = o->plugin.timeout_ns,
					   .calls = o->plugin.calls,
					   .max_overhead_pct = o->max_overhead_pct };
	struct session_options so = {
		.plugins = o->no_plugins ? NULL : &plugins,
		.window_ns = plugin_options_window(&o->plugin, o->duration_ns),
		.windows_keep = WINDOWS_MAX,
		.follow = !o->no_follow,
		.native = o->native,
		.cpu = !o->no_cpu,
		.offcpu = !o->no_offcpu,
		.syscalls = !o->no_syscalls,
		.automatic = wants_automatic(o),
		.timelines = o->specs.n > 0,
		.frequency_hz = o->frequency_hz,
		.offcpu_min_ns = o->offcpu_min_ns,
		.limits = { .overhead_pct = o->max_overhead_pct,
			    .cpu_pct = o->max_cpu_pct,
			    .memory_bytes = o->max_memory_bytes,
			    .loss_pct = o->max_loss_pct },
		.bpf_memory_max = o->max_bpf_memory_bytes,
	};
	char msg[256] = "";
	int err = 0, status = event_stream_open(&run->stream, o->plugin.events_file, &plugins);

	if (status)
		return log_err(status, "cannot write %s", o->plugin.events_file), STATUS_FAILED;
	status = record_targets_choose(o, &run->child, &run->collect, &so);

	if (status < 0 && o->specs.n)
		status = make_plan(run);
	if (status < 0) {
		err = session_open(&so, spans_of(run), &run->collect, &run->session, msg,
				   sizeof(msg));
		event_stream_begin(&run->stream, clock_wall_ns());
		if (!err)
			open_control(run);
		if (!err)
			err = session_start(run->session, msg, sizeof(msg));
	}
	vec_done(&so.pids);
	if (status >= 0)
		return status;
	if (err) {
		log_err(err, "%s", msg[0] ? msg : "cannot start the trace");
		return status_of(err);
	}
	if (o->specs.n && !plan_has_probes(&run->plan) && lacks_kernel_functions(run->session))
		return STATUS_LACKING;
	warn_skipped(&run->plan);
	warn_unmatched(run);
	return record_targets_confirm(o, &run->collect);
}

static int signal_ready(struct run *run)
{
	static const char ready[] = "ready\n";
	ssize_t len = sizeof(ready) - 1;
	int err;

	run->report->overhead.attach_ns = clock_monotonic_ns() - run->started_ns;
	if (run->opt.ready_fd >= 0) {
		if (write(run->opt.ready_fd, ready, (size_t)len) != len)
			return log_err(-errno, "cannot write to --ready-fd"), STATUS_FAILED;
		close(run->opt.ready_fd);
	}
	if (!run->opt.command)
		return -1;
	err = child_release(&run->child);
	return err ? log_err(err, "cannot run '%s'", run->opt.command[0]), STATUS_FAILED : -1;
}

static void describe_run(struct run *run, int argc, char **argv)
{
	struct report *r = run->report;
	struct buf command = {};
	struct utsname u;

	for (int i = 0; i < argc; i++)
		buf_printf(&command, "%s%s", i ? " " : "", argv[i]);
	r->command = report_str(r, buf_str(&command));
	buf_done(&command);
	r->version = PATHBPF_VERSION;
	if (!uname(&u)) {
		r->kernel = report_str(r, u.release);
		r->arch = report_str(r, u.machine);
	}
	r->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	r->started_ns = clock_wall_ns();
	r->has_cpu = !run->opt.no_cpu;
	r->has_offcpu = !run->opt.no_offcpu;
	r->has_syscalls = !run->opt.no_syscalls;
	r->has_spans = run->opt.specs.n > 0;
	r->paths_auto = run->opt.auto_paths;
	r->cpu.frequency_hz = run->opt.frequency_hz;
	r->offcpu.min_ns = run->opt.offcpu_min_ns;
	r->overhead.budget_pct = run->opt.max_overhead_pct;
	r->limits = run->opt.plugin.limits;
	r->plugin_timeout_ns = run->opt.plugin.timeout_ns;
}

/* What the kernel could not give is absent, not empty. */
static void apply_missing(struct run *run)
{
	const struct session_missing *m;
	size_t n = session_missing(run->session, &m);

	for (size_t i = 0; i < n; i++) {
		log_warn(0, "no %s: %s", m[i].what, m[i].why);
		if (!strcmp(m[i].what, "cpu"))
			run->report->has_cpu = false;
		if (!strcmp(m[i].what, "syscalls"))
			run->report->has_syscalls = false;
	}
}

/* The worst offenders among incomplete stacks. */
static void tell_cuts(const struct report *r)
{
	for (size_t i = 0; i < r->cuts.n && i < CUTS_TOLD; i++) {
		const struct stack_cut *c = &r->cuts.v[i];
		_cleanup_(buf_done) struct buf frame = {};

		frame_format(&frame, r, c->frame);
		log_info("incomplete above %s: %" PRIu64 " CPU samples, %" PRIu64 " ms off CPU: %s",
			 buf_str(&frame), c->samples, c->offcpu_ns / 1000000, c->why);
	}
}

/* Does standard output carry events? */
static bool writes_events_there(const struct record_options *o)
{
	return o->plugin.events_file && !strcmp(o->plugin.events_file, "-");
}

static int finish(struct run *run)
{
	struct report *r = run->report;
	struct rusage usage;
	int err;

	log_progress("pathbpf: resolving names …");
	control_settle(run->control);
	err = session_stop(run->session);
	control_rest(run->control);
	if (err)
		log_warn(err, "the trace did not end cleanly: totals may be short");
	err = harvest(run->session, &run->collect, spans_of(run), NULL, r);
	r->has_spans |= run->plan.nodes.n > 0; /* entries of plugins */
	if (!err && r->paths_auto)
		err = sampled_paths(r);
	if (err)
		log_err(err, "cannot read all results: the report is not whole");
	if (r->overhead.trap_stepped_ns)
		log_info("a probe's trap costs %" PRIu64 " ns where the kernel emulates the "
			 "instruction, %" PRIu64
			 " ns where it single-steps it; a return probe adds "
			 "%" PRIu64 " ns",
			 r->overhead.trap_emulated_ns, r->overhead.trap_stepped_ns,
			 r->overhead.trap_return_ns);
	if (event_stream_close(&run->stream))
		err = log_err(-EIO, "not all events could be written to %s",
			      run->opt.plugin.events_file);
	tell_cuts(r);
	control_tell(run->control, r);
	r->overhead.self_cpu_ns = clock_self_cpu_ns() + control_cpu_ns(run->control);
	if (!getrusage(RUSAGE_SELF, &usage))
		r->overhead.self_rss = (uint64_t)usage.ru_maxrss * 1024;
	log_progress_end();
	if (!run->opt.outputs.n && !writes_events_there(&run->opt))
		vec_push(&run->opt.outputs, (struct output){ .file = "-", .view = &view_text });
	return outputs_write(&run->opt, r) || err ? STATUS_FAILED : 0;
}

static int run_all(struct run *run, int argc, char **argv)
{
	int status = record_options_parse(&run->opt, argc, argv), traced;

	if (status >= 0)
		return status;
	if (outputs_check(&run->opt))
		return STATUS_FAILED;
	run->report = report_new();
	if (!run->report || record_loop_signals())
		return log_err(-ENOMEM, "cannot start"), STATUS_FAILED;
	describe_run(run, argc, argv);
	if (run->opt.command && child_start(&run->child, run->opt.command))
		return log_err(-errno, "cannot start a process"), STATUS_FAILED;
	status = start(run);
	if (status >= 0)
		return status;
	apply_missing(run);
	run->report->started_ns = clock_wall_ns();
	status = signal_ready(run);
	if (status >= 0)
		return status;
	traced = record_loop(run->session, &run->collect, run->opt.specs.n ? &run->plan : NULL,
			     &run->opt, &run->child, run->control);
	status = finish(run);
	if (control_hung(run->control))
		return STATUS_FAILED;
	if (traced < 0)
		return log_err(traced, "the trace ended early"), STATUS_FAILED;
	if (!status && all_skipped(&run->plan))
		return STATUS_FAILED; /* no function could be traced: that was said at the start */
	if (!status && run->opt.command && run->child.reaped && !run->opt.no_exit_status)
		return child_exit_status(&run->child);
	return status;
}

static int record(int argc, char **argv)
{
	struct run run = { .started_ns = clock_monotonic_ns(), .child = { .release_fd = -1 } };
	int status = run_all(&run, argc, argv);

	run_done(&run);
	return status;
}

const struct command cmd_record = { "record", "attach, trace, report", record };
