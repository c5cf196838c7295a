/* SPDX-License-Identifier: GPL-2.0-only */
/* "Did you mean": function names close to a SPEC that matched nothing. */
#pragma once

#include <stddef.h>

struct object_files;
struct plan;

/* Comma-separated into buf, a handful at most; "" when there are none. */
void near_misses(const struct plan *p, struct object_files *objects, const char *text, char *buf,
		 size_t size);
