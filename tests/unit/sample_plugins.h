/* SPDX-License-Identifier: GPL-2.0-only */
/* Plugins of every kind for the sample report. */
#pragma once

#include "data/report.h"

/* Indices of the plugins that sample_add_plugins() adds. */
enum sample_plugin {
	P_GOOD,       /* mod_good.so: was there at attach, 1000 executions, none failed */
	P_BAD,        /* mod_bad.so: fails, throws, hangs, eats memory; was unloaded */
	P_BAD_AGAIN,  /* mod_bad.so#2: another file of that name, still loaded */
	P_BROKEN,     /* broken.so: three loads, all failed */
	P_DEPENDENCY, /* libdep.so.1: came along with mod_good.so, is not traced */
	P_HOSTILE,    /* its name breaks whatever does not clean it */
	P_COUNT,
};

/*
 * Adds them to a sample_report(), with events, samples under them and ten windows of a second.
 * The report's totals still agree with their parts.
 */
void sample_add_plugins(struct report *r);

/* Adds an activity of one second: of a plugin, or of a path, the other being REPORT_NONE. */
void sample_add_activity(struct report *r, uint32_t plugin, uint32_t path, uint64_t second,
			 uint64_t calls, uint64_t errors, uint64_t total_ns);
