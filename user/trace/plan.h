/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The probe plan: which functions the user's SPECs name, in which objects, and how their returns
 * are seen. Pure look-up: nothing is probed here.
 *
 * A return probe replaces a return address on the target's stack. Whoever looks at that address
 * other than by `ret` breaks: an unwinder (C++ exceptions, Rust panics, pthread_cancel's forced
 * unwinding) aborts the process, a stack that moves or is switched (Go, fibers) crashes it. So a
 * return probe is planned only when no code in any of the traced processes can do that:
 *   - no mapped object throws or contains an unwinder (libstdc++, libgcc_s, Rust), or cancels or
 *     exits threads, which unwinds them,
 *   - none sets up signal stacks: the kernel takes a frame on one that lies above the thread's own
 *     stack for the end of all calls below, and then kills the process when they return,
 *   - none is written in Go, none switches stacks (makecontext, boost.context, libco),
 *   - no process runs under seccomp on the kernels of CVE-2025-21834 (6.11 to 6.13).
 * Where only unwinding or seccomp is in the way, probes on the function's own `ret` instructions
 * and tail jumps see the return instead (trace/exits.h). Go and fibers are refused: their
 * calls would be held against the wrong stack.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"
#include "trace/exits.h"
#include "trace/hazard.h"
#include "trace/objectfile.h"
#include "trace/process.h"
#include "trace/spec.h"

struct plan_node {
	char *name;      /* owned; demangled */
	uint32_t object; /* index into the object files */
	uint64_t offset; /* file offset of the function's first instruction */
	uint64_t addr, size;
	struct spec_pred pred;
	uint32_t first_site, sites; /* in plan.sites; 0 sites: a return probe */
	bool entry_emulated;        /* the kernel need not single-step its first instruction */
	bool attached;              /* its probes are live */
	bool refused;               /* the kernel would not have them */
};

/* A function that was asked for and is not probed. */
struct plan_skip {
	char *name; /* owned */
	char *why;  /* owned */
};

struct plan {
	VEC(struct spec) specs;      /* owned */
	VEC(struct plan_node) nodes; /* a node's id is its index */
	exit_vec sites;
	VEC(struct plan_skip) skipped;
	struct table node_index;   /* (object, offset) → node */
	struct table object_index; /* objects looked at */
	uint64_t maps_seen;        /* processes.maps_changes when last looked */
	bool renewed;              /* what is attached is no longer safe: attach all nodes anew */
	enum hazard_kind planned_for; /* the hazard that the nodes are planned for */
	struct hazard hazard;         /* what stands against return probes in these processes */
};

#define PLAN_NODES_MAX 16384

/* Parses and adds a SPEC; -EINVAL with msg filled when it is malformed or not supported here. */
int plan_add_spec(struct plan *p, const char *text, char *msg, size_t msg_size);
/*
 * Looks for the SPECs' functions in all objects that the processes have mapped and that were not
 * looked at before. Number of new nodes, or a negative errno.
 */
int plan_update(struct plan *p, struct object_files *objects, struct processes *processes);
/*
 * The same for a program that will be run (-- COMMAND), before it is: itself, and the shared
 * objects that it names and the loader will find.
 */
int plan_update_program(struct plan *p, struct object_files *objects, uint32_t exe);
/* Is there a SPEC whose BINARY fits none of the known objects (yet)? Then which. */
bool plan_waits(const struct plan *p, const struct object_files *objects, const char **ret_binary);
void plan_done(struct plan *p);
