/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trace in the kernel: BPF programs loaded, attached, drained, stopped. Nothing is pinned: all
 * of it hangs on file descriptors and goes when this process does, however it ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/vec.h"
#include "target/proc.h"
#include "trace/collect.h"
#include "trace/governor.h"
#include "trace/plan.h"

struct plugins_options;

enum session_scope { SCOPE_PIDS, SCOPE_CGROUP, SCOPE_ALL };

struct session_options {
	enum session_scope scope;
	pid_vec pids;          /* SCOPE_PIDS: processes to trace from the start */
	uint32_t exec_pid;     /* our own child, traced from its exec on; 0: none */
	const char *comm_glob; /* also processes that take such a name later; NULL: none */
	uint64_t cgroup_id;    /* SCOPE_CGROUP */
	bool follow;           /* forked children too */
	bool cpu, offcpu, syscalls;
	bool automatic;                        /* choose functions by what the stacks say */
	bool timelines;                        /* record root spans whole */
	uint64_t window_ns;                    /* for trends; 0: without */
	uint32_t windows_keep;                 /* the latest */
	const struct plugins_options *plugins; /* look for plugins; NULL: do not */
	bool native; /* stacks keep an interpreter's own frames beside those that it runs */
	uint32_t frequency_hz;
	uint64_t offcpu_min_ns;
	struct governor_limits limits;
	uint64_t bpf_memory_max; /* bytes of maps; 0: no limit */
};

/* A signal that was asked for and cannot be had here. */
struct session_missing {
	const char *what; /* static */
	char why[160];
};

struct session;
struct windows;

/*
 * Loads the programs; nothing runs yet. What this kernel cannot give is left out and listed by
 * session_missing(). Fails with a negative errno when nothing useful remains, and then says why
 * in msg. plan: NULL without spans; it must outlive the session.
 */
int session_open(const struct session_options *opt, struct plan *plan, struct collect *collect,
		 struct session **ret, char *msg, size_t msg_size);
struct trap_costs;

/* What function probes cost on this machine, measured with the loaded programs. */
int session_trap_costs(struct session *s, struct trap_costs *ret);
/* Attaches everything and takes stock of the targets: from its return on, all is traced. */
int session_start(struct session *s, char *msg, size_t msg_size);
/* A descriptor that becomes readable when the ring wants draining at once. */
int session_fd(const struct session *s);
/* NULL: none were asked for, or nothing is called that could be in them. */
const struct windows *session_windows(const struct session *s);
/* See the option of that name. */
bool session_native(const struct session *s);
/* Takes what the ring holds, and varies the sampling period. Call every 100 ms. */
int session_drain(struct session *s);
/* Attaches what the plan found since (later objects), and anew what it no longer thinks safe. */
int session_attach_new(struct session *s);
/* Runs of a program that the kernel left out because it was running already on that CPU. */
uint64_t session_misses(const struct session *s, const char *program_prefix);
/* How long function probes were away while they were attached anew. */
uint64_t session_gap_ns(const struct session *s);
/* As given to session_open(). */
struct plan *session_plan(const struct session *s);
/* What makes every program inert, for emergency_new(). */
volatile uint32_t *session_inert(struct session *s);
/* Closes what is open, detaches, drains the rest. Totals end here. */
int session_stop(struct session *s);
void session_free(struct session *s);
DEFINE_CLEANUP(struct session *, session_free)

size_t session_missing(const struct session *s, const struct session_missing **ret);

/* Counters of enum pb_counter, summed over CPUs. */
uint64_t session_counter(const struct session *s, uint32_t counter);
/* Monotonic times of attach and stop. */
uint64_t session_begin_ns(const struct session *s);
uint64_t session_end_ns(const struct session *s);
/* What it costs, and who keeps that small. */
const struct costs *session_costs(const struct session *s);
struct governor *session_governor(const struct session *s);
/* The part of the time that a node was probed: 1 without interruption. After session_stop(). */
double session_node_share(const struct session *s, uint32_t node, bool of_trace);
/* Nodes that the governor has changed. How many. */
struct governed_node {
	uint32_t node;
	bool never; /* it is not probed any more; else it is for moments, or was */
	char why[120];
};
size_t session_governed(const struct session *s, const struct governed_node **ret);
/* Memory of our maps, in bytes. */
uint64_t session_bpf_memory(const struct session *s);

/* The probes on dynamic loaders; NULL: plugins are not looked for. */
struct loaders;
const struct loaders *session_loaders(const struct session *s);
/* Those on allocators' calls; NULL likewise. */
struct allocs;
const struct allocs *session_allocs(const struct session *s);

/* Reading a map after session_stop(); see harvest.c. */
struct bpf_map;
struct pathbpf;
struct pathbpf *session_skeleton(const struct session *s);
