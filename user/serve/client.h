/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking a running trace. Whoever answers is not trusted: all is bounded in size and in time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "serve/message.h"
#include "serve/rundir.h"
#include "serve/status.h"

/*
 * Sends a request to a trace and waits for its answer, timeout_ms at most: 0 with the reference to
 * its data; -ECONNREFUSED, -ENOENT: nobody listens there; -EPERM: it is not who it should be, or
 * refuses us; -ETIMEDOUT; -EREMOTEIO, -EPROTO: see answer_parse(). why is filled on any error.
 */
int client_ask(const struct trace_socket *s, const struct request *r, int timeout_ms,
	       json_t **ret_data, char *why, size_t why_size);
/* Its status; as above. */
int client_status(const struct trace_socket *s, int timeout_ms, struct trace_status *ret, char *why,
		  size_t why_size);
/* Removes the sockets of traces that are gone, from the list and from their folders. */
void client_clean(trace_socket_vec *all);
