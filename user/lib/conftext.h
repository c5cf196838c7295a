/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text of a configuration. A file has a setting a line:
 *
 *	# a comment
 *	frequency = 49          # another: after a blank
 *	output = "/tmp/a # b"   # quoted: \" \\ \n \r \t \xHH
 *
 * A list in a variable has its values between ';' or newlines; each may be quoted.
 */
#pragma once

#include <stddef.h>

struct buf;

#define CONF_LINE_MAX 16384 /* bytes */

/* A text that is being read; it is cut up where it stands. */
struct conf_text {
	char *next, *end; /* *end can be written */
	unsigned line;    /* that was read last; 0 at the beginning */
};

struct conf_pair {
	const char *key, *value; /* in the text */
};

/* 1: *ret is the next setting; 0: there is none; -EINVAL: `why` says what is wrong in c->line. */
int conf_next(struct conf_text *c, struct conf_pair *ret, char *why, size_t size);
/* The next value of a list, which is cut up where it stands; *p moves on. 1, 0, -EINVAL as above.
 */
int conf_list_next(char **p, const char **ret, char *why, size_t size);
/* Appends a value as conf_next() reads it back. */
void conf_quote(struct buf *b, const char *value);
