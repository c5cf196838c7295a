/* SPDX-License-Identifier: GPL-2.0-only */
/* A report of what was recorded so far, made by a child. */
#include "cmd/control_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/control.h"
#include "data/report.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "serve/message.h"
#include "trace/emergency.h"
#include "trace/harvest.h"
#include "trace/livesums.h"
#include "trace/plan.h"
#include "trace/session.h"
#include "trace/session_control.h"
#include "view/view.h"

#define LONGEST_S 300 /* for names to be found, and the file to be written */
#define END_MS    10000
#define DROP_MS   1000
#define NICE      5 /* the trace goes first */

void snapshot_init(struct snapshot *s)
{
	*s = (struct snapshot){ .pipe_fd = -1 };
}

static int write_view(const struct view *view, const struct report *r, int fd)
{
	_cleanup_fclose_ FILE *f = fdopen(fd, "w");
	int err;

	if (!f)
		return -errno;
	err = view->render(r, f);
	errno = 0;
	if (fflush(f) || ferror(f))
		return errno ? -errno : -EIO;
	return err;
}

/* What the child has to do. */
struct job {
	const struct control_subject *on;
	const struct request *request;
	const struct view *view;
	const struct live_sums *live;
	void (*add_notes)(struct report *r, void *arg);
	void *arg;
};

static int make_report(const struct job *j)
{
	const struct control_subject *on = j->on;
	struct report *r = on->report;
	int err;

	session_pretend_end(on->session);
	err = harvest(on->session, on->collect, session_plan(on->session), j->live, r);
	if (err)
		return err;
	r->has_spans |= on->plan->nodes.n > 0;
	vec_push(&r->notes, report_str(r, "a snapshot: the trace went on after it"));
	j->add_notes(r, j->arg);
	err = write_view(j->view, r, j->request->fds[0]);
	if (!err && j->view->companion && r->has_offcpu && j->request->fds[1] >= 0)
		err = write_view(j->view->companion, r, j->request->fds[1]);
	return err;
}

/* In the child. Its answer is an error, or nothing. Nothing that is the parent's may be flushed. */
static void run(const struct job *j, pid_t parent, int answer_fd)
{
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	emergency_drop_probes();
	if (write(answer_fd, "", 1) != 1)
		_exit(1);
	alarm(LONGEST_S);
	setpriority(PRIO_PROCESS, 0, NICE);
	log_set_level(LOG_ERR);
	err = make_report(j);
	if (err && write(answer_fd, &err, sizeof(err)) != sizeof(err))
		_exit(1);
	_exit(0);
}

static bool is_readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* While the child has copies of the probes, they would outlive an emergency stop. */
static void wait_for_drop(int fd)
{
	char c;

	if (is_readable(fd, DROP_MS) && read(fd, &c, 1) < 0)
		log_debug("a snapshot's child did not say that it has begun");
}

static int start(struct snapshot *s, const struct job *j)
{
	struct report *r = j->on->report;
	pid_t parent = getpid();
	struct rusage usage;
	int answer[2], err;

	if (pipe2(answer, O_CLOEXEC))
		return -errno;
	r->overhead.self_cpu_ns = clock_self_cpu_ns() + s->cpu_ns;
	if (!getrusage(RUSAGE_SELF, &usage))
		r->overhead.self_rss = (uint64_t)usage.ru_maxrss * 1024;
	s->pid = session_fork(j->on->session);
	if (!s->pid) {
		close(answer[0]);
		run(j, parent, answer[1]);
	}
	err = s->pid < 0 ? -errno : 0;
	close(answer[1]);
	if (err) {
		s->pid = 0;
		close(answer[0]);
		return err;
	}
	wait_for_drop(answer[0]);
	s->pipe_fd = answer[0];
	s->until_ns = clock_monotonic_ns() + (LONGEST_S + 5) * 1000000000ULL;
	return 0;
}

int snapshot_begin(struct snapshot *s, const struct control_subject *on, const struct request *r,
		   void (*add_notes)(struct report *r, void *arg), void *arg, char *why,
		   size_t why_size)
{
	_cleanup_(live_sums_done) struct live_sums live = {};
	struct job j = { .on = on,
			 .request = r,
			 .view = view_by_name(r->text),
			 .live = &live,
			 .add_notes = add_notes,
			 .arg = arg };
	int err;

	snprintf(why, why_size, "another snapshot is being written");
	if (s->pid)
		return -EBUSY;
	snprintf(why, why_size, "it names no format and no file to write to");
	if (!j.view || r->fds[0] < 0)
		return -EINVAL;
	err = session_drain(on->session);
	err = err ? err : session_live(on->session, &live);
	err = err ? err : start(s, &j);
	if (err)
		snprintf(why, why_size, "cannot take a snapshot: %s", strerror(-err));
	return err;
}

/* It has ended, or is ended. */
static int reap(struct snapshot *s, char *why, size_t why_size)
{
	_cleanup_close_ int fd = TAKE_FD(s->pipe_fd);
	struct rusage usage = {};
	pid_t pid = s->pid;
	int err = 0, status = 0;

	s->pid = 0;
	if (read(fd, &err, sizeof(err)) != sizeof(err))
		err = 0;
	while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	s->cpu_ns += (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
		     (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
	if (!err && (!WIFEXITED(status) || WEXITSTATUS(status)))
		err = -EPIPE;
	if (err == -EPIPE)
		snprintf(why, why_size, "the snapshot was not finished");
	else if (err)
		snprintf(why, why_size, "cannot write the snapshot: %s", strerror(-err));
	return err ? err : 1;
}

int snapshot_done(struct snapshot *s, char *why, size_t why_size)
{
	if (!s->pid)
		return 0;
	if (!is_readable(s->pipe_fd, 0)) {
		if (clock_monotonic_ns() < s->until_ns)
			return 0;
		kill(s->pid, SIGKILL);
	}
	return reap(s, why, why_size);
}

int snapshot_end(struct snapshot *s, char *why, size_t why_size)
{
	if (!s->pid)
		return 0;
	if (!is_readable(s->pipe_fd, END_MS))
		kill(s->pid, SIGKILL);
	return reap(s, why, why_size);
}
