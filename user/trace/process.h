/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processes of a trace as they are known in user space: name, executable, mappings. Mappings
 * are read when a process is first seen, again when it maps code or when an address is not found,
 * and a forked child starts with its parent's, so that even one that lived for a moment resolves.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/table.h"
#include "lib/vec.h"
#include "target/maps.h"
#include "trace/jitcode.h"
#include "trace/objectfile.h"

struct process {
	uint32_t pid, ppid;
	char comm[16];
	char *exe; /* owned; NULL: not known */
	bool kernel_thread, gone;
	bool live;                            /* traced, and not ended */
	bool ended;                           /* its exit was seen */
	int status;                           /* as wait(2) gives it, when ended */
	uint64_t start_time;                  /* see struct proc_info */
	uint64_t base_cpu_ns;                 /* what it had used when it was first seen */
	bool stacks_wanted;                   /* it is, or may be, sampled: unwind tables help */
	mapping_vec maps;                     /* .object is an index into the object files */
	uint32_t maps_version;                /* counts what changed in them; 0: never read */
	uint64_t maps_read_ns, maps_retry_ns; /* monotonic: when read, and how long to wait */
	struct jitcode *jit;                  /* owned; NULL: not asked for yet */
	uint32_t target;                      /* its index in the report, once there */
};

struct processes {
	struct table index;
	VEC(struct process *) all; /* in the order of their appearance */
	uint64_t maps_changes;     /* counts readings of mappings: somebody may have new objects */
};

void processes_done(struct processes *p);
/* The process of that PID, entered and read from /proc when new; NULL: out of memory. */
struct process *process_of(struct processes *p, struct object_files *o, uint32_t pid);
/* Enters a process whose program is still to come; nothing of it is read before its exec. */
struct process *process_expect(struct processes *p, uint32_t pid);
/* A child was forked: it begins as a copy of its parent. */
struct process *process_fork(struct processes *p, struct object_files *o, uint32_t parent,
			     uint32_t child);
/* Reads the mappings anew; after an exec (everything is new) `image` is true. */
void process_read_maps(struct processes *p, struct object_files *o, struct process *proc,
		       bool image);
/*
 * The mapping of an address. Not found: mappings are read again, unless that failed a moment ago.
 */
const struct mapping *process_find(struct processes *p, struct object_files *o,
				   struct process *proc, uint64_t addr, uint64_t now_ns);
/* What of JIT-compiled code lay at an address at a time, as far as it is known already. */
bool process_jit_find(struct process *proc, uint64_t addr, uint64_t time_ns,
		      struct code_place *ret);
/* The name of JIT-compiled code at an address at the end of the trace, or NULL. */
const char *process_jit_name(struct process *proc, uint64_t addr);
