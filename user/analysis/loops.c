/* SPDX-License-Identifier: GPL-2.0-only */
/* Loops that wait for work: which of the candidates are, and which samples are theirs. */
#include "analysis/loops.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/loop_judge.h"
#include "lib/cleanup.h"

/* What a node is to a loop. */
enum role { ROLE_WAY, ROLE_WAIT };

/* Loops of one process, or of all processes of all programs. */
#define EVERYBODY UINT32_MAX

struct finder {
	struct loops *l;
	struct unit unit;
	const struct samples *s;
	uint32_t *by_target; /* samples, those of a target together */
};

void loops_done(struct loops *l)
{
	vec_done(&l->v);
	table_done(&l->roles);
	table_done(&l->waits);
	free(l->has_own);
	*l = (struct loops){};
}

static int add_role(struct loops *l, uint32_t unit, uint32_t node, uint32_t loop, enum role role)
{
	uint32_t key[2] = { unit, node };
	int err = table_add(&l->roles, key, sizeof(key), loop << 1 | role);

	return err == -EEXIST ? 0 : err;
}

/*
 * The loop's name: its function's, or that of who calls it. main() says nothing, nor does what
 * waits only.
 */
static uint32_t name_of(const struct unit *u, const struct candidate *c)
{
	uint32_t waits = CALL_NONE, below = CALL_NONE;

	for (uint32_t n = c->loop; n && u->t->nodes.v[n].group != CALL_NONE;
	     n = u->t->tree.v.v[n].parent) {
		const struct function *f = stack_function(u->t, u->f, n);

		if (!f || !f->name || f->class == FUNCTION_STARTER || function_is_main(f))
			continue;
		if (!f->waits)
			return u->t->tree.v.v[n].what;
		if (waits == CALL_NONE)
			waits = u->t->tree.v.v[n].what;
	}
	/* Without any, the first one that leads to the waiting. */
	for (uint32_t n = c->owner; waits == CALL_NONE && n != c->loop;
	     n = u->t->tree.v.v[n].parent) {
		const struct function *f = stack_function(u->t, u->f, n);

		if (f && f->name && !function_is_main(f))
			below = u->t->tree.v.v[n].what;
	}
	return waits != CALL_NONE ? waits : below != CALL_NONE ? below : c->call;
}

static int loop_of(struct loops *l, const struct unit *u, const struct candidate *c, uint32_t *ret)
{
	uint32_t i;

	for (i = 0; i < l->v.n; i++) {
		if (l->v.v[i].node == c->loop)
			break;
	}
	if (i == l->v.n &&
	    vec_push(&l->v, (struct loop){
				.node = c->loop, .function = name_of(u, c), .call = CALL_NONE }))
		return -ENOMEM;
	if (c->ns > l->v.v[i].call_ns && c->call != CALL_NONE) {
		l->v.v[i].call = c->call;
		l->v.v[i].call_ns = c->ns;
	}
	*ret = i;
	return 0;
}

static int add_loop(struct loops *l, const struct unit *u, uint32_t unit, const struct candidate *c)
{
	uint32_t key[3] = { unit, c->owner, c->wait }, loop, n = c->owner;
	int err = loop_of(l, u, c, &loop);

	if (!err)
		err = table_add(&l->waits, key, sizeof(key), loop);
	if (err == -EEXIST)
		err = 0;
	for (; !err && n != c->loop; n = u->t->tree.v.v[n].parent)
		err = add_role(l, unit, n, loop, ROLE_WAIT);
	for (; !err && n != CALL_NONE && u->t->nodes.v[n].group != CALL_NONE;
	     n = u->t->tree.v.v[n].parent)
		err = add_role(l, unit, n, loop, ROLE_WAY);
	return err;
}

/* Is its parent of the same program, and among the targets? */
static bool is_forked(const struct report *r, uint32_t target)
{
	const struct target *t = &r->targets.v[target];

	vec_foreach (parent, &r->targets) {
		if (parent->pid == t->ppid && parent->exe == t->exe && parent != t)
			return true;
	}
	return false;
}

/* Loops in the stacks of one process. */
static int find_in_target(struct finder *f, uint32_t target)
{
	int err = 0;

	f->unit.forked = is_forked(f->unit.r, target);
	unit_judge(&f->unit);
	unit_choose(&f->unit);
	vec_foreach (c, &f->unit.candidates) {
		if (!c->accepted)
			continue;
		f->l->has_own[target] = true;
		err = err ? err : add_loop(f->l, &f->unit, target, c);
		err = err ? err : add_loop(f->l, &f->unit, EVERYBODY, c);
	}
	return err;
}

static int by_target(const void *a, const void *b, void *arg)
{
	const struct samples *s = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	uint32_t x = s->v.v[i].target, y = s->v.v[j].target;

	if (x != y)
		return x < y ? -1 : 1;
	return i < j ? -1 : i > j;
}

static int find_in_all(struct finder *f)
{
	uint32_t n = (uint32_t)f->s->v.n;
	int err = 0;

	for (uint32_t i = 0; i < n; i++)
		f->by_target[i] = i;
	qsort_r(f->by_target, n, sizeof(*f->by_target), by_target, (void *)f->s);
	for (uint32_t i = 0; !err && i < n; i++) {
		uint32_t sample = f->by_target[i], target = f->s->v.v[sample].target;

		err = unit_add(&f->unit, &f->s->v.v[sample], &f->unit.t->ends[sample]);
		if (err || (i + 1 < n && f->s->v.v[f->by_target[i + 1]].target == target))
			continue;
		err = find_in_target(f, target);
		unit_clear(&f->unit);
	}
	return err;
}

static void finder_done(struct finder *f)
{
	unit_done(&f->unit);
	free(f->by_target);
}

int loops_find(struct loops *l, const struct report *r, const struct functions *f,
	       const struct samples *s, const struct stack_tree *t)
{
	_cleanup_(finder_done) struct finder finder = { .l = l, .s = s };
	int err = unit_init(&finder.unit, r, f, t);

	*l = (struct loops){ .has_own = calloc(r->targets.n + 1, sizeof(*l->has_own)) };
	finder.by_target = calloc(s->v.n + 1, sizeof(*finder.by_target));
	if (!err && (!l->has_own || !finder.by_target))
		err = -ENOMEM;
	err = err ? err : find_in_all(&finder);
	if (err)
		loops_done(l);
	return err;
}

static uint32_t role_of(const struct loops *l, uint32_t unit, uint32_t node)
{
	uint32_t key[2] = { unit, node };

	return table_find(&l->roles, key, sizeof(key));
}

/* Is all that a sample's way has below a depth plumbing? */
static bool ends_in_plumbing(const struct stack_tree *t, const struct functions *f,
			     const struct stack_end *end, uint32_t depth)
{
	for (uint32_t n = end->leaf; t->tree.v.v[n].depth > depth; n = t->tree.v.v[n].parent) {
		const struct function *fn = stack_function(t, f, n);

		if (fn && fn->class != FUNCTION_PLUMBING)
			return false;
	}
	return true;
}

struct loop_place loops_place(const struct loops *l, const struct stack_tree *t,
			      const struct functions *f, const struct sample *s,
			      const struct stack_end *end)
{
	struct loop_place place = { .loop = CALL_NONE };
	uint32_t group = t->nodes.v[end->owner].group, unit = EVERYBODY, role = TABLE_NONE;
	uint32_t key[3] = { EVERYBODY, end->owner, end->wait }, n = end->leaf, wait;

	/* A process that was seen too little is like the others of its program. */
	if (l->has_own[s->target] && group != CALL_NONE &&
	    role_of(l, s->target, group) != TABLE_NONE)
		unit = s->target;
	key[0] = group == CALL_NONE ? s->target : unit;
	wait = end->wait == WAIT_NONE ? TABLE_NONE : table_find(&l->waits, key, sizeof(key));
	if (wait != TABLE_NONE) {
		place.loop = wait;
		place.idle = true;
		return place;
	}
	for (; n && role == TABLE_NONE; n = t->tree.v.v[n].parent) {
		role = role_of(l, unit, n);
		place.from = t->tree.v.v[n].depth + 1;
	}
	if (role == TABLE_NONE) {
		place.from = 0;
		return place;
	}
	place.loop = role >> 1;
	place.own = (role & 1) == ROLE_WAIT || ends_in_plumbing(t, f, end, place.from - 1);
	if (place.own)
		place.from = t->tree.v.v[l->v.v[place.loop].node].depth + 1;
	return place;
}
