/* SPDX-License-Identifier: GPL-2.0-only */
/* What `pathbpf ctl` changes of a running trace: functions that come and go, pauses. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/vec.h"

struct control_subject;
struct report;

enum action_kind { ACTION_ADD, ACTION_REMOVE };

/* What was done, for the report. */
struct action {
	enum action_kind kind;
	char *text;       /* owned: the SPEC */
	uint64_t time_ns; /* since the trace began */
	uint32_t nodes;
};

typedef VEC(struct action) action_vec;

void actions_done(action_vec *a);
/* Tells the report of them. */
void actions_tell(const action_vec *a, struct report *r);

/*
 * Each: 0 with what is to be answered (a new object, or NULL), or a negative errno with a sentence
 * in why; then nothing has changed.
 */
int control_add(action_vec *a, const struct control_subject *on, const char *spec, json_t **ret,
		char *why, size_t why_size);
int control_remove(action_vec *a, const struct control_subject *on, const char *spec, json_t **ret,
		   char *why, size_t why_size);
int control_pause(const struct control_subject *on, json_t **ret, char *why, size_t why_size);
int control_resume(const struct control_subject *on, json_t **ret, char *why, size_t why_size);
