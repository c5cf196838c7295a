/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket: who is served by whom, and what a bad peer costs. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve/client.h"
#include "serve/peers.h"
#include "serve/server.h"

static struct server *server;
static struct trace_socket place;
static atomic_int emergencies;

static json_t *emergency(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
	return json_pack("{s:i}", "links", 3);
}

static void init(void)
{
	struct server_options opt = { .emergency_stop = emergency, .arg = &emergencies };
	struct trace_status status = { .state = TRACE_RUNNING,
				       .target = "-p 1",
				       .pids = { 1 },
				       .pids_n = 1,
				       .cost_pct = 2,
				       .others_pct = -1 };
	trace_socket_vec all = {};
	char why[200] = "";

	cr_assert_eq(server_start(&opt, &server, why, sizeof(why)), 0, "%s", why);
	status.pid = (uint32_t)getpid();
	server_publish(server, &status);
	cr_assert_eq(rundir_list(&all, true), 0);
	vec_foreach (s, &all) {
		if (s->pid == (uint32_t)getpid())
			place = *s;
	}
	vec_done(&all);
	cr_assert_eq(place.pid, getpid());
}

static void done(void)
{
	server_stop(server);
	cr_assert_eq(access(place.path, F_OK), -1, "the socket is gone");
}

TestSuite(server, .init = init, .fini = done, .timeout = 60);

static int ask(enum verb verb, const char *text, int timeout_ms, json_t **ret, char *why,
	       size_t size)
{
	struct request r;
	int err;

	request_init(&r, verb);
	r.text = text ? strdup(text) : NULL;
	*ret = NULL;
	err = client_ask(&place, &r, timeout_ms, ret, why, size);
	request_done(&r);
	return err;
}

Test(server, the_socket_is_its_owners)
{
	struct stat st;

	cr_assert_eq(stat(place.path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	cr_assert_eq(st.st_uid, geteuid());
	*strrchr(place.path, '/') = '\0';
	cr_assert_eq(stat(place.path, &st), 0);
	cr_assert_eq(st.st_mode & 022, 0);
	place.path[strlen(place.path)] = '/';
}

Test(server, status_and_emergency_need_no_main_thread)
{
	struct trace_status s;
	char why[200] = "";
	json_t *data;

	cr_assert_eq(client_status(&place, 5000, &s, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(s.pid, getpid());
	cr_assert_str_eq(s.target, "-p 1");
	cr_assert_eq(ask(VERB_EMERGENCY_STOP, NULL, 5000, &data, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(json_integer_value(json_object_get(data, "links")), 3);
	cr_assert_eq(emergencies, 1);
	json_decref(data);
}

/* Asks in a thread of its own, as another process would. */
struct asker {
	pthread_t thread;
	enum verb verb;
	const char *text;
	int timeout_ms, err;
	json_t *data;
	char why[200];
};

static void *run_asker(void *arg)
{
	struct asker *a = arg;

	a->err = ask(a->verb, a->text, a->timeout_ms, &a->data, a->why, sizeof(a->why));
	return NULL;
}

static void start_asker(struct asker *a)
{
	cr_assert_eq(pthread_create(&a->thread, NULL, run_asker, a), 0);
}

static struct server_task *wait_for_task(void)
{
	struct pollfd fd = { .fd = server_fd(server), .events = POLLIN };
	struct server_task *task;

	cr_assert_eq(poll(&fd, 1, 10000), 1);
	task = server_take(server);
	cr_assert_not_null(task);
	return task;
}

Test(server, all_else_is_answered_by_the_main_thread)
{
	struct asker a = { .verb = VERB_ADD, .text = "f*", .timeout_ms = 10000 };
	struct server_task *task;

	start_asker(&a);
	task = wait_for_task();
	cr_assert_eq(server_request(task)->verb, VERB_ADD);
	cr_assert_str_eq(server_request(task)->text, "f*");
	cr_assert_null(server_take(server));
	server_answer(server, task, json_pack("{s:i}", "nodes", 2));
	pthread_join(a.thread, NULL);
	cr_assert_eq(a.err, 0, "%s", a.why);
	cr_assert_eq(json_integer_value(json_object_get(a.data, "nodes")), 2);
	json_decref(a.data);
}

Test(server, a_refusal_has_a_reason)
{
	struct asker a = { .verb = VERB_PAUSE, .timeout_ms = 10000 };

	start_asker(&a);
	server_refuse(server, wait_for_task(), "not today");
	pthread_join(a.thread, NULL);
	cr_assert_eq(a.err, -EREMOTEIO);
	cr_assert_str_eq(a.why, "not today");
}

Test(server, who_gives_up_waiting_takes_nothing_with_him)
{
	struct asker a = { .verb = VERB_LIST, .timeout_ms = 100 };
	struct server_task *task;
	struct trace_status s;
	char why[200];

	start_asker(&a);
	task = wait_for_task();
	pthread_join(a.thread, NULL);
	cr_assert_eq(a.err, -ETIMEDOUT);
	cr_assert_eq(client_status(&place, 5000, &s, why, sizeof(why)), 0);
	server_answer(server, task, NULL);
}

Test(server, who_waits_at_the_end_is_told)
{
	struct asker a = { .verb = VERB_LIST, .timeout_ms = 10000 };

	start_asker(&a);
	wait_for_task();
	server_stop(server);
	server = NULL;
	pthread_join(a.thread, NULL);
	cr_assert_eq(a.err, -EREMOTEIO);
	cr_assert_str_eq(a.why, "the trace has ended");
}

Test(server, descriptors_come_with_a_snapshot)
{
	struct request r;
	struct server_task *task;
	struct stat sent, came;
	char why[200];
	json_t *data = NULL;
	pid_t child;

	request_init(&r, VERB_SNAPSHOT);
	r.text = strdup("json");
	r.fds[0] = open("/dev/null", O_WRONLY);
	r.fds[1] = open("/dev/zero", O_RDONLY);
	cr_assert_eq(fstat(r.fds[1], &sent), 0);
	child = fork();
	if (!child) /* another process: its numbers mean nothing here */
		_exit(client_ask(&place, &r, 10000, &data, why, sizeof(why)) ? 1 : 0);
	task = wait_for_task();
	for (int i = 0; i < MESSAGE_FDS; i++) {
		cr_assert_geq(server_request(task)->fds[i], 0);
		cr_assert(fcntl(server_request(task)->fds[i], F_GETFD) & FD_CLOEXEC);
	}
	cr_assert_eq(fstat(server_request(task)->fds[1], &came), 0);
	cr_assert_eq(came.st_rdev, sent.st_rdev);
	server_answer(server, task, NULL);
	request_done(&r);
}

static int open_raw(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(addr.sun_path, place.path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) && errno != EAGAIN)
		cr_assert_fail("%s", strerror(errno));
	return fd;
}

Test(server, silent_peers_hold_up_nobody)
{
	struct trace_status s;
	char why[200] = "";
	int fds[100];

	for (int i = 0; i < 100; i++) {
		fds[i] = open_raw();
		if (i % 3 == 1 && write(fds[i], "{\"pathbpf\":1", 12) < 0)
			cr_assert_eq(errno, ENOTCONN);
	}
	cr_assert_eq(client_status(&place, 10000, &s, why, sizeof(why)), 0, "%s", why);
	for (int i = 0; i < 100; i++)
		close(fds[i]);
	cr_assert_eq(client_status(&place, 10000, &s, why, sizeof(why)), 0, "%s", why);
}

Test(server, descriptors_that_nobody_wants_are_closed)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
	} control = {};
	struct iovec part = { .iov_base = (void *)"xx", .iov_len = 2 };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	int fd = open_raw(), pipe_fds[2], many[8];
	struct pollfd p;

	cr_assert_eq(pipe(pipe_fds), 0);
	for (int i = 0; i < 8; i++)
		many[i] = pipe_fds[1];
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(many));
	memcpy(CMSG_DATA(&control.header), many, sizeof(many));
	for (int i = 0; i < 4; i++)
		cr_assert_eq(sendmsg(fd, &m, 0), 2);
	close(pipe_fds[1]);
	close(fd);
	/* Once nobody has the other end any more. */
	p = (struct pollfd){ .fd = pipe_fds[0] };
	cr_assert_eq(poll(&p, 1, 10000), 1);
	cr_assert(p.revents & POLLHUP);
}

Test(server, a_socket_without_its_process_is_cleaned_up)
{
	struct trace_socket dead = place;
	trace_socket_vec all = {};
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	dead.pid = 4194303;
	snprintf(strrchr(dead.path, '/') + 1, 32, "%u.sock", dead.pid);
	strcpy(addr.sun_path, dead.path);
	unlink(dead.path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(vec_push(&all, dead), 0);
	cr_assert_eq(vec_push(&all, place), 0);
	client_clean(&all);
	cr_assert_eq(all.n, 1);
	cr_assert_eq(all.v[0].pid, place.pid);
	cr_assert_eq(access(dead.path, F_OK), -1);
	cr_assert_eq(access(place.path, F_OK), 0);
	vec_done(&all);
	close(fd);
}

Test(server, a_process_is_what_its_sockets_name_says)
{
	struct trace_socket other = place;
	struct trace_status s;
	char why[200] = "";

	other.pid++;
	cr_assert_eq(client_status(&other, 5000, &s, why, sizeof(why)), -EPERM);
	other = place;
	other.owner++;
	cr_assert_eq(client_status(&other, 5000, &s, why, sizeof(why)), -EPERM);
}

Test(server, peers_are_asked_what_the_targets_pay)
{
	struct trace_status own = { .pid = 1, .pids = { 1 }, .pids_n = 1 };
	struct peers peers = {};
	struct peers_cost cost;

	peers_ask(&peers, &own, &cost);
	cr_assert_geq(cost.n, 1);
	cr_assert_geq(cost.target_pct, 2);
	peers_done(&peers);
}
