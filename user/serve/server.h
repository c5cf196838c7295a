/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket of a running trace, in a thread of its own. That thread answers by itself what
 * must not depend on the main loop: who traces what, and the emergency stop. All else waits for the
 * main loop to take it.
 *
 * Root and the trace's own user are served, nobody else. A peer that is slow, silent or hostile
 * costs a connection for some seconds, and the trace nothing.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "lib/cleanup.h"
#include "serve/message.h"
#include "serve/status.h"

struct server;

struct server_options {
	/* By the server's thread: stops everything; the reference to what is to be told, or NULL.
	 */
	json_t *(*emergency_stop)(void *arg);
	void *arg;
};

/* 0, or a negative errno: then why says what could not be had. */
int server_start(const struct server_options *opt, struct server **ret, char *why, size_t why_size);
/* Answers what waits, removes the socket. NULL-safe, as are all of these. */
void server_stop(struct server *s);
DEFINE_CLEANUP(struct server *, server_stop)

/* What is told of the trace from now on. By the main thread. */
void server_publish(struct server *s, const struct trace_status *status);

/* Readable when a request waits for the main thread; -1: there will be none. */
int server_fd(const struct server *s);

/* A request that the main thread has taken. */
struct server_task;

/* The next one, or NULL. Each is to be answered, once. */
struct server_task *server_take(struct server *s);
/* Valid until it is answered. */
struct request *server_request(struct server_task *task);
/* Takes the reference to data, which may be NULL. */
void server_answer(struct server *s, struct server_task *task, json_t *data);
void server_refuse(struct server *s, struct server_task *task, const char *error);
