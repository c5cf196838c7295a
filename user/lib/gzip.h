/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes a gzip file (RFC 1952) from memory. */
#pragma once

#include <stdio.h>

#include "lib/buf.h"

/* 0 or a negative errno; write errors are left in the stream. */
int gzip_write(const struct buf *b, FILE *out);
