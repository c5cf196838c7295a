/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The governor: keeps what the trace costs its targets below what their owner allows. A thread of
 * its own, so that nothing else that pathbpf does can delay it.
 *
 * Every 100 ms it compares what was spent in the last second (costs.h) with the CPU time of the
 * targets in that second, and shares out what is allowed: functions that cost too much to be probed
 * all the time are probed for moments ("windows"), or not at all; stacks of system calls and
 * switches become rarer, and then these, too, are looked at for moments only. A storm of calls
 * within a tick wakes it at once (bpf/guard.bpf.h), and it removes what is dear before anything
 * else. When all of that does not help, a breaker turns everything off for a while.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/vec.h"
#include "trace/budget.h"
#include "trace/costs.h"
#include "trace/gate.h"

struct governor;
struct pathbpf;
struct sampler;
struct uprobes;

struct governor_limits {
	double overhead_pct;   /* of the targets' CPU time; 100 or more: no limit */
	double cpu_pct;        /* pathbpf's own, of one CPU; 0: no limit */
	uint64_t memory_bytes; /* pathbpf's RSS; 0: no limit */
	double loss_pct;       /* records lost for want of room in the ring; 0: no limit */
};

struct governor_parts {
	struct pathbpf *skel;
	struct costs *costs;
	struct uprobes *uprobes;                   /* NULL: nothing is probed */
	struct sampler *sampler;                   /* NULL: none */
	int (*set_syscalls)(void *arg, bool open); /* NULL: they are not traced */
	bool switches;                             /* stacks are taken there */
	void *arg;
};

/* A node that is to be probed in another way. */
struct governor_change {
	uint32_t node;
	enum budget_how want;
	char why[120];
};
typedef VEC(struct governor_change) governor_change_vec;

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };

struct breaker_event {
	uint64_t time_ns; /* monotonic */
	enum breaker_state state;
	char why[120];
};

/* What the governor knows, at any moment. */
struct governor_status {
	double overhead_pct; /* of the last second: spent, in per cent of the targets' CPU time */
	double cost_pct;     /* the same over the whole trace */
	double spent_ns[COST_CENTERS];         /* over the whole trace */
	uint64_t cpu_ns;                       /* of the targets */
	double syscalls_share, switches_share; /* of the time that these were looked at */
	double worst_pct;                      /* of any second but the first */
	enum breaker_state breaker;
	uint32_t always, windowed, never; /* nodes */
	uint64_t storms;                  /* nodes that were cut within a tick */
};

int governor_new(const struct governor_limits *limits, const struct governor_parts *parts,
		 struct governor **ret);
/* Starts its thread. 0 or a negative errno. */
int governor_start(struct governor *g);
/* Ends it. What is probed for moments, or interrupted, is left as it is. NULL-safe. */
void governor_stop(struct governor *g);
void governor_free(struct governor *g);
DEFINE_CLEANUP(struct governor *, governor_free)

/* From any thread, and NULL-safe: */

/* The targets whose CPU time counts, from now on. */
void governor_set_pids(struct governor *g, const uint32_t *pids, size_t n);
/* A node, as it is probed from now on. */
struct governor_node {
	uint32_t node;
	uint32_t cost_class; /* see trap_class() */
	double value;        /* see budget.h */
	bool inner;          /* see budget.h */
	enum budget_how now;
};
void governor_node(struct governor *g, const struct governor_node *node);
/* A node is no longer probed, for no reason of the governor's. */
void governor_forget(struct governor *g, uint32_t node);
/* Adds what is to be changed to `ret` since the last call; true: there is something. */
bool governor_changes(struct governor *g, governor_change_vec *ret);
/* Opens the windows at once, to learn what new nodes cost. */
void governor_trial(struct governor *g);
void governor_set_limits(struct governor *g, const struct governor_limits *limits);
void governor_limits(struct governor *g, struct governor_limits *ret);
void governor_status(struct governor *g, struct governor_status *ret);
/* Calls a second of a node while it was probed, as known; negative: not known yet. */
double governor_rate(struct governor *g, uint32_t node);
/* What a call of a node costs, in ns. */
double governor_cost(struct governor *g, uint32_t node);
/* Changes of the breaker so far: the i-th; false: there are not so many. */
bool governor_event(struct governor *g, size_t i, struct breaker_event *ret);
/* What other traces cost the same targets, of whose CPU time: one budget is there for all. */
void governor_set_others(struct governor *g, double pct);
/* Everything that it opens is closed, and stays so; and the other way round, with a new sampler. */
void governor_pause(struct governor *g);
void governor_resume(struct governor *g, struct sampler *sampler);
/* The clocks of the targets; by the main thread. */
struct gate_time governor_now(struct governor *g);
/* Nothing changes between these two: for a fork(), after which both sides let go. */
void governor_hold(struct governor *g);
void governor_let_go(struct governor *g);
