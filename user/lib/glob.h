/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shell globs over whole strings: `*` any bytes, `?` one byte, `[a-z]` `[!a-z]` `[^a-z]` one of
 * a class, `\x` the byte x. Nothing is special about '/' or a leading '.'. A '[' that no ']'
 * closes and a final backslash stand for themselves. Time is at most glob × text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool glob_match(const char *glob, const char *text);
/* True when the glob can match one text only: nothing in it is special. */
bool glob_is_literal(const char *glob);

/*
 * Length of the first element of a comma-separated list, at most `len`. What a backslash, a
 * class or a pair of () <> {} encloses does not separate, nor does the comma of C++'s
 * `operator,`; an opening bracket without its partner is an ordinary byte. From `@` to the end
 * of the element brackets mean nothing.
 */
size_t glob_element(const char *list, size_t len);
/* The first unprotected byte `c`, in the same sense, or `len`. */
size_t glob_index(const char *s, size_t len, char c);

/*
 * "a*,b*,!c*": true when one of the plain globs matches and none of those after a `!`. A list
 * of `!` globs alone takes away from everything. An empty element matches nothing.
 */
bool glob_list_match(const char *list, const char *text);
/*
 * The same of several lists as if they were one, and of a thing with two names, of which the
 * second may be NULL: a glob matches it by either. No lists, or empty ones, match everything.
 */
bool glob_lists_match(const char *const *lists, size_t n, const char *name, const char *other);
