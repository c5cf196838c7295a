/* SPDX-License-Identifier: GPL-2.0-only */
/* The experiment of `overhead`. */
#include "cmd/overhead_run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cmd/command.h"
#include "data/report.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "trace/work.h"

#define MS_NS    1000000ULL
#define READY_NS (60000 * MS_NS) /* a tracer that takes longer to attach hangs */
#define GRACE_MS 10000           /* for its report, which goes nowhere */
#define ATTEMPTS 5               /* to attach while processes come and go */
#define PIDS_MAX 1024            /* that a tracer is told of */

#define PAIRS_AIM     16 /* from there on longer blocks tell more than further ones */
#define PAIRS_MAX     1000
#define BLOCK_MIN_NS  (500 * MS_NS)
#define BLOCK_MAX_NS  (10000 * MS_NS)
#define SETTLE_MIN_NS (100 * MS_NS)
#define SETTLE_MAX_NS (1000 * MS_NS)

int overhead_run_init(struct overhead_run *r, const struct overhead_options *opt)
{
	sigset_t set;

	*r = (struct overhead_run){ .opt = opt, .tracer = TRACER_NONE, .signals = -1 };
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signals < 0 ? -errno : 0;
}

void overhead_run_done(struct overhead_run *r)
{
	tracer_done(&r->tracer);
	work_close(r->meter);
	if (r->signals >= 0)
		close(r->signals);
	vec_done(&r->members);
	vec_done(&r->pairs);
	vec_done(&r->changes);
}

/*
 * 0: it is `until_ns`. -EINTR: the user asks for the end. -ECHILD: the tracer has ended. 1: `fd` is
 * readable (-1: none).
 */
static int wait_until(struct overhead_run *r, uint64_t until_ns, int fd)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = r->signals, .events = POLLIN },
					{ .fd = fd, .events = POLLIN },
					{ .fd = r->tracer.pidfd, .events = POLLIN } };
		uint64_t now_ns = clock_monotonic_ns();
		uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
		struct timespec left = { .tv_sec = (time_t)(left_ns / 1000000000),
					 .tv_nsec = (long)(left_ns % 1000000000) };
		int n = ppoll(fds, 3, &left, NULL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[0].revents)
			return -EINTR;
		if (n > 0 && fds[1].revents)
			return 1;
		if (n > 0 && fds[2].revents)
			return -ECHILD;
		if (!left_ns)
			return 0;
	}
}

/* A sample, and who is there. -ESRCH: nobody. */
static int take(struct overhead_run *r, struct work_sample *s)
{
	int err = work_read(r->meter, s, &r->members);

	return err ? err : r->members.n ? 0 : -ESRCH;
}

/* One block. */
static int measure(struct overhead_run *r, struct work_block *ret)
{
	struct work_sample before, after;
	uint64_t tracer_ns;
	int err = take(r, &before);

	if (err)
		return err;
	tracer_ns = tracer_cpu_ns(&r->tracer);
	err = wait_until(r, clock_monotonic_ns() + r->block_ns, -1);
	if (err)
		return err;
	tracer_ns = tracer_cpu_ns(&r->tracer) - tracer_ns;
	err = take(r, &after);
	if (err)
		return err;
	*ret = work_between(&before, &after, &r->reading);
	ret->tracer_cpu_ns = tracer_ns;
	return 0;
}

static int settle(struct overhead_run *r)
{
	return wait_until(r, clock_monotonic_ns() + r->settle_ns, -1);
}

/* Who is to be traced: "-p 1,2,3" or "-n GLOB", then what the user wants of the run. */
static int start_tracer(struct overhead_run *r)
{
	const struct overhead_options *o = r->opt;
	_cleanup_(buf_done) struct buf pids = {};
	VEC(const char *) words = {};
	int err;

	for (size_t i = 0; i < r->members.n && i < PIDS_MAX; i++)
		buf_printf(&pids, "%s%" PRIu32, i ? "," : "", r->members.v[i]);
	err = pids.err ? pids.err : vec_push(&words, o->name_glob ? "-n" : "-p");
	err = err ? err : vec_push(&words, o->name_glob ? o->name_glob : buf_str(&pids));
	if (o->no_follow)
		err = err ? err : vec_push(&words, "--no-follow");
	for (int i = 0; i < o->record_n && !err; i++)
		err = vec_push(&words, o->record[i]);
	err = err ? err : tracer_start(&r->tracer, words.v, words.n);
	vec_done(&words);
	return err;
}

/* 0: all its probes are live. -ECHILD: it has given up. */
static int wait_ready(struct overhead_run *r)
{
	int got = wait_until(r, clock_monotonic_ns() + READY_NS, r->tracer.ready_fd);

	if (got == 1)
		return tracer_is_ready(&r->tracer) ? 0 : -ECHILD;
	return got ? got : -ETIMEDOUT;
}

static int add_change(struct overhead_run *r, const struct work_sample *before,
		      const struct work_sample *after, uint64_t tracer_ns, bool begins)
{
	struct work_change c = { .begins = begins };

	c.block = work_between(before, after, &r->reading);
	c.block.tracer_cpu_ns = tracer_ns;
	return vec_push(&r->changes, c);
}

static bool same_members(const pid_vec *a, const pid_vec *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i] != b->v[i])
			return false;
	return true;
}

/*
 * A tracer that was told of a process which has ended since gives up: then it is tried again with
 * those that are there. *ret_again: it is worth it.
 */
static int try_attach(struct overhead_run *r, bool *ret_again)
{
	struct work_sample before, after;
	pid_vec told = {};
	int err = take(r, &before);

	*ret_again = false;
	vec_foreach (pid, &r->members)
		err = err ? err : vec_push(&told, *pid);
	err = err ? err : start_tracer(r);
	err = err ? err : wait_ready(r);
	if (!err) {
		err = take(r, &after);
		err = err ? err : add_change(r, &before, &after, tracer_cpu_ns(&r->tracer), true);
	} else if (err == -ECHILD && !r->opt->name_glob) {
		err = take(r, &after);
		err = err ? err : -ECHILD;
		*ret_again = err == -ECHILD && !same_members(&told, &r->members);
	}
	vec_done(&told);
	return err;
}

static int attach(struct overhead_run *r)
{
	uint64_t cpu_ns;
	bool again = true;
	int err = 0;

	for (int i = 0; i < ATTEMPTS && again; i++) {
		err = try_attach(r, &again);
		if (again)
			tracer_stop(&r->tracer, GRACE_MS, &cpu_ns);
	}
	return err;
}

static int detach(struct overhead_run *r)
{
	uint64_t before_ns = tracer_cpu_ns(&r->tracer), cpu_ns;
	struct work_sample before, after;
	int err = take(r, &before);

	tracer_stop(&r->tracer, GRACE_MS, &cpu_ns);
	err = err ? err : take(r, &after);
	cpu_ns = cpu_ns > before_ns ? cpu_ns - before_ns : 0;
	return err ? err : add_change(r, &before, &after, cpu_ns, false);
}

static int traced_block(struct overhead_run *r, struct work_block *ret)
{
	int err = attach(r);

	err = err ? err : settle(r);
	err = err ? err : measure(r, ret);
	return err ? err : detach(r);
}

static int plain_block(struct overhead_run *r, struct work_block *ret)
{
	int err = settle(r);

	return err ? err : measure(r, ret);
}

static int run_pair(struct overhead_run *r)
{
	struct work_pair p = { .on_first = work_on_first(r->seed, r->pairs.n) };
	int err = p.on_first ? traced_block(r, &p.on) : plain_block(r, &p.off);

	err = err ? err : p.on_first ? plain_block(r, &p.off) : traced_block(r, &p.on);
	return err ? err : vec_push(&r->pairs, p);
}

static uint64_t within(uint64_t low, uint64_t value, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/*
 * How long blocks are, from what is left of the time and what coming and going takes. Returns how
 * many pairs that will make.
 */
static uint64_t plan_blocks(struct overhead_run *r, uint64_t left_ns, uint64_t change_ns)
{
	uint64_t aim_ns = left_ns / PAIRS_AIM, pair_ns, pairs;

	r->block_ns = r->opt->block_ns;
	if (!r->block_ns) {
		uint64_t least_ns = left_ns / PAIRS_MAX / 2;

		r->block_ns = aim_ns > change_ns ? (aim_ns - change_ns) / 2 : 0;
		r->block_ns = within(BLOCK_MIN_NS, r->block_ns, BLOCK_MAX_NS);
		r->block_ns = r->block_ns > least_ns ? r->block_ns : least_ns;
	}
	r->settle_ns = within(SETTLE_MIN_NS, r->block_ns / 10, SETTLE_MAX_NS);
	pair_ns = 2 * (r->block_ns + r->settle_ns) + change_ns;
	pairs = left_ns / pair_ns;
	return within(ABTEST_PAIRS_MIN, pairs, PAIRS_MAX);
}

/* Reads the tracer's files, warms caches, and tells how long it takes to come and go. */
static int warm_up(struct overhead_run *r, uint64_t *ret_change_ns)
{
	uint64_t start_ns = clock_monotonic_ns();
	int err;

	log_progress("attaching for the first time …");
	r->settle_ns = SETTLE_MIN_NS;
	err = attach(r);
	err = err ? err : settle(r);
	err = err ? err : detach(r);
	*ret_change_ns = clock_monotonic_ns() - start_ns - r->settle_ns;
	return err;
}

static int run_pairs(struct overhead_run *r)
{
	uint64_t change_ns, end_ns = r->began_ns + r->opt->duration_ns, now_ns, pairs;
	int err = warm_up(r, &change_ns);

	if (err)
		return err;
	now_ns = clock_monotonic_ns();
	pairs = plan_blocks(r, end_ns > now_ns ? end_ns - now_ns : 0, change_ns);
	while (!err && r->pairs.n < PAIRS_MAX) {
		uint64_t pair_start_ns = clock_monotonic_ns(), took_ns;

		log_progress("pair %zu of about %" PRIu64 ": blocks of %.1f s with and without "
			     "the tracer (Ctrl-C ends)",
			     r->pairs.n + 1, pairs > r->pairs.n ? pairs : r->pairs.n + 1,
			     (double)r->block_ns / 1e9);
		err = run_pair(r);
		now_ns = clock_monotonic_ns();
		took_ns = now_ns - pair_start_ns;
		/* Another one must fit, give or take a little. */
		if (r->pairs.n >= ABTEST_PAIRS_MIN && now_ns + took_ns > end_ns + took_ns / 4)
			break;
	}
	return err;
}

/* The tracer has given up, or ended before it was told to. */
static int fail_tracer(struct overhead_run *r)
{
	_cleanup_(buf_done) struct buf clean = {};
	char words[1024];
	uint64_t cpu_ns;
	int status = tracer_stop(&r->tracer, GRACE_MS, &cpu_ns);

	tracer_last_words(&r->tracer, words, sizeof(words));
	text_clean(&clean, words);
	if (buf_str(&clean)[0])
		log_err(0, "the traced run failed: %s", buf_str(&clean));
	else
		log_err(0, "the traced run ended with status %d", status);
	return status > 0 && status < 128 ? status : STATUS_FAILED;
}

/* Its end is the tracer's too, which may have seen it first. */
static bool is_target_gone(struct overhead_run *r)
{
	struct work_sample s;

	return take(r, &s) == -ESRCH;
}

int overhead_run(struct overhead_run *r)
{
	uint64_t cpu_ns;
	int err;

	r->began_ns = clock_monotonic_ns();
	err = run_pairs(r);
	r->ended_ns = clock_monotonic_ns();
	log_progress_end();
	r->interrupted = err == -EINTR;
	r->target_gone = err == -ESRCH || (err == -ECHILD && is_target_gone(r));
	if (err == -ECHILD && !r->target_gone)
		return fail_tracer(r);
	tracer_stop(&r->tracer, GRACE_MS, &cpu_ns);
	if (!err || r->interrupted || r->target_gone)
		return -1;
	if (err == -ETIMEDOUT)
		return log_err(0, "the traced run does not get ready"), STATUS_FAILED;
	return log_err(err, "cannot measure the target"), STATUS_FAILED;
}
