/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The probe plan: which functions the user's SPECs name, in which objects, and how their returns
 * are seen. Pure look-up: nothing is probed here.
 *
 * A return probe replaces a return address on the target's stack. Whoever looks at that address
 * other than by `ret` may break. What the kernel's trampoline looks like to an unwinder is the end
 * of the stack: an exception on its way to a handler farther out finds none and aborts the
 * process. A stack that moves or is switched (Go, fibers) crashes it. So a return probe is planned
 * only when no object in any of the traced processes
 *   - handles exceptions (imports or contains __cxa_begin_catch, Rust's panics, an unwinder of its
 *     own): without a handler farther out an exception ends in an abort, probed or not. Libraries
 *     that are known never to catch what has passed through others do not count (hazard.c);
 *   - cancels or exits threads (pthread_cancel, pthread_exit) while one runs cleanup code in its
 *     frames: the C library unwinds to the end of the stack and then jumps to the thread's end;
 *     only such cleanup would be passed over;
 *   - sets up signal stacks: the kernel takes a frame on one that lies above the thread's own
 *     stack for the end of all calls below, and then kills the process when they return;
 *   - is written in Go, or switches stacks (makecontext, boost.context, libco);
 * and no process runs under seccomp on the kernels of CVE-2025-21834 (6.11 to 6.13).
 * Otherwise probes on the function's own `ret` instructions and tail jumps see the return instead
 * (trace/exits.h). Go functions are always followed so, by goroutine. Functions of processes that
 * switch stacks are refused: their calls would be held against the wrong stack.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"
#include "trace/entrysite.h"
#include "trace/exits.h"
#include "trace/hazard.h"
#include "trace/hooks.h"
#include "trace/objectfile.h"
#include "trace/process.h"
#include "trace/spec.h"

/* A place in a file that is probed on behalf of a node. */
struct plan_place {
	uint64_t offset;    /* file offset */
	uint64_t semaphore; /* file offset of a static probe's counter; 0: none */
	uint32_t args;      /* index into plan.args + 1: what is recorded there; 0: nothing */
};

/* How a node's calls are seen. */
enum plan_how {
	PLAN_RETURN_PROBE, /* by a return probe */
	PLAN_RETURN_SITES, /* by probes on its own ends */
	PLAN_GOROUTINE,    /* the same, kept by goroutine */
	PLAN_POINT,        /* it has no end: a static probe */
	PLAN_SYSCALL,      /* by the tracepoints of system calls */
	PLAN_KERNEL,       /* by the kernel's own function tracing */
};

struct plan_node {
	char *name; /* owned; demangled */
	enum plan_how how;
	uint32_t object; /* index into the object files, or OBJECT_NONE */
	uint64_t offset; /* file offset of the function's first instruction */
	uint64_t addr, size;
	struct entry_site entry;      /* where its entry is probed, seen from `offset` */
	uint32_t first_site, sites;   /* in plan.sites: where it ends */
	bool restarts;                /* its beginning may run again within a call */
	uint32_t first_place, places; /* in plan.places: of a static probe */
	uint32_t args;                /* index into plan.args + 1; 0: none are recorded */
	uint32_t nr;                  /* of a system call */
	uint32_t plugin;              /* an entry of this plugin: its index + 1; 0: of none */
	uint32_t serves;              /* the same of one that a SPEC has named */
	uint64_t text_addr,
	    text_size;   /* then: where the code of its object lies in the file's space */
	uint32_t btf_id; /* of a kernel function; 0: the kernel's types do not have it */
	struct spec_pred pred;
	uint8_t go_result; /* the result register that tells of an error: see sym/rettype.h */
	bool go_error;     /* its errors are Go's */
	bool pred_by_type; /* the user said nothing: its type did */
	bool ambiguous;    /* several kernel functions have its name */
	bool attached;     /* its probes are live */
	bool refused;      /* the kernel would not have them */
	bool gone;         /* one was missing in memory: see trace/textwatch.h */
	bool detached;     /* its plugin is gone for now, and so are its probes */
	bool costly;       /* it cost too much: it is not probed any more */
	bool windowed;     /* it costs too much to be probed all the time: it is for moments */
	bool inner;        /* by the stacks, others that were chosen are its callers always */
	double value;      /* of one that was chosen: time under it; where paths begin, much more */
	bool automatic;    /* nobody named it: it was chosen by what the stacks say */
	bool regroup;      /* it is to be attached in another way */
	bool removed;      /* taken off on request; what was counted stays */
	bool later;        /* of a plugin: was detached an odd number of times */
};

/* A function that was asked for and is not probed. */
struct plan_skip {
	char *name;      /* owned */
	char *why;       /* owned */
	uint32_t object; /* or OBJECT_NONE */
};

/* The plugin that a node is an entry of: its index + 1, or 0. */
static inline uint32_t plan_node_plugin(const struct plan_node *node)
{
	return node->plugin ? node->plugin : node->serves;
}

struct plan_arg {
	char label[8]; /* "arg1" */
	uint8_t type;  /* enum spec_arg_type */
	struct {
		int64_t value;
		uint8_t place, reg, index, shift; /* as struct pb_arg of bpf/wire.h has them */
		int8_t size;
	} from;
};

struct plan_args {
	struct plan_arg v[SPEC_ARGS_MAX];
	uint32_t n;
	bool kernel; /* of a kernel function */
};

struct plan {
	VEC(struct spec) specs;      /* owned; the later one decides */
	uint32_t only;               /* index + 1: look for what this one names; 0: for all */
	VEC(struct plan_node) nodes; /* a node's id is its index */
	exit_vec sites;
	VEC(struct plan_place) places;
	VEC(struct plan_args) args;
	hook_vec hooks;
	VEC(struct plan_skip) skipped;
	struct table node_index;   /* (object, offset) → node */
	struct table object_index; /* objects looked at */
	struct table name_index;   /* static probes: name → node */
	struct table hazard_index; /* objects whose hazards and hooks are known */
	bool syscalls_planned, kernel_planned;
	uint64_t maps_seen;   /* processes.maps_changes when last looked */
	bool renewed;         /* what is attached is no longer safe: attach all nodes anew */
	bool has_go;          /* of what is planned, something is written in Go */
	uint32_t goid_offset; /* then: where runtime.g has the goroutine's number */
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
int plan_update_program(struct plan *p, struct object_files *objects, uint32_t exe,
			const char *run_as);
/* Looks for what stands against probes in all objects that were not looked at. 0 or -ENOMEM. */
int plan_hazards(struct plan *p, struct object_files *objects);
/* Is anything of this kind asked for? */
bool plan_wants(const struct plan *p, enum spec_kind kind);
/* Is anything asked for beside kernel functions, or is one of these probed? */
bool plan_has_probes(const struct plan *p);
/* Takes note of something that is not probed; strings are copied. */
void plan_add_skip(struct plan *p, uint32_t object, const char *name, const char *why);
/* Is there a SPEC whose BINARY fits none of the known objects (yet)? Then which. */
bool plan_waits(const struct plan *p, const char **ret_binary);
void plan_done(struct plan *p);
