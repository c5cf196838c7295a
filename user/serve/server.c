/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket of a running trace. */
#include "serve/server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/vec.h"
#include "serve/client.h"
#include "serve/connection.h"
#include "serve/rundir.h"

#define CONNECTIONS_MAX 32
#define BACKLOG         32
#define LOOK_MS         1000
#define ANSWER_NS       30000000000ULL  /* for the main loop to answer */
#define SNAPSHOT_NS     600000000000ULL /* the same while it writes a report */

struct server_task {
	struct request request;
	struct connection *connection; /* NULL: it has gone */
	bool taken;
};

struct server {
	struct server_options opt;
	char path[RUNDIR_PATH_MAX];
	int listen_fd;
	int wake_fd; /* the server: somebody has an answer, or it shall stop */
	int task_fd; /* the main loop: a request waits */
	pthread_t thread;
	bool has_thread;
	bool deaf;            /* the thread's own: does not listen for a moment */
	pthread_mutex_t lock; /* of what follows; the thread lets go of it only to wait */
	bool stop;
	struct trace_status status;
	uint64_t published_ns;
	VEC(struct server_task *) tasks;      /* in the order of their coming */
	VEC(struct connection *) connections; /* only the thread adds and removes */
};

static void signal_fd(int fd)
{
	uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void clear_fd(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

static void task_free(struct server_task *task)
{
	request_done(&task->request);
	free(task);
}

/* It is whole: the main loop shall have it. */
static void enqueue(struct server *s, struct connection *c, struct request *r)
{
	struct server_task *task = calloc(1, sizeof(*task));

	if (!task || vec_push(&s->tasks, task)) {
		free(task);
		request_done(r);
		connection_say(c, answer_format_error("out of memory"));
		return;
	}
	*task = (struct server_task){ .request = *r, .connection = c };
	c->state = CONNECTION_WAITS;
	c->until_ns = clock_monotonic_ns() + (r->verb == VERB_SNAPSHOT ? SNAPSHOT_NS : ANSWER_NS);
	signal_fd(s->task_fd);
}

static void tell_status(struct server *s, struct connection *c)
{
	struct trace_status status = s->status;

	status.turn_ns = clock_monotonic_ns() - s->published_ns;
	status.age_ns += status.turn_ns;
	connection_say(c, answer_format(status_format(&status)));
}

/* It takes a while, in which the main thread may want the lock. */
static void stop_all(struct server *s, struct connection *c)
{
	json_t *data;

	pthread_mutex_unlock(&s->lock);
	data = s->opt.emergency_stop(s->opt.arg);
	pthread_mutex_lock(&s->lock);
	connection_say(c, answer_format(data));
}

static void serve(struct server *s, struct connection *c)
{
	struct request r;

	if (!connection_read(c, &r))
		return;
	if (r.verb == VERB_STATUS)
		tell_status(s, c);
	else if (r.verb == VERB_EMERGENCY_STOP)
		stop_all(s, c);
	else
		return enqueue(s, c, &r);
	request_done(&r);
}

/* Nobody waits for the answer any more. */
static void forget(struct server *s, const struct connection *c)
{
	vec_foreach (task, &s->tasks) {
		if ((*task)->connection == c)
			(*task)->connection = NULL;
	}
}

static void drop_ended(struct server *s)
{
	uint64_t now_ns = clock_monotonic_ns();
	size_t n = 0;

	for (size_t i = 0; i < s->connections.n; i++) {
		struct connection *c = s->connections.v[i];

		connection_expire(c, now_ns);
		if (c->state != CONNECTION_WAITS)
			forget(s, c);
		if (c->state == CONNECTION_ENDS)
			connection_free(c);
		else
			s->connections.v[n++] = c;
	}
	s->connections.n = n;
}

/* Whoever has kept us waiting longest makes room. */
static void make_room(struct server *s)
{
	for (size_t i = 0; i < s->connections.n && s->connections.n >= CONNECTIONS_MAX; i++) {
		if (s->connections.v[i]->state == CONNECTION_READS) {
			s->connections.v[i]->state = CONNECTION_ENDS;
			drop_ended(s);
		}
	}
}

static void take_connection(struct server *s)
{
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c;

	if (fd < 0) { /* of descriptors, perhaps, there are none: not again at once */
		s->deaf = errno != EAGAIN && errno != ECONNABORTED && errno != EINTR;
		return;
	}
	make_room(s);
	c = connection_new(fd);
	if (!c)
		return;
	if (s->connections.n >= CONNECTIONS_MAX || vec_push(&s->connections, c)) {
		connection_free(c);
		return;
	}
	if (!connection_is_allowed(c))
		connection_say(c, answer_format_error("this trace is another user's"));
}

static short events_of(const struct connection *c)
{
	return c->state == CONNECTION_READS ? POLLIN : c->state == CONNECTION_WRITES ? POLLOUT : 0;
}

static void handle(struct server *s, struct connection *c, short revents)
{
	if (c->state == CONNECTION_READS && revents & (POLLIN | POLLHUP | POLLERR))
		serve(s, c);
	else if (c->state == CONNECTION_WAITS && revents & (POLLHUP | POLLERR))
		c->state = CONNECTION_ENDS;
	if (c->state == CONNECTION_WRITES) /* mostly it can be said at once */
		connection_write(c);
}

/* Waits, without the lock, for somebody to say or take something. Whether the thread goes on. */
static bool wait_for_peers(struct server *s, struct pollfd *fds, size_t n)
{
	int got, err;

	pthread_mutex_unlock(&s->lock);
	got = poll(fds, n, n > 2 || s->deaf ? LOOK_MS : -1);
	err = got < 0 ? errno : 0;
	if (fds[0].revents & POLLIN)
		clear_fd(s->wake_fd);
	pthread_mutex_lock(&s->lock);
	return !s->stop && (!err || err == EINTR);
}

static void *run(void *arg)
{
	struct pollfd fds[CONNECTIONS_MAX + 2];
	struct server *s = arg;
	size_t n;

	pthread_mutex_lock(&s->lock);
	do {
		drop_ended(s);
		n = s->connections.n;
		fds[0] = (struct pollfd){ .fd = s->wake_fd, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = s->deaf ? -1 : s->listen_fd, .events = POLLIN };
		for (size_t i = 0; i < n; i++)
			fds[i + 2] = (struct pollfd){ .fd = s->connections.v[i]->fd,
						      .events = events_of(s->connections.v[i]) };
		if (!wait_for_peers(s, fds, n + 2))
			break;
		s->deaf = false;
		for (size_t i = 0; i < n; i++)
			handle(s, s->connections.v[i], fds[i + 2].revents);
		if (fds[1].revents & POLLIN)
			take_connection(s);
	} while (!s->stop);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/*
 * Bound under another name and moved into place once it listens: a socket that refuses is one that
 * is dead.
 */
static int listen_on(struct server *s, const char *dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int err = rundir_socket(dir, (uint32_t)getpid(), s->path, sizeof(s->path)), n;

	n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/.%d", dir, (int)getpid());
	if (err || n < 0 || (size_t)n >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listen_fd < 0)
		return -errno;
	unlink(addr.sun_path);
	if (bind(s->listen_fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	if (chmod(addr.sun_path, 0600) || listen(s->listen_fd, BACKLOG) ||
	    rename(addr.sun_path, s->path)) {
		err = -errno;
		unlink(addr.sun_path);
		return err;
	}
	return 0;
}

static int begin(struct server *s, char *why, size_t why_size)
{
	char dir[RUNDIR_PATH_MAX];
	sigset_t all, before;
	int err = rundir_make(dir, sizeof(dir));

	err = err ? err : listen_on(s, dir);
	if (err) {
		s->path[0] = '\0';
		snprintf(why, why_size, "no socket in %s: %s", dir, strerror(-err));
		return err;
	}
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->task_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake_fd < 0 || s->task_fd < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->has_thread = !err;
	return -err;
}

int server_start(const struct server_options *opt, struct server **ret, char *why, size_t why_size)
{
	_cleanup_(server_stopp) struct server *s = calloc(1, sizeof(*s));
	trace_socket_vec others = {};
	int err;

	snprintf(why, why_size, "out of memory or threads");
	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	s->listen_fd = s->wake_fd = s->task_fd = -1;
	s->status.pid = (uint32_t)getpid();
	s->status.cost_pct = s->status.others_pct = -1;
	s->published_ns = clock_monotonic_ns();
	pthread_mutex_init(&s->lock, NULL);
	err = begin(s, why, why_size);
	if (err)
		return err;
	/* Of those that were killed. */
	if (!rundir_list(&others, true))
		client_clean(&others);
	vec_done(&others);
	*ret = TAKE_PTR(s);
	return 0;
}

/* Whoever still waits is told; what is said goes out if it can at once. */
static void say_goodbye(struct server *s)
{
	vec_foreach (c, &s->connections) {
		if ((*c)->state == CONNECTION_WAITS)
			connection_say(*c, answer_format_error("the trace has ended"));
		if ((*c)->state == CONNECTION_WRITES)
			connection_write(*c);
		connection_free(*c);
	}
	vec_done(&s->connections);
	vec_foreach (task, &s->tasks)
		task_free(*task);
	vec_done(&s->tasks);
}

void server_stop(struct server *s)
{
	int fds[3];

	if (!s)
		return;
	if (s->path[0])
		unlink(s->path);
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_mutex_unlock(&s->lock);
	if (s->has_thread) {
		signal_fd(s->wake_fd);
		pthread_join(s->thread, NULL);
	}
	say_goodbye(s);
	fds[0] = s->listen_fd;
	fds[1] = s->wake_fd;
	fds[2] = s->task_fd;
	for (int i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void server_publish(struct server *s, const struct trace_status *status)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->status = *status;
	s->published_ns = clock_monotonic_ns();
	pthread_mutex_unlock(&s->lock);
}

int server_fd(const struct server *s)
{
	return s ? s->task_fd : -1;
}

struct server_task *server_take(struct server *s)
{
	struct server_task *found = NULL;

	if (!s)
		return NULL;
	clear_fd(s->task_fd);
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->tasks.n && !found; i++) {
		if (!s->tasks.v[i]->taken)
			found = s->tasks.v[i];
	}
	if (found)
		found->taken = true;
	pthread_mutex_unlock(&s->lock);
	return found;
}

struct request *server_request(struct server_task *task)
{
	return &task->request;
}

static void finish(struct server *s, struct server_task *task, char *line)
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	if (task->connection)
		connection_say(task->connection, line);
	else
		free(line);
	for (size_t i = 0; i < s->tasks.n; i++) {
		if (s->tasks.v[i] != task)
			s->tasks.v[n++] = s->tasks.v[i];
	}
	s->tasks.n = n;
	pthread_mutex_unlock(&s->lock);
	task_free(task);
	signal_fd(s->wake_fd);
}

void server_answer(struct server *s, struct server_task *task, json_t *data)
{
	finish(s, task, answer_format(data));
}

void server_refuse(struct server *s, struct server_task *task, const char *error)
{
	finish(s, task, answer_format_error(error));
}
