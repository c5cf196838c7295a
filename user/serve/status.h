/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a running trace tells of itself, to people (`pathbpf ps`) and to other traces, which want to
 * know what else their targets pay for. Small enough to be copied at each turn of the main loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define STATUS_PIDS   128
#define STATUS_TARGET 160
#define STATUS_COMM   16

enum trace_state {
	TRACE_STARTING, /* probes are being attached */
	TRACE_RUNNING,
	TRACE_PAUSED,
	TRACE_REPORTING, /* nothing is attached any more */
	TRACE_STATES
};

struct trace_status {
	uint32_t pid; /* of pathbpf itself */
	enum trace_state state;
	char target[STATUS_TARGET]; /* "-p 123", "-n 'redis*'", "-- make" */
	char comm[STATUS_COMM];     /* of the first process; "": none yet */
	uint64_t started_ns;        /* wall clock */
	uint64_t age_ns;
	uint64_t turn_ns;           /* since the main loop last ran */
	uint32_t processes;         /* that are traced now */
	uint32_t pids[STATUS_PIDS]; /* the first of them */
	uint32_t pids_n;
	bool everybody;  /* it traces the whole system, or a cgroup: any process may be its */
	uint32_t probes; /* functions, points and the like that are probed */
	uint64_t lost;   /* records of all kinds */
	/* What the targets lose, in per cent of their CPU time; below 0: not known yet. */
	double cost_pct, budget_pct;
	double others_pct; /* what other traces of the same targets cost them; below 0: there are
			      none */
	uint32_t others;   /* how many there are */
};

const char *trace_state_name(enum trace_state s);
/* A new object, or NULL. */
json_t *status_format(const struct trace_status *s);
/* From another process, which is not trusted: 0, or -EPROTO. Text is made printable. */
int status_parse(const json_t *o, struct trace_status *ret);
/* May both trace the same process? */
bool status_overlaps(const struct trace_status *a, const struct trace_status *b);
