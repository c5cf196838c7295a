/* SPDX-License-Identifier: GPL-2.0-only */
/* One peer of the control socket. */
#include "serve/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"

#define READ_NS  5000000000ULL  /* for a request to come */
#define WRITE_NS 10000000000ULL /* for an answer to be taken */
#define FDS_MAX  16             /* more in one message are the kernel's to drop */

struct connection *connection_new(int fd)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->fd = fd;
	c->until_ns = clock_monotonic_ns() + READ_NS;
	for (int i = 0; i < MESSAGE_FDS; i++)
		c->fds[i] = -1;
	return c;
}

void connection_free(struct connection *c)
{
	if (!c)
		return;
	close(c->fd);
	for (int i = 0; i < MESSAGE_FDS; i++) {
		if (c->fds[i] >= 0)
			close(c->fds[i]);
	}
	buf_done(&c->in);
	free(c->out);
	free(c);
}

bool connection_is_allowed(const struct connection *c)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return !getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

void connection_say(struct connection *c, char *line)
{
	free(c->out);
	c->out = line;
	c->out_len = line ? strlen(line) : 0;
	c->out_done = 0;
	c->state = line ? CONNECTION_WRITES : CONNECTION_ENDS;
	c->until_ns = clock_monotonic_ns() + WRITE_NS;
}

/* Keeps as many as a request can use; others are not wanted. */
static void take_fds(struct connection *c, struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n =
		    h->cmsg_len >= CMSG_LEN(0) ? (h->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd, k = 0;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(fd), sizeof(fd));
			while (k < MESSAGE_FDS && c->fds[k] >= 0)
				k++;
			if (k < MESSAGE_FDS)
				c->fds[k] = fd;
			else
				close(fd);
		}
	}
}

/* 0: more may come; 1: a line is whole; a negative errno: none will be. */
static int receive(struct connection *c)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	char piece[4096];
	struct iovec part = { .iov_base = piece, .iov_len = sizeof(piece) };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	const char *end;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	take_fds(c, &m);
	if (!n)
		return -ECONNRESET;
	end = memchr(piece, '\n', (size_t)n);
	buf_add(&c->in, piece, end ? (size_t)(end - piece) : (size_t)n);
	return c->in.err ? c->in.err : c->in.len > MESSAGE_REQUEST_MAX ? -EMSGSIZE : end != NULL;
}

bool connection_read(struct connection *c, struct request *ret)
{
	char why[160];
	int n = receive(c);

	if (n == -EMSGSIZE) {
		connection_say(c, answer_format_error("this request is too long"));
		return false;
	}
	if (n < 0)
		c->state = CONNECTION_ENDS;
	if (n <= 0)
		return false;
	if (request_parse(buf_str(&c->in), c->in.len, ret, why, sizeof(why))) {
		connection_say(c, answer_format_error(why));
		return false;
	}
	memcpy(ret->fds, c->fds, sizeof(ret->fds));
	for (int i = 0; i < MESSAGE_FDS; i++)
		c->fds[i] = -1;
	return true;
}

void connection_write(struct connection *c)
{
	ssize_t n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done,
			 MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		c->out_done += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->state = CONNECTION_ENDS;
	if (c->out_done == c->out_len)
		c->state = CONNECTION_ENDS;
}

void connection_expire(struct connection *c, uint64_t now_ns)
{
	if (now_ns < c->until_ns)
		return;
	if (c->state == CONNECTION_WAITS)
		connection_say(c, answer_format_error("its main loop does not answer; "
						      "'emergency-stop' works all the same"));
	else
		c->state = CONNECTION_ENDS;
}
