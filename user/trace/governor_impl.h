/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the governor share: see governor.h. Nobody else includes this. */
#pragma once

#include <pthread.h>
#include <stddef.h>

#include <linux/types.h>

#include "bpf/wire.h"
#include "trace/gate.h"
#include "trace/governor.h"

struct ring_buffer;

#define STORM_TICKS 100 /* that too much is remembered, and twice as long each time */
#define LEDGER      10  /* ticks: a second */
#define HOPELESS_NS 5e8 /* a second: who would cost half a CPU is slowed beyond measuring */

/* A node. */
struct governed {
	bool attached, inner;
	enum budget_how now, want;
	double value;
	double rate;    /* calls a second while it is probed; negative: not known */
	uint64_t since; /* tick of the last change */
	uint64_t attached_ns;
	uint32_t storms;      /* that it was cut for … */
	uint64_t storm_until; /* … and the tick until which it is not probed all the time again */
	bool cut;             /* a storm: its probes are gone, and user space will see to it */
};

/* See governor_clock(): at its last look. */
struct governor_clock {
	pthread_mutex_t lock;
	double cpu_ns, cost_ns, own_ns;
};

struct governor {
	struct governor_parts parts;
	struct ring_buffer *alarms;
	pthread_t thread;
	bool running, stop;
	int wake_fd;

	/* The thread's own: */
	uint64_t tick_ns, window_next_ns, began_ns;
	struct gate syscalls, switches;
	bool spans_open;                               /* windows of nodes */
	uint64_t spans_opened_ns, spans_close_ns;      /* then */
	uint64_t syscalls_close_ns, switches_close_ns; /* when a window ends; 0: none is open */
	double spans_credit, syscalls_credit, switches_credit; /* windows saved up, in ns */
	uint64_t spans_on_ns;                                  /* since the last tick */
	uint64_t syscalls_on_ns, switches_on_ns;               /* until the last tick */
	double syscall_rate, switch_rate;                      /* events a second while on */
	double syscall_stack_rate, switch_stack_rate;

	struct governor_clock clock;
	pthread_mutex_t lock; /* of all below */
	struct governor_limits limits;
	VEC(uint32_t) pids;
	VEC(struct governed) nodes;
	VEC(uint8_t) classes;
	VEC(struct budget_node) scratch;
	bool changed, trial;
	double spans_duty;
	double others_pct;
	double nodes_ns; /* allowed for functions, on average of late */
	double debt_ns;  /* spent too much of late: see governor_owe() */
	struct cost_tick ledger[LEDGER], second;
	uint64_t ticks;
	uint64_t calm; /* ticks since the last one that was over */
	struct governor_status status;
	enum breaker_state breaker;
	uint64_t breaker_until_ns, backoff_ns, over_ticks;
	bool pressed;       /* the system is */
	uint64_t paused_ns; /* monotonic: since when; 0: it is not */
	VEC(struct breaker_event) events;
};

bool governor_is_limited(const struct governor *g);
/* All that was spent. */
double governor_spent(const struct cost_tick *t);
void governor_set_guard(struct governor *g);

/* governor_policy.c: under the lock. */
void governor_learn(struct governor *g, const struct cost_tick *t);
void governor_owe(struct governor *g, const struct cost_tick *t);
void governor_decide(struct governor *g);
void governor_release_all(struct governor *g);
/* What the targets may lose a second, in ns. */
double governor_allowed(const struct governor *g);

/* governor_window.c: windows open and end; in the thread. */
void governor_windows(struct governor *g, uint64_t now_ns);
/* When that has to be looked at next. */
uint64_t governor_next_window(const struct governor *g);
/* All windows end. Under the lock. */
void governor_close_all(struct governor *g);
/* A storm was seen in BPF. */
int governor_on_alarm(void *ctx, void *data, size_t size);

/* governor_breaker.c: under the lock. */
void governor_check(struct governor *g);

/* governor_clock.c: monotonic, and the targets' own CPU time. arg: the governor. */
struct gate_time governor_clock(void *arg);
