/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is said on a trace's socket: one request, one answer, each a line of JSON, then both sides
 * close. Whatever comes from the other side is checked and bounded before it is believed.
 *
 *	{"pathbpf": 1, "do": "add", "text": "libfoo.so:parse_*"}
 *	{"pathbpf": 1, "do": "limits", "settings": {"max-overhead": "2"}}
 *	{"pathbpf": 1, "ok": true, "data": {...}}
 *	{"pathbpf": 1, "ok": false, "error": "nothing matches"}
 *
 * "pathbpf" is the version of this protocol. A snapshot's request carries the descriptors of the
 * files to write, so that names are looked up by whoever asks, with his own rights.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "lib/cleanup.h"
#include "lib/vec.h"

#define MESSAGE_VERSION      1
#define MESSAGE_REQUEST_MAX  65536     /* bytes of a line */
#define MESSAGE_ANSWER_MAX   (8 << 20) /* the same */
#define MESSAGE_TEXT_MAX     8192      /* of a string in a request */
#define MESSAGE_SETTINGS_MAX 16
#define MESSAGE_FDS          2

enum verb {
	VERB_STATUS,
	VERB_LIST,
	VERB_ADD,
	VERB_REMOVE,
	VERB_PAUSE,
	VERB_RESUME,
	VERB_LIMITS,
	VERB_SNAPSHOT,
	VERB_STOP,
	VERB_EMERGENCY_STOP,
	VERBS
};

struct limit_setting {
	char *name, *value; /* owned */
};

struct request {
	enum verb verb;
	char *text; /* owned: add, remove: a SPEC; snapshot: a format's name; else NULL */
	VEC(struct limit_setting) settings; /* limits: to be set */
	int fds[MESSAGE_FDS];               /* owned: snapshot: what to write to; -1: none */
};

/* Its descriptors are none, not 0. */
void request_init(struct request *r, enum verb verb);
void request_done(struct request *r);

/* "emergency-stop", … */
const char *verb_name(enum verb v);
/* VERBS: there is none of that name. */
enum verb verb_of(const char *name);

/*
 * A line, without its end, as a request. 0, -ENOMEM, or -EPROTO with a sentence in why, which names
 * what is wrong. ret is initialised in any case.
 */
int request_parse(const char *line, size_t len, struct request *ret, char *why, size_t why_size);
/* The other way, with the end of the line; descriptors go another way. On the heap; NULL: no
 * memory. */
char *request_format(const struct request *r);

/* A line with its end, on the heap; NULL: no memory. Takes the reference to data, which may be
 * NULL. */
char *answer_format(json_t *data);
char *answer_format_error(const char *error);
/*
 * A line as an answer: 0 with the reference to its data (an empty object where there was none);
 * -EREMOTEIO: the other side could not do it, and says why; -EPROTO: it is none of this version.
 */
int answer_parse(const char *line, size_t len, json_t **ret_data, char *why, size_t why_size);
