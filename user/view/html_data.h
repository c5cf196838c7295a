/* SPDX-License-Identifier: GPL-2.0-only */
/* What the script of the HTML report works on: the report as one JSON object. */
#pragma once

#include "lib/buf.h"

struct report;

/*
 * Appends the object, fit to stand inside a <script> element: it holds no '<', '>' or '&'. Names
 * stand once, in "strings"; elsewhere they are numbers into it, -1 for none. Records are plain
 * arrays, whose columns user/view/html/tree.js names. 0 or -ENOMEM.
 */
int html_data(struct buf *b, const struct report *r);
