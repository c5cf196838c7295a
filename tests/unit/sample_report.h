/* SPDX-License-Identifier: GPL-2.0-only */
/* A report with one of everything, for the tests of the model and of every view. */
#pragma once

#include "data/report.h"

/*
 * The caller owns it (report_free()); NULL when out of memory. Its totals agree with its parts:
 * cpu.samples is the sum over cpu_samples, offcpu.total_ns over offcpu_samples, a path's errors
 * over its error types, and so on. Some names are hostile.
 */
struct report *sample_report(void);

struct view;

/* What a view writes, as a string on the heap; aborts when it fails. */
char *sample_render(const struct view *view, const struct report *r);
