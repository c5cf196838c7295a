/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking a running trace. */
#include "serve/client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

#define RETRY_MS 20

struct ask {
	int fd;
	uint64_t end_ns;
};

/* Milliseconds that are left, 0 at least. */
static int left_ms(const struct ask *a)
{
	uint64_t now_ns = clock_monotonic_ns();

	return now_ns < a->end_ns ? (int)((a->end_ns - now_ns) / 1000000) + 1 : 0;
}

static int wait_for(const struct ask *a, short events)
{
	struct pollfd fd = { .fd = a->fd, .events = events };
	int ms, n;

	do {
		ms = left_ms(a);
		n = ms ? poll(&fd, 1, ms) : 0;
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}

static int connect_to(struct ask *a, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->fd < 0)
		return -errno;
	while (connect(a->fd, (const struct sockaddr *)&addr, sizeof(addr))) {
		if (errno != EAGAIN) /* too many wait already */
			return -errno;
		if (!left_ms(a))
			return -ETIMEDOUT;
		poll(NULL, 0, RETRY_MS);
	}
	return 0;
}

/* Is it the process that the name says, of a user that we may trust? */
static int check_peer(int fd, const struct trace_socket *s)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return -errno;
	if ((uint32_t)peer.pid != s->pid || peer.uid != s->owner)
		return -EPERM;
	return peer.uid == 0 || peer.uid == geteuid() || geteuid() == 0 ? 0 : -EPERM;
}

/* The first piece, with which the descriptors travel. */
static ssize_t send_with_fds(int fd, const char *data, size_t len, const struct request *r)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS)];
	} control = {};
	struct iovec part = { .iov_base = (char *)data, .iov_len = len };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	int fds[MESSAGE_FDS];
	size_t n = 0;

	for (int i = 0; i < MESSAGE_FDS; i++) {
		if (r->fds[i] >= 0)
			fds[n++] = r->fds[i];
	}
	if (n) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n);
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static int send_request(const struct ask *a, const struct request *r)
{
	_cleanup_free_ char *line = request_format(r);
	size_t len = line ? strlen(line) : 0, sent = 0;
	int err = line ? 0 : -ENOMEM;

	while (!err && sent < len) {
		ssize_t n = sent ? send(a->fd, line + sent, len - sent, MSG_NOSIGNAL)
				 : send_with_fds(a->fd, line, len, r);

		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			err = wait_for(a, POLLOUT);
		else if (n < 0 && errno != EINTR)
			return -errno;
	}
	return err;
}

/* A line, up to its end or the peer's. */
static int receive_line(const struct ask *a, struct buf *line)
{
	char piece[16384];
	int err = 0;

	while (!err) {
		ssize_t n = recv(a->fd, piece, sizeof(piece), 0);

		if (n > 0) {
			const char *end = memchr(piece, '\n', (size_t)n);

			buf_add(line, piece, end ? (size_t)(end - piece) : (size_t)n);
			if (end || line->err)
				return line->err;
			if (line->len > MESSAGE_ANSWER_MAX)
				return -EPROTO;
		} else if (!n) {
			return line->len ? 0 : -ECONNRESET;
		} else if (errno == EAGAIN) {
			err = wait_for(a, POLLIN);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return err;
}

static const char *reason(int err)
{
	switch (-err) {
	case ECONNREFUSED:
	case ENOENT:
		return "no trace listens there";
	case EPERM:
	case EACCES:
		return "it is another user's";
	case ETIMEDOUT:
		return "it does not answer";
	case ECONNRESET:
	case EPIPE:
		return "it went without an answer";
	default:
		return strerror(-err);
	}
}

int client_ask(const struct trace_socket *s, const struct request *r, int timeout_ms,
	       json_t **ret_data, char *why, size_t why_size)
{
	struct ask a = { .fd = -1,
			 .end_ns = clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000 };
	_cleanup_(buf_done) struct buf line = {};
	int err = connect_to(&a, s->path);

	err = err ? err : check_peer(a.fd, s);
	err = err ? err : send_request(&a, r);
	/* Whoever refused us has said so before it read, and then went. */
	if (!err || err == -EPIPE || err == -ECONNRESET)
		err = receive_line(&a, &line);
	if (a.fd >= 0)
		close(a.fd);
	if (!err)
		return answer_parse(buf_str(&line), line.len, ret_data, why, why_size);
	snprintf(why, why_size, "%s", reason(err));
	return err;
}

int client_status(const struct trace_socket *s, int timeout_ms, struct trace_status *ret, char *why,
		  size_t why_size)
{
	struct request r;
	json_t *data = NULL;
	int err;

	request_init(&r, VERB_STATUS);
	err = client_ask(s, &r, timeout_ms, &data, why, why_size);
	if (err)
		return err;
	err = status_parse(data, ret);
	json_decref(data);
	if (!err && ret->pid != s->pid)
		err = -EPROTO;
	if (err)
		snprintf(why, why_size, "its status is not to be understood");
	return err;
}

/* A socket that nobody has open refuses; one that is busy does not. */
static bool is_dead(const struct trace_socket *s)
{
	struct ask a = { .fd = -1 };
	int err = connect_to(&a, s->path);

	if (a.fd >= 0)
		close(a.fd);
	return err == -ECONNREFUSED;
}

void client_clean(trace_socket_vec *all)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (is_dead(&all->v[i]))
			unlink(all->v[i].path);
		else
			all->v[n++] = all->v[i];
	}
	all->n = n;
}
