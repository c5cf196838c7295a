/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a budget is shared out: pure arithmetic. All figures are ns of the targets' CPU time a
 * second.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Something that costs, and can be had for a part of the time. */
struct budget_share {
	double full_ns; /* its cost when it is on all the time */
	double weight;  /* of its claim, where there is not enough for all */
	double duty;    /* result: the part of the time that it may be on, 0 to 1 */
};

/*
 * Shares `allowed_ns` out: whoever needs less than its claim gets what it needs, and leaves the
 * rest to the others (max-min fairness, by weight).
 */
void budget_share(struct budget_share *v, size_t n, double allowed_ns);

enum budget_how {
	BUDGET_ALWAYS, /* probed all the time */
	BUDGET_WINDOW, /* probed for moments */
	BUDGET_NEVER,  /* not even that */
};

/* A probed function. */
struct budget_node {
	uint32_t node;
	double full_ns; /* its cost when it is probed all the time */
	double value;   /* what it is worth, as long as it is compared: 1 if all are the same */
	bool inner;     /* is of use only if those that are not are probed, too */
	enum budget_how now, want;
};

/*
 * Chooses what becomes of nodes for `allowed_ns`: the cheapest are probed always, as many as can
 * be, the others for moments, in the part of the time that is returned (0: there are none). While
 * that part is smaller than duty_min, those that are worth least for their cost are not probed.
 * Nodes that are probed always stay so up to what is allowed; others join them up to 70 % of it, so
 * that nobody goes to and fro. Inner nodes are probed always only if all others are. Sorts the
 * nodes.
 */
double budget_choose(struct budget_node *v, size_t n, double allowed_ns, double duty_min);
