/* SPDX-License-Identifier: GPL-2.0-only */
/* Static probes and system calls become nodes of the plan. */
#pragma once

#include "trace/plan_node.h"

/* The static probes of an object that SPECs name; 0 or -ENOMEM. */
int plan_usdt(struct plan_object *o);
/* The system calls that SPECs name; once. 0 or -ENOMEM. */
int plan_syscalls(struct plan *p);
/*
 * Does a SPEC's BINARY name this object? run_as: of an executable, what its process is called,
 * which may be another name than the file's (/usr/bin/redis-server is a link); else NULL.
 */
bool plan_spec_covers(const struct spec *s, const char *path, const char *run_as);
