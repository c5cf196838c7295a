/* SPDX-License-Identifier: GPL-2.0-only */
/* What can be said of a trace while it runs, at little cost. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct collect;
struct plan;
struct session;

/* Records of all kinds that were lost so far. */
uint64_t live_lost(const struct session *s, const struct collect *c);
/* Nodes whose probes are live. */
uint32_t live_probes(const struct plan *p);

/* What the targets lose, in per cent of their CPU time so far; below 0: not known yet. */
double live_cost_pct(const struct session *s);

/*
 * Finished calls by node, of plan->nodes.n; false: there are too many paths for it to be cheap, or
 * no memory.
 */
bool live_calls(const struct session *s, const struct plan *p, uint64_t *calls);
