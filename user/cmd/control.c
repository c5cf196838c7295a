/* SPDX-License-Identifier: GPL-2.0-only */
/* Control of a trace while it runs. */
#include "cmd/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/control_actions.h"
#include "cmd/control_limits.h"
#include "cmd/control_list.h"
#include "cmd/control_snapshot.h"
#include "data/report.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "serve/peers.h"
#include "serve/server.h"
#include "trace/collect.h"
#include "trace/emergency.h"
#include "trace/livestate.h"
#include "trace/plan.h"
#include "trace/session.h"
#include "trace/session_control.h"
#include "trace/watchdog.h"

#define STATUS_NS 1000000000ULL /* between two looks at what costs some time */
#define PEERS_NS  2000000000ULL

struct control {
	struct control_subject on;
	struct emergency *emergency;
	struct watchdog *watchdog;
	struct server *server;
	struct peers peers;
	struct snapshot snapshot;
	action_vec actions;
	struct server_task *snapshot_task; /* whose answer is still to be given */
	struct trace_status status;
	uint64_t begun_ns, status_ns, peers_ns; /* monotonic */
	double others_max_pct;
	uint32_t others_max;
	bool stopped; /* by an emergency stop */
};

static json_t *stop_all(void *arg)
{
	struct control *c = arg;
	struct emergency_outcome o;

	emergency_stop(c->emergency, "pathbpf ctl", false, &o);
	return json_pack("{s:I, s:f}", "links", (json_int_t)o.removed, "ms",
			 (double)o.took_ns / 1e6);
}

/* How the targets were named. */
static void describe_target(const struct record_options *o, char *text, size_t size)
{
	struct buf b = {};

	if (o->name_glob)
		buf_printf(&b, "-n '%s'", o->name_glob);
	else if (o->cgroup)
		buf_printf(&b, "-g %s", o->cgroup);
	else if (o->all)
		buf_add_str(&b, "-a");
	else if (o->command)
		buf_add_str(&b, "--");
	else
		buf_add_str(&b, "-p ");
	for (size_t i = 0; i < o->pids.n; i++)
		buf_printf(&b, "%s%u", i ? "," : "", o->pids.v[i]);
	for (char **word = o->command; word && *word; word++)
		buf_printf(&b, " %s", *word);
	snprintf(text, size, "%s", buf_str(&b));
	buf_done(&b);
}

/* A socket is of use, but not what the trace is for. */
static void open_server(struct control *c)
{
	struct server_options opt = { .emergency_stop = stop_all, .arg = c };
	char why[256];

	if (server_start(&opt, &c->server, why, sizeof(why)))
		log_warn(0, "no control while it runs (pathbpf ctl): %s", why);
}

struct control *control_open(const struct control_subject *subject)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->on = *subject;
	snapshot_init(&c->snapshot);
	c->begun_ns = clock_monotonic_ns();
	c->status = (struct trace_status){ .pid = (uint32_t)getpid(),
					   .started_ns = clock_wall_ns(),
					   .everybody = c->on.opt->all || c->on.opt->cgroup,
					   .cost_pct = -1,
					   .others_pct = -1 };
	describe_target(c->on.opt, c->status.target, sizeof(c->status.target));
	if (emergency_new(session_inert(c->on.session), &c->emergency) ||
	    watchdog_start(c->emergency, WATCHDOG_LOOK_MS, &c->watchdog))
		log_warn(0, "no emergency stop: out of threads or memory");
	if (c->emergency)
		open_server(c);
	server_publish(c->server, &c->status);
	return c;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	server_stop(c->server);
	watchdog_stop(c->watchdog);
	emergency_free(c->emergency);
	peers_done(&c->peers);
	actions_done(&c->actions);
	free(c);
}

void control_poll(const struct control *c, struct pollfd *fds)
{
	fds[0] = (struct pollfd){ .fd = c ? server_fd(c->server) : -1, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = c && c->emergency ? emergency_fd(c->emergency) : -1,
				  .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = c ? c->snapshot.pipe_fd : -1, .events = POLLIN };
}

/* Who is traced now. */
static void update_processes(struct control *c)
{
	struct trace_status *s = &c->status;

	s->processes = c->on.collect->live;
	s->pids_n = 0;
	s->comm[0] = '\0';
	vec_foreach (proc, &c->on.collect->processes.all) {
		if (!(*proc)->live)
			continue;
		if (!s->pids_n)
			snprintf(s->comm, sizeof(s->comm), "%s", (*proc)->comm);
		if (s->pids_n < STATUS_PIDS)
			s->pids[s->pids_n++] = (*proc)->pid;
	}
	if (s->pids_n)
		emergency_set_target(c->emergency, s->pids[0]);
}

static void update_peers(struct control *c)
{
	struct peers_cost cost;

	peers_ask(&c->peers, &c->status, &cost);
	c->status.others = cost.n;
	c->status.others_pct = cost.n ? cost.target_pct : -1;
	session_set_others_cost(c->on.session, cost.target_pct);
	if (cost.n > c->others_max)
		c->others_max = cost.n;
	if (cost.target_pct > c->others_max_pct)
		c->others_max_pct = cost.target_pct;
}

static void update_status(struct control *c)
{
	struct trace_status *s = &c->status;
	uint64_t now_ns = clock_monotonic_ns();

	s->age_ns = now_ns - c->begun_ns;
	s->budget_pct = c->on.opt->max_overhead_pct;
	if (now_ns - c->status_ns >= STATUS_NS) {
		c->status_ns = now_ns;
		update_processes(c);
		s->probes = live_probes(c->on.plan);
		s->lost = live_lost(c->on.session, c->on.collect);
		s->cost_pct = live_cost_pct(c->on.session);
	}
	if (now_ns - c->peers_ns >= PEERS_NS) {
		c->peers_ns = now_ns;
		update_peers(c);
	}
	server_publish(c->server, s);
}

/* As Ctrl-C ends it: a command gets the signal, too. */
static void stop(struct control *c, struct server_task *task)
{
	kill(getpid(), SIGINT);
	server_answer(c->server, task, NULL);
}

static void note(struct report *r, const char *text)
{
	vec_push(&r->notes, report_str(r, text));
}

/* What a snapshot tells, too: in its child no lock may be taken. */
static void add_notes(struct report *r, void *arg)
{
	const struct control *c = arg;
	char text[240];

	actions_tell(&c->actions, r);
	if (!c->others_max)
		return;
	snprintf(text, sizeof(text),
		 "other traces of these targets ran at the same time, at most %u; they cost up to "
		 "%.2g %% of the targets' CPU time, which is not part of the cost below",
		 c->others_max, c->others_max_pct);
	note(r, text);
}

static void take_snapshot(struct control *c, struct server_task *task)
{
	char why[256];

	if (snapshot_begin(&c->snapshot, &c->on, server_request(task), add_notes, c, why,
			   sizeof(why)))
		server_refuse(c->server, task, why);
	else
		c->snapshot_task = task;
}

/* What became of it: see snapshot_done(). */
static void answer_snapshot(struct control *c, int done, const char *why)
{
	struct server_task *task = c->snapshot_task;

	if (!done || !task)
		return;
	c->snapshot_task = NULL;
	if (done > 0)
		server_answer(c->server, task, NULL);
	else
		server_refuse(c->server, task, why);
}

static int limits(struct control *c, const struct request *r, json_t **ret, char *why,
		  size_t why_size)
{
	int err = control_limits_set(&c->on, r, why, why_size);

	*ret = err ? NULL : control_limits(&c->on);
	return err;
}

/* What is done at once. */
static int act(struct control *c, const struct request *r, json_t **ret, char *why, size_t why_size)
{
	*ret = NULL;
	switch (r->verb) {
	case VERB_LIST:
		c->status_ns = 0; /* as it is now */
		update_status(c);
		*ret = control_list(&c->on, &c->status);
		return 0;
	case VERB_ADD:
		return control_add(&c->actions, &c->on, r->text, ret, why, why_size);
	case VERB_REMOVE:
		return control_remove(&c->actions, &c->on, r->text, ret, why, why_size);
	case VERB_PAUSE:
		return control_pause(&c->on, ret, why, why_size);
	case VERB_RESUME:
		return control_resume(&c->on, ret, why, why_size);
	case VERB_LIMITS:
		return limits(c, r, ret, why, why_size);
	default:
		snprintf(why, why_size, "this version cannot do that");
		return -ENOTSUP;
	}
}

/* A snapshot's child reads what the kernel has added up: a pause would add to it once more. */
static bool must_wait(const struct control *c, enum verb verb)
{
	return c->snapshot.pid && (verb == VERB_PAUSE || verb == VERB_RESUME);
}

static void serve(struct control *c, struct server_task *task)
{
	const struct request *r = server_request(task);
	char why[512] = "";
	json_t *data;

	switch (r->verb) {
	case VERB_SNAPSHOT:
		take_snapshot(c, task);
		break;
	case VERB_STOP:
		stop(c, task);
		break;
	default:
		if (must_wait(c, r->verb))
			server_refuse(c->server, task, "a snapshot is being written");
		else if (act(c, r, &data, why, sizeof(why)))
			server_refuse(c->server, task, why);
		else
			server_answer(c->server, task, data);
	}
}

void control_turn(struct control *c)
{
	struct server_task *task;
	char why[256];

	if (!c)
		return;
	watchdog_tick(c->watchdog);
	c->status.state = session_is_paused(c->on.session) ? TRACE_PAUSED : TRACE_RUNNING;
	update_status(c);
	answer_snapshot(c, snapshot_done(&c->snapshot, why, sizeof(why)), why);
	while ((task = server_take(c->server))) {
		serve(c, task);
		c->status.state = session_is_paused(c->on.session) ? TRACE_PAUSED : TRACE_RUNNING;
		server_publish(c->server, &c->status);
	}
}

bool control_stopped(struct control *c)
{
	struct emergency_outcome o;

	if (!c || !c->emergency || !emergency_acknowledge(c->emergency, &o))
		return false;
	c->stopped = true;
	log_warn(0,
		 "emergency stop (%s): %u probe links were removed in %.0f ms; the report has "
		 "what was recorded before",
		 o.why, o.removed, (double)o.took_ns / 1e6);
	return true;
}

bool control_hung(struct control *c)
{
	struct emergency_outcome o = {};

	return c && c->stopped && emergency_acknowledge(c->emergency, &o) && o.hung;
}

void control_settle(struct control *c)
{
	char why[256];

	if (!c)
		return;
	watchdog_rest(c->watchdog);
	answer_snapshot(c, snapshot_end(&c->snapshot, why, sizeof(why)), why);
}

uint64_t control_cpu_ns(const struct control *c)
{
	return c ? c->snapshot.cpu_ns : 0;
}

void control_rest(struct control *c)
{
	if (!c)
		return;
	emergency_over(c->emergency);
	c->status.state = TRACE_REPORTING;
	server_publish(c->server, &c->status);
}

void control_tell(struct control *c, struct report *r)
{
	struct emergency_outcome o;
	char text[240];

	if (!c)
		return;
	if (c->stopped) {
		emergency_acknowledge(c->emergency, &o);
		snprintf(text, sizeof(text),
			 "an emergency stop (%s) ended the trace: %u probe links were removed in "
			 "%.0f ms",
			 o.why, o.removed, (double)o.took_ns / 1e6);
		note(r, text);
	}
	add_notes(r, c);
}
