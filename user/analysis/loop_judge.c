/* SPDX-License-Identifier: GPL-2.0-only */
/* Which places where a process waits may be a loop's. */
#include "analysis/loop_judge.h"

#include <errno.h>
#include <stdlib.h>

/* Per cent. */
#define BRANCH_PCT   10 /* of all that branches off on the way: so much makes a function a loop's */
#define COVERAGE_PCT 80 /* of the group's work: so much is below a loop */
#define IMPURE_PCT   30 /* of the work towards the waiting, what is no waiting's own */
#define STRAY_PCT    2  /* of all that branches off: less work there does not matter */
#define ALONE_PCT    98 /* of the group's time: a thread that does nothing but wait */

#define SEEN_PERMILLE 5 /* of the group's work, to have seen the way to the waiting at work */
#define BETWEEN_MAX   2

int unit_init(struct unit *u, const struct report *r, const struct functions *f,
	      const struct stack_tree *t)
{
	size_t n = t->tree.v.n;

	*u = (struct unit){ .r = r, .f = f, .t = t };
	u->all = calloc(n, sizeof(*u->all));
	u->work = calloc(n, sizeof(*u->work));
	u->own = calloc(n, sizeof(*u->own));
	u->own_work = calloc(n, sizeof(*u->own_work));
	return u->all && u->work && u->own && u->own_work ? 0 : -ENOMEM;
}

void unit_done(struct unit *u)
{
	free(u->all);
	free(u->work);
	free(u->own);
	free(u->own_work);
	vec_done(&u->touched);
	vec_done(&u->candidates);
	table_done(&u->index);
}

void unit_clear(struct unit *u)
{
	vec_foreach (n, &u->touched)
		u->all[*n] = u->work[*n] = u->own[*n] = u->own_work[*n] = 0;
	u->touched.n = 0;
	u->candidates.n = 0;
	table_done(&u->index);
}

static uint32_t parent_of(const struct unit *u, uint32_t node)
{
	return u->t->tree.v.v[node].parent;
}

static int add_candidate(struct unit *u, const struct sample *s, const struct stack_end *end)
{
	uint32_t key[2] = { end->owner, end->wait };
	struct candidate c = { .owner = end->owner,
			       .wait = end->wait,
			       .call = end->call,
			       .group = u->t->nodes.v[end->owner].group };
	uint32_t i = table_find(&u->index, key, sizeof(key));
	int err;

	if (i == TABLE_NONE) {
		i = (uint32_t)u->candidates.n;
		err = vec_push(&u->candidates, c);
		err = err ? err : table_add(&u->index, key, sizeof(key), i);
		if (err)
			return err;
	}
	u->candidates.v[i].ns += s->ns;
	return 0;
}

int unit_add(struct unit *u, const struct sample *s, const struct stack_end *end)
{
	uint64_t work_ns = end->wait == WAIT_NONE ? s->ns : 0;
	int err = 0;

	if (!s->ns)
		return 0;
	for (uint32_t n = end->owner; !err && n; n = parent_of(u, n)) {
		if (!u->all[n])
			err = vec_push(&u->touched, n);
		u->all[n] += s->ns;
		u->work[n] += work_ns;
	}
	u->own[end->owner] += s->ns;
	u->own_work[end->owner] += work_ns;
	return err || end->wait == WAIT_NONE ? err : add_candidate(u, s, end);
}

/* What is called by a node beside the next one on the way; CALL_NONE: the way ends there. */
static uint64_t branching_off(const struct unit *u, uint32_t node, uint32_t next)
{
	uint64_t rest = u->all[node] - u->own[node];

	return next == CALL_NONE ? rest : rest - u->all[next];
}

/* Are the frames of the way a virtual machine's or a library's own? */
static bool is_machine(const struct unit *u, const struct candidate *c)
{
	for (uint32_t n = c->owner; n != CALL_NONE && u->t->nodes.v[n].group != CALL_NONE;
	     n = parent_of(u, n)) {
		const struct function *f = stack_function(u->t, u->f, n);

		if (f && (f->class == FUNCTION_OWN || f->class == FUNCTION_UNNAMED))
			return false;
	}
	return true;
}

/* Counts a function between a loop and where it waits. */
static void count_name(const struct unit *u, struct candidate *c, uint32_t node)
{
	const struct function *f = stack_function(u->t, u->f, node);

	if (!f || f->class == FUNCTION_PLUMBING || f->class == FUNCTION_STARTER)
		return;
	c->behind++;
	c->between += !f->waits;
}

/* Finds the loop of a candidate; total: what branches off on its way. */
static void find_loop(const struct unit *u, struct candidate *c, uint64_t *total)
{
	uint32_t next = CALL_NONE;
	bool found = false;

	*total = 0;
	for (uint32_t n = c->owner; n != parent_of(u, c->group); next = n, n = parent_of(u, n))
		*total += branching_off(u, n, next);
	c->loop = c->owner;
	c->branch = CALL_NONE;
	c->behind = c->between = 0;
	next = CALL_NONE;
	for (uint32_t n = c->owner; !found && n != parent_of(u, c->group); n = parent_of(u, n)) {
		uint64_t off = branching_off(u, n, next);

		/* A function without callees may do all the work itself. */
		found = *total ? off * 100 >= *total * BRANCH_PCT
			       : u->own_work[n] * 100 > u->work[c->group] * BRANCH_PCT;
		if (found) {
			c->loop = n;
			c->branch = next;
		} else {
			count_name(u, c, n);
		}
		next = n;
	}
}

/* What is done on the way from the loop to the waiting. */
struct way {
	uint64_t off; /* branches off: it may be for anything */
	uint64_t own; /* of the functions that lead there, and of plumbing that they call */
};

static struct way look_at_way(const struct unit *u, const struct candidate *c)
{
	struct way way = {};
	uint32_t next = CALL_NONE;

	for (uint32_t n = c->owner; n != c->loop; next = n, n = parent_of(u, n)) {
		way.off += branching_off(u, n, next);
		way.own += u->own_work[n];
	}
	return way;
}

/* Is nothing done there but for the waiting's sake? Who waits for events does some for each. */
static bool is_pure(const struct candidate *c, const struct way *way, uint64_t total)
{
	uint64_t stray = c->wait == WAIT_EVENTS ? BRANCH_PCT : STRAY_PCT;

	return way->off * 100 <= (way->off + way->own) * IMPURE_PCT ||
	       way->off * 100 <= total * stray;
}

/* The same, and it was seen. */
static bool is_surely_pure(const struct unit *u, const struct candidate *c, const struct way *way)
{
	return way->off * 100 <= (way->off + way->own) * IMPURE_PCT &&
	       way->own * 1000 >= u->work[c->group] * SEEN_PERMILLE;
}

/*
 * May it wait for work so far from its loop? Threads, and processes that their like have forked,
 * are there to work for others; any other process may work for itself.
 */
static bool is_near(const struct unit *u, const struct candidate *c, const struct way *way)
{
	bool serves = u->forked || u->t->nodes.v[c->owner].thread;

	switch (c->wait) {
	case WAIT_EVENTS:
		return true;
	case WAIT_POLL:
		return c->behind <= 1 || (serves && is_surely_pure(u, c, way));
	case WAIT_QUEUE:
	case WAIT_DATA:
		return c->between <= (serves ? BETWEEN_MAX : 0) ||
		       (serves && is_surely_pure(u, c, way));
	default:
		return c->behind <= 1 && !c->between; /* a function of the program's that sleeps */
	}
}

static void judge(const struct unit *u, struct candidate *c)
{
	struct way way;
	uint64_t total;

	if (c->group == CALL_NONE) {
		c->loop = c->owner;
		c->branch = CALL_NONE;
		c->accepted = true; /* a library's own thread */
		return;
	}
	find_loop(u, c, &total);
	if (is_machine(u, c) || c->ns * 100 >= u->all[c->group] * ALONE_PCT) {
		c->accepted = true;
		return;
	}
	way = look_at_way(u, c);
	c->accepted = u->work[c->loop] * 100 >= u->work[c->group] * COVERAGE_PCT &&
		      is_near(u, c, &way) && is_pure(c, &way, total);
}

void unit_judge(struct unit *u)
{
	vec_foreach (c, &u->candidates)
		judge(u, c);
}

bool unit_is_whole_threads(const struct unit *u, uint64_t ns)
{
	uint64_t life_ns = u->r->duration_ns, slack = life_ns / 50;

	if (!life_ns || ns + slack < life_ns)
		return false;
	return (ns + slack) % life_ns <= 2 * slack;
}
