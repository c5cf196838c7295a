/* SPDX-License-Identifier: GPL-2.0-only */
/* One peer of the control socket: a request comes in, an answer goes out. Never blocks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "serve/message.h"

enum connection_state {
	CONNECTION_READS,
	CONNECTION_WAITS, /* for the main loop's answer */
	CONNECTION_WRITES,
	CONNECTION_ENDS, /* to be closed */
};

struct connection {
	int fd;
	enum connection_state state;
	uint64_t until_ns; /* of this state: it ends without, then */
	struct buf in;
	int fds[MESSAGE_FDS]; /* received; -1: none */
	char *out;            /* owned */
	size_t out_len, out_done;
};

/* Takes the descriptor. On the heap; NULL: no memory, and it is closed. */
struct connection *connection_new(int fd);
void connection_free(struct connection *c);
/* Is the peer root, or the user that this process runs as? */
bool connection_is_allowed(const struct connection *c);
/* Reads what is there. True: a whole request has come, with its descriptors. */
bool connection_read(struct connection *c, struct request *ret);
/* Says a line and ends. Takes it; NULL: ends without. */
void connection_say(struct connection *c, char *line);
/* Writes what can be written. */
void connection_write(struct connection *c);
/* Its time is up. */
void connection_expire(struct connection *c, uint64_t now_ns);
