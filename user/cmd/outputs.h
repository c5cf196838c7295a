/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results into files: each is written beside its place and renamed when it is whole, so that a
 * full disk costs neither an older result nor the other outputs.
 */
#pragma once

#include "cmd/record_options.h"

struct report;

/* Before the trace: are all places writable? 0, or a negative errno after saying why. */
int outputs_check(struct record_options *o);
/* x.folded → x.offcpu.folded, on the heap; NULL: out of memory. */
char *output_companion_name(const char *file, const char *suffix);
/* Writes all; goes on after a failure. 0, or the first negative errno; each has been reported. */
int outputs_write(struct record_options *o, const struct report *r);
