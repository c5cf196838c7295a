/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel functions become nodes of the plan. Candidates are the kernel's symbols; which of them
 * can be traced tells the kernel's own list where tracefs is mounted, else its types do, which
 * name functions only, and marks among the symbols. What a function returns tell the types.
 */
#pragma once

#include <stdio.h>

struct btf;
struct plan;

/* What the kernel says of its functions. */
struct kernel_sources {
	FILE *symbols;         /* as /proc/kallsyms */
	FILE *traceable;       /* as tracefs's available_filter_functions; NULL: not to be had */
	const struct btf *btf; /* NULL: not to be had */
};

/* Plans the kernel functions that SPECs name; once. 0 or a negative errno. */
int plan_kernel(struct plan *p);
/* The same from given sources. Number of new nodes, or a negative errno. */
int plan_kernel_from(struct plan *p, const struct kernel_sources *src);
