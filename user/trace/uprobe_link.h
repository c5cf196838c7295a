/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes on places of files: by one uprobe_multi link a batch where the kernel has it (6.6), by a
 * perf event each elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/vec.h"

struct bpf_link;
struct bpf_program;

/* More than this many probes are refused without uprobe_multi. */
#define UPROBES_PERF_MAX 64

/* Places in one file. */
struct uprobe_places {
	const char *path;
	unsigned long *offsets; /* file offsets */
	uint64_t *cookies;      /* one each; NULL: all are 0 */
	unsigned long
	    *semaphores; /* file offsets of counters to raise, 0: none; NULL: none at all */
	uint32_t n;
};

/* Links that are closed together. */
struct uprobe_links {
	VEC(int) fds;                 /* uprobe_multi */
	VEC(struct bpf_link *) links; /* perf events */
};

/*
 * One uprobe_multi link, in the process `pid` or (0) in all: a descriptor to close, or a negative
 * errno; -ENOTSUP: uprobes_prepare() found that this kernel has none.
 */
int uprobe_link_multi(struct bpf_program *prog, const struct uprobe_places *p, bool at_return,
		      uint32_t pid);

/*
 * Probes places of one file by whatever mechanism uprobe_prepare() has chosen. 0 or a negative
 * errno; what was attached before remains. -ENOSPC: without uprobe_multi there are too many.
 */
int uprobe_links_add(struct uprobe_links *l, struct bpf_program *prog,
		     const struct uprobe_places *p);
/* Closes all, at the same time. */
void uprobe_links_close(struct uprobe_links *l);

/* Before load: makes programs fit for the mechanism that this kernel has; true: uprobe_multi. */
bool uprobe_prepare(struct bpf_program *const *progs, size_t n);

/*
 * The same for a program that runs at a function's entry and at its return; false: this kernel has
 * no such probes, and the program shall not be loaded.
 */
bool uprobe_prepare_session(struct bpf_program *prog);

/* Was the program made fit for uprobe_multi? Sessions are of that kind. */
bool uprobe_is_multi(const struct bpf_program *prog);
bool uprobe_is_session(const struct bpf_program *prog);
/* One uprobe_multi link, kept with the others; -ENOEXEC: the program is not loaded. */
int uprobe_links_add_multi(struct uprobe_links *l, struct bpf_program *prog,
			   const struct uprobe_places *p, bool at_return);
/* A perf event, kept with the others. 0 or a negative errno. */
int uprobe_links_add_perf(struct uprobe_links *l, struct bpf_program *prog, const char *path,
			  uint64_t offset, uint64_t cookie, bool at_return);
/* Closes the uprobe_multi links from the first-th on, at the same time. */
void uprobe_links_close_from(struct uprobe_links *l, size_t first);
