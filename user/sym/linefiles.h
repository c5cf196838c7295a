/* SPDX-License-Identifier: GPL-2.0-only */
/* The folders and files that a line program names, and their paths. */
#pragma once

#include "sym/cursor.h"
#include "sym/linetable.h"

/* Reads the tables of version 5 (by their own descriptions). 0, -EBADMSG, -EFBIG or -ENOMEM. */
int linefiles_read(const struct line_sections *s, struct cursor *c, size_t offset_size,
		   struct linetable *t);
/* Those of versions 2 to 4. */
int linefiles_read_old(struct cursor *c, struct linetable *t);
/* A file that the program itself adds. */
int linefiles_define(struct cursor *c, struct linetable *t);
