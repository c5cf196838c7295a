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
#include "trace/gate.h"
#include "trace/objectfile.h"
#include "trace/plan.h"
#include "trace/uprobe_link.h"

struct uprobes;

/* What runs at the probes of a plan. */
struct uprobe_programs {
	struct bpf_program *enter, *leave;               /* functions */
	struct bpf_program *session;                     /* both ends of those, by return probe */
	struct bpf_program *go_enter, *go_leave;         /* Go functions */
	struct bpf_program *point;                       /* static probes */
	struct bpf_program *plugin_enter, *plugin_leave; /* entries of plugins */
	struct bpf_program *hooks[HOOKS];
};

/* Before load: as uprobe_prepare() does it. */
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
/*
 * Removes at once whatever group of probes a node is in, from any thread: the others in it are
 * attached anew by the next uprobes_release() and uprobes_attach(). False: it is in none.
 */
bool uprobes_cut(struct uprobes *u, uint32_t node);
/* The same for all groups. */
void uprobes_cut_all(struct uprobes *u);
/* Is anything cut that uprobes_release() has not let go? From any thread. */
bool uprobes_have_cut(struct uprobes *u);
/*
 * Removes the groups of the nodes that `which` chooses (NULL: of none) and those that were cut, and
 * waits until they are gone: all nodes in them count as not attached, and may be attached anew.
 */
void uprobes_release(struct uprobes *u, struct plan *plan,
		     bool (*which)(const struct plan_node *node, const void *arg), const void *arg);
/* Attaches windowed nodes for a moment, or ends that moment, from any thread. How many groups. */
uint32_t uprobes_window(struct uprobes *u, bool open);
/* The clocks by which that is told: see trace/gate.h. */
void uprobes_set_clock(struct uprobes *u, struct gate_time (*now)(void *arg), void *arg);
/*
 * The part of the time from `since` (NULL: when a node was first probed) until `end` that its
 * probes were attached. From any thread. NULL-safe.
 */
double uprobes_share(struct uprobes *u, uint32_t node, const struct gate_time *since,
		     struct gate_time end);
/* Nothing changes between these two: for a fork(), after which both sides let go. NULL-safe. */
void uprobes_hold(struct uprobes *u);
void uprobes_let_go(struct uprobes *u);
/* Removes all, and waits for it. NULL-safe. */
void uprobes_detach(struct uprobes *u);
void uprobes_free(struct uprobes *u);
DEFINE_CLEANUP(struct uprobes *, uprobes_free)
