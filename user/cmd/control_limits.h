/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits that can be looked at and set while a trace runs: a row each. What is set holds from now
 * on, and the report tells it as if it had been given on the command line.
 */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "serve/message.h"

struct control_subject;

/* All of them, by name: a new object, or NULL. */
json_t *control_limits(const struct control_subject *on);
/* Sets what a request names: all or nothing. 0, or -EINVAL with a sentence in why. */
int control_limits_set(const struct control_subject *on, const struct request *r, char *why,
		       size_t why_size);
