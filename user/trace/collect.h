/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the ring brought: records become processes, lifecycle events and counted stacks. Addresses
 * are turned into (object, file offset) at once, while the mappings that explain them are
 * current; names wait until the end.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/table.h"
#include "lib/vec.h"
#include "trace/exemplars.h"
#include "trace/objectfile.h"
#include "trace/process.h"

/* Where a frame's code lies. */
enum place {
	PLACE_OBJECT,  /* a file: offset is the file offset */
	PLACE_KERNEL,  /* offset is the address */
	PLACE_JIT,     /* memory without a file: offset is the address, or it has a name */
	PLACE_RUNTIME, /* a language's runtime knows: offset is a number for runtimes_name() */
	PLACE_SKIPPED, /* frames are left out here */
	PLACE_UNKNOWN,
};

struct raw_frame {
	uint64_t offset;
	/*
	 * PLACE_OBJECT: index into the object files. PLACE_JIT: a number for runtimes_name() + 1;
	 * 0: it has no name yet.
	 */
	uint32_t object;
	uint32_t pid;      /* PLACE_JIT: whose memory, else 0 */
	uint8_t place;     /* enum place */
	uint8_t is_return; /* offset is a return address: the call stands before it */
	uint8_t pad[6];
};

/* Leaf first: kernel frames, then user frames. */
struct raw_stack {
	uint32_t *frames; /* owned; indices into collect.frames */
	uint32_t n, kernel;
	uint32_t pid;
	uint8_t full;    /* a side had no room left: cut */
	uint8_t sampled; /* by the timer: what runs at its leaf is the target's, not the tracer's */
	uint8_t sound;   /* so many user frames are right whether they keep frame pointers or not */
	uint8_t cut;     /* callers are known to be missing */
	uint8_t end;     /* enum pb_end: why there are no more user frames */
	uint8_t by_rbp;  /* in code without unwind information, rbp was followed */
};

/* Something that happened to a process; strings are owned. */
struct raw_event {
	uint32_t kind; /* enum pb_kind */
	uint32_t pid, tid, child;
	int status;
	uint64_t time_ns;
	char *text;
};

struct collect {
	struct object_files objects;
	struct processes processes;
	VEC(struct raw_frame) frames;
	VEC(struct raw_stack) stacks;
	struct table frame_index, stack_index;
	struct table by_id;       /* BPF's stack id → stack */
	VEC(uint64_t) cpu_counts; /* by stack */
	VEC(struct raw_event) events;
	struct exemplars exemplars;
	struct runtimes *runtimes; /* owned; NULL: none are looked for */
	struct plugins *plugins;   /* owned; NULL: none are looked for */
	uint64_t samples;          /* CPU samples received */
	uint64_t lost_stacks;      /* no memory, or more than COLLECT_STACKS_MAX */
	uint64_t lost_events;      /* broken records, or more than COLLECT_EVENTS_MAX */
	uint64_t last_time_ns;
	uint32_t live;      /* traced processes that have not ended */
	uint64_t paused_at; /* the last pause's begin, as struct proc_info has times */
};

#define COLLECT_STACKS_MAX 262144
#define COLLECT_EVENTS_MAX 10000

void collect_done(struct collect *c);
/* Takes one record of the ring (bpf/wire.h). Broken ones are counted, never trusted. */
void collect_record(struct collect *c, const void *data, size_t size);
/* A process is traced from now on; it has ended. Both may be said twice. */
void collect_began(struct collect *c, struct process *proc);
void collect_ended(struct collect *c, struct process *proc);
/* The stack that BPF knows by this id, or TABLE_NONE. */
uint32_t collect_stack_by_id(const struct collect *c, uint64_t id);
/* The empty stack of a process, for times whose stack is not known. */
uint32_t collect_empty_stack(struct collect *c, uint32_t pid);
