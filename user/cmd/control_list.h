/* SPDX-License-Identifier: GPL-2.0-only */
/* `pathbpf ctl PID list`: what is traced and probed. */
#pragma once

#include <jansson.h>

struct control_subject;
struct trace_status;

/* A new object, or NULL. */
json_t *control_list(const struct control_subject *on, const struct trace_status *status);
