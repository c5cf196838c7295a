/* SPDX-License-Identifier: GPL-2.0-only */
/* How a budget is shared out. */
#include "trace/budget.h"

#include <stdbool.h>
#include <stdlib.h>

#define JOIN_SHARE   0.7 /* of what is allowed, up to which nodes become probed always */
#define ALWAYS_SHARE 0.8 /* of it, that these may have when there are others */

void budget_share(struct budget_share *v, size_t n, double allowed_ns)
{
	double left_ns = allowed_ns > 0 ? allowed_ns : 0, weights;
	bool more = true;

	for (size_t i = 0; i < n; i++)
		v[i].duty = -1;
	while (more) {
		double claim_ns;

		more = false;
		weights = 0;
		for (size_t i = 0; i < n; i++)
			weights += v[i].duty < 0 ? v[i].weight : 0;
		claim_ns = weights > 0 ? left_ns / weights : 0;
		for (size_t i = 0; i < n; i++) {
			if (v[i].duty >= 0 || v[i].full_ns > claim_ns * v[i].weight)
				continue;
			v[i].duty = 1;
			left_ns -= v[i].full_ns;
			more = true;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (v[i].duty < 0)
			v[i].duty = left_ns * v[i].weight / weights / v[i].full_ns;
	}
}

static int by_cost(const void *x, const void *y)
{
	const struct budget_node *a = x, *b = y;

	if (a->full_ns != b->full_ns)
		return a->full_ns < b->full_ns ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

/* The least worth for its cost first. */
static int by_worth(const void *x, const void *y)
{
	const struct budget_node *a = x, *b = y;
	double worth_a = a->value * b->full_ns, worth_b = b->value * a->full_ns;

	if (worth_a != worth_b)
		return worth_a < worth_b ? -1 : 1;
	return a->node > b->node ? -1 : a->node < b->node;
}

/* Is this the cost of all nodes together? Then everything stays as simple as it is. */
static bool all_fit(const struct budget_node *v, size_t n, double allowed_ns)
{
	double sum_ns = 0;
	bool all_on = true;

	for (size_t i = 0; i < n; i++) {
		sum_ns += v[i].full_ns;
		all_on &= v[i].now == BUDGET_ALWAYS;
	}
	return sum_ns <= (all_on ? 1 : JOIN_SHARE) * allowed_ns;
}

double budget_choose(struct budget_node *v, size_t n, double allowed_ns, double duty_min)
{
	double always_ns = 0, rest_ns = 0, duty;
	bool outer_missing = false;
	size_t i = 0;

	qsort(v, n, sizeof(*v), by_cost);
	if (all_fit(v, n, allowed_ns)) {
		for (i = 0; i < n; i++)
			v[i].want = BUDGET_ALWAYS;
		return 0;
	}
	for (; i < n; i++) {
		double limit_ns =
		    (v[i].now == BUDGET_ALWAYS ? ALWAYS_SHARE : JOIN_SHARE) * allowed_ns;

		if (always_ns + v[i].full_ns > limit_ns)
			break;
		v[i].want = BUDGET_ALWAYS;
		always_ns += v[i].full_ns;
	}
	for (size_t k = i; k < n; k++) {
		v[k].want = BUDGET_WINDOW;
		rest_ns += v[k].full_ns;
		outer_missing |= !v[k].inner;
	}
	for (size_t k = 0; k < i && outer_missing; k++) {
		if (!v[k].inner)
			continue;
		v[k].want = BUDGET_WINDOW;
		always_ns -= v[k].full_ns;
		rest_ns += v[k].full_ns;
	}
	qsort(v, n, sizeof(*v), by_worth);
	for (size_t k = 0; k < n; k++) {
		if (v[k].want != BUDGET_WINDOW)
			continue;
		duty = (allowed_ns - always_ns) / rest_ns;
		if (duty >= duty_min)
			return duty;
		v[k].want = BUDGET_NEVER;
		rest_ns -= v[k].full_ns;
	}
	return 0;
}
