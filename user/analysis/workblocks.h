/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Blocks of time in which a service was traced or not, in pairs: what tracing costs it, as CPU time
 * for each unit of its own work. Which unit that is, the blocks without the tracer decide.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/abtest.h"
#include "lib/vec.h"

/*
 * What may count as work. Of two that are equally steady the one that stands first is taken. How
 * many calls of all kinds an event loop makes for a request, and how often it waits, depends on how
 * busy it is, and so on tracing; how many answers it sends does hardly: calls and switches are
 * chosen only if they are twice as steady.
 */
enum work_unit {
	WORK_SENDS,
	WORK_RECEIVES,
	WORK_ACCEPTS,
	WORK_CALLS,    /* system calls of any kind */
	WORK_SWITCHES, /* a thread gave up its CPU of its own accord */
	WORK_NAMED,    /* what the user named: a system call, a function */
	WORK_TIME,     /* nanoseconds, for a target that does the same whatever comes */
	WORK_UNITS
};

struct work_block {
	uint64_t wall_ns;
	uint64_t cpu_ns;        /* of the target */
	uint64_t tracer_cpu_ns; /* of pathbpf, as long as it traces */
	uint64_t units[WORK_UNITS];
};

struct work_pair {
	struct work_block off, on; /* without the tracer, with it */
	bool on_first;
};

/* The tracer came: from its start until all probes were live, or went: until it had ended. */
struct work_change {
	struct work_block block;
	bool begins; /* it came */
};

typedef VEC(struct work_pair) work_pair_vec;
typedef VEC(struct work_change) work_change_vec;

/* By one unit. */
struct work_cost {
	bool usable;              /* there was enough work in enough pairs */
	uint64_t pairs, left_out; /* with and without enough work in both blocks */
	double off_ns, on_ns;     /* CPU time a unit: medians */
	double off_rate, on_rate; /* units a second: medians */
	double spread;            /* of ln(CPU time a unit) over blocks without the tracer */
	struct abtest cpu, rate;  /* when usable */
};

struct work_costs {
	struct work_cost by[WORK_UNITS];
	enum work_unit unit;       /* the one to be told; WORK_UNITS: none is usable */
	bool chosen;               /* by us */
	bool disagree[WORK_UNITS]; /* what it says contradicts that */
};

#define WORK_ENOUGH 20 /* units a block: fewer are coarser than 5 % */

/*
 * unit: asked for by the user, who may have to do with less work in a block; or WORK_UNITS: chosen.
 * 0, or -ENOMEM.
 */
int work_costs_make(const struct work_pair *pairs, size_t n, enum work_unit unit,
		    struct work_costs *ret);

/* What coming or going cost the target, on average, beyond what its work costs otherwise. */
struct work_change_cost {
	uint64_t n;
	double wall_ns, tracer_cpu_ns, target_cpu_ns; /* the last: may be negative */
};

/* of: whose CPU time a unit is what the work costs otherwise. */
struct work_change_cost work_change_cost(const work_change_vec *changes, bool begins,
					 const struct work_costs *of);

/* The tracer's own CPU time, in per cent of one CPU; NAN of no blocks. */
double work_tracer_pct(const struct work_pair *pairs, size_t n);

/* "sends", as users write it, or NULL (WORK_NAMED). */
const char *work_unit_name(enum work_unit unit);
/* The unit of a name, or WORK_UNITS. */
enum work_unit work_unit_by_name(const char *name);

/*
 * In which order the pairs run: true, the traced block comes first. A coin decides, but of two
 * pairs in a row (0 and 1, 2 and 3, …) one is of each kind, so that steady drift cancels. Seeded.
 */
bool work_on_first(uint64_t seed, uint64_t pair);
