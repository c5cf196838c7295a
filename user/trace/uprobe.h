/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry and return probes on the functions of a plan: one uprobe_multi link a batch where the
 * kernel has it (6.6), a perf event each elsewhere, of which there may be few because the kernel
 * takes about 0.1 s to remove each.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "trace/objectfile.h"
#include "trace/plan.h"

struct bpf_program;
struct uprobes;

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

/* What runs at the probes of a plan. */
struct uprobe_programs {
	struct bpf_program *enter, *leave;               /* functions */
	struct bpf_program *go_enter, *go_leave;         /* Go functions */
	struct bpf_program *point;                       /* static probes */
	struct bpf_program *plugin_enter, *plugin_leave; /* entries of plugins */
	struct bpf_program *hooks[HOOKS];
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
/* The same for those of a plan. */
void uprobes_prepare(const struct uprobe_programs *progs);
int uprobes_open(const struct uprobe_programs *progs, struct uprobes **ret);
/*
 * Probes every node and hook of the plan that is not attached yet. Functions that the kernel
 * refuses are moved to plan->skipped with the reason. 0, or a negative errno when nothing works.
 */
int uprobes_attach(struct uprobes *u, struct plan *plan, struct object_files *objects);
/* The same for the entries of a plugin alone, which there is little time for. */
int uprobes_attach_plugin(struct uprobes *u, struct plan *plan, const struct object_files *objects,
			  uint32_t object);
/*
 * Removes the probes of a plugin's entries in an object, in the background: they may still be hit
 * for a moment. NULL-safe.
 */
void uprobes_detach_plugin(struct uprobes *u, struct plan *plan, uint32_t object);
void uprobes_detach(struct uprobes *u);
void uprobes_free(struct uprobes *u);
DEFINE_CLEANUP(struct uprobes *, uprobes_free)
