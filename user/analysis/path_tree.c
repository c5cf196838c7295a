/* SPDX-License-Identifier: GPL-2.0-only */
/* Samples as paths. */
#include "analysis/path_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/path_counted.h"
#include "analysis/path_names.h"
#include "lib/cleanup.h"

struct builder {
	struct path_tree *t;
	struct report *r;
	const struct stacks *s;
	struct call_walk walk;
	struct path_names path; /* of a sample */
	struct path_counted counted;
	struct table heaviest; /* a function's node with most time: see add_cut() */
	struct table idle;     /* text → index of report.idle */
	struct buf text;
};

static void builder_done(struct builder *b)
{
	call_walk_done(&b->walk);
	path_names_done(&b->path);
	path_counted_done(&b->counted);
	table_done(&b->heaviest);
	table_done(&b->idle);
	buf_done(&b->text);
}

void path_tree_done(struct path_tree *t)
{
	call_tree_done(&t->tree);
	vec_done(&t->nodes);
	free(t->ends);
	free(t->of_path);
	*t = (struct path_tree){};
}

static const struct function *function_of(const struct builder *b, uint32_t i)
{
	return &b->s->functions.v.v[i];
}

static uint32_t functions_n(const struct builder *b)
{
	return (uint32_t)b->s->functions.v.n;
}

/* Brings the nodes up to what the tree has. */
static int add_nodes(struct builder *b)
{
	uint32_t n = functions_n(b), loops = n + (uint32_t)b->r->nodes.n;
	int err = 0;

	for (uint32_t i = (uint32_t)b->t->nodes.n; !err && i < b->t->tree.v.n; i++) {
		uint32_t what = b->t->tree.v.v[i].what;
		struct path_node node = { .function = CALL_NONE,
					  .path = REPORT_NONE,
					  .home = CALL_NONE };

		if (what < n) {
			enum function_class class = function_of(b, what)->class;

			node.function = what;
			node.minor = class == FUNCTION_PLUMBING || class == FUNCTION_HOST;
		} else if (what >= loops && what != CALL_NONE) {
			node.function = what - loops;
			node.loop = true;
		}
		err = vec_push(&b->t->nodes, node);
	}
	return err;
}

/* The counted paths come first. */
static int add_counted(struct builder *b)
{
	struct path_tree *t = b->t;
	int err = add_nodes(b);

	for (uint32_t i = 0; !err && i < b->r->paths.n; i++) {
		const struct path *p = &b->r->paths.v[i];
		uint32_t parent = p->parent < i ? t->of_path[p->parent] : 0, node;

		err = call_tree_child(&t->tree, parent, functions_n(b) + p->node, &node);
		err = err ? err : add_nodes(b);
		if (err)
			return err;
		t->of_path[i] = node;
		if (node && t->nodes.v[node].path == REPORT_NONE) /* else there is no room */
			t->nodes.v[node].path = i;
	}
	return err;
}

static uint32_t loop_function(const struct builder *b, uint32_t loop)
{
	const struct loop *l = &b->s->loops.v.v[loop];

	return l->function != CALL_NONE ? l->function : b->s->tree.tree.v.v[l->node].what;
}

/* The root for a loop's own time. */
static int loop_node(struct builder *b, uint32_t loop, uint32_t *ret)
{
	uint32_t what = functions_n(b) + (uint32_t)b->r->nodes.n;

	return call_tree_child(&b->t->tree, 0, what + loop_function(b, loop), ret);
}

/*
 * All loops' nodes are there from the start: a request that begins at such a function is no other.
 */
static int add_loops(struct builder *b)
{
	uint32_t node;
	int err = 0;

	for (uint32_t i = 0; !err && i < b->s->loops.v.n; i++)
		err = loop_node(b, i, &node);
	return err ? err : add_nodes(b);
}

/* The loop's node that a path without caller begins at; else 0. */
static uint32_t same_loop(const struct builder *b)
{
	uint32_t what = functions_n(b) + (uint32_t)b->r->nodes.n;
	uint32_t node = b->path.names.n ? call_tree_find(&b->t->tree, 0, what + b->path.names.v[0])
					: TABLE_NONE;

	return node == TABLE_NONE ? 0 : node;
}

/* Adds to the idle time of a place that stands in b->text. */
static int add_idle(struct builder *b, const struct sample *s)
{
	const char *where = buf_str(&b->text);
	uint32_t i = table_find(&b->idle, where, b->text.len);

	if (b->text.err)
		return b->text.err;
	if (i == TABLE_NONE) {
		struct idle idle = { .where = report_str(b->r, where) };

		i = (uint32_t)b->r->idle.n;
		if (!idle.where || vec_push(&b->r->idle, idle) ||
		    table_add(&b->idle, where, b->text.len, i))
			return -ENOMEM;
	}
	b->r->idle.v[i].count += s->count;
	b->r->idle.v[i].total_ns += s->ns;
	b->r->attributed.idle_ns += s->ns;
	return 0;
}

static int add_loop_idle(struct builder *b, const struct sample *s, uint32_t loop, uint32_t call)
{
	const struct stack_tree *t = &b->s->tree;
	uint32_t function = loop_function(b, loop);
	bool has_own = t->nodes.v[b->s->loops.v.v[loop].node].group != CALL_NONE;

	buf_clear(&b->text);
	/* A thread of a library's has no function of its own. */
	if (has_own || call == CALL_NONE)
		function_format(&b->text, b->r, function_of(b, function));
	if (call != CALL_NONE && (call != function || !has_own)) {
		buf_add_str(&b->text, b->text.len ? " > " : "");
		function_format(&b->text, b->r, function_of(b, call));
	}
	return add_idle(b, s);
}

/* Steps down from a node by the names; *ret: where that ends. */
static int add_names(struct builder *b, uint32_t base, uint32_t *ret)
{
	const struct path_node *n = &b->t->nodes.v[base];
	uint32_t i = 0;
	int err = call_walk_from(&b->walk, base);

	/* The loop's function itself is the loop. */
	while (n->loop && i < b->path.names.n && b->path.names.v[i] == n->function)
		i++;
	for (; !err && i < b->path.names.n; i++)
		err = call_walk_step(&b->walk, b->path.names.v[i]);
	*ret = call_walk_node(&b->walk);
	return err ? err : add_nodes(b);
}

/* Kernel threads wait for what others ask of them. */
static int add_kernel_sample(struct builder *b, const struct sample *s, const struct stack *stack,
			     uint32_t *ret)
{
	int err = path_names_kernel(&b->path, &b->s->functions, stack);

	if (err || !b->path.names.n)
		return err;
	if (!s->blocked)
		return add_names(b, 0, ret);
	*ret = CALL_NONE;
	buf_clear(&b->text);
	function_format(&b->text, b->r, function_of(b, b->path.names.v[0]));
	return add_idle(b, s);
}

/* The outermost node on the way to one. */
static uint32_t root_of(const struct path_tree *t, uint32_t node)
{
	while (node && t->tree.v.v[node].parent)
		node = t->tree.v.v[node].parent;
	return node;
}

/*
 * Of a stack whose root is missing one knows the functions at its end: they are put where the
 * first of them takes most time otherwise.
 */
static uint32_t graft(const struct builder *b)
{
	uint32_t node = b->path.names.n
			    ? table_find(&b->heaviest, &b->path.names.v[0], sizeof(uint32_t))
			    : TABLE_NONE;

	return node == TABLE_NONE ? 0 : b->t->tree.v.v[node].parent;
}

/* A request's root remembers the loop that calls it. */
static void set_home(struct path_tree *t, uint32_t node, uint32_t loop)
{
	struct path_node *root = &t->nodes.v[root_of(t, node)];

	if (node && loop && root->path == REPORT_NONE && !root->loop && root->home == CALL_NONE)
		root->home = loop;
}

static int add_sample(struct builder *b, uint32_t i)
{
	const struct sample *s = &b->s->samples.v.v[i];
	const struct stack_end *end = &b->s->tree.ends[i];
	const struct stack *stack = &b->r->stacks.v[s->stack];
	struct loop_place place = loops_place(&b->s->loops, &b->s->tree, &b->s->functions, s, end);
	uint32_t base, from, loop = 0;
	int err = path_names_chain(&b->path, &b->s->tree, end->leaf);

	if (place.idle) {
		b->t->ends[i] = CALL_NONE;
		return err ? err : add_loop_idle(b, s, place.loop, end->call);
	}
	if (!err && place.loop != CALL_NONE)
		err = loop_node(b, place.loop, &loop);
	err = err ? err : path_counted_find(&b->counted, &b->path, stack, &base, &from);
	if (err)
		return err;
	if (!base && !b->path.chain.n)
		return add_kernel_sample(b, s, stack, &b->t->ends[i]);
	if (!base && place.own)
		base = loop;
	if (place.from >= 2 && place.from - 2 > from)
		from = place.from - 2;
	err = path_names_find(&b->path, &b->s->functions, from);
	if (!base && end->cut)
		base = graft(b);
	if (!base)
		base = same_loop(b);
	err = err ? err : add_names(b, base, &b->t->ends[i]);
	if (!err && !place.own)
		set_home(b->t, b->t->ends[i], loop);
	return err;
}

/* Finds each function's node with most time so far. */
static int find_heaviest(struct builder *b)
{
	const struct path_tree *t = b->t;
	_cleanup_free_ uint64_t *ns = calloc(t->nodes.n, sizeof(*ns));
	_cleanup_free_ uint32_t *best = calloc(functions_n(b) + 1, sizeof(*best));
	int err = 0;

	if (!ns || !best)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->s->samples.v.n; i++) {
		uint32_t n = t->ends[i] == CALL_NONE ? 0 : t->ends[i];

		for (; n; n = t->tree.v.v[n].parent)
			ns[n] += b->s->samples.v.v[i].ns;
	}
	for (uint32_t n = 1; n < t->nodes.n; n++) {
		uint32_t function = t->nodes.v[n].function;

		if (function != CALL_NONE && !t->nodes.v[n].loop &&
		    (!best[function] || ns[n] > ns[best[function]]))
			best[function] = n;
	}
	for (uint32_t f = 0; !err && f < functions_n(b); f++) {
		if (best[f])
			err = table_add(&b->heaviest, &f, sizeof(f), best[f]);
	}
	return err;
}

static int add_samples(struct builder *b)
{
	uint32_t n = (uint32_t)b->s->samples.v.n;
	int err = 0;

	for (uint32_t i = 0; !err && i < n; i++) {
		if (!b->s->tree.ends[i].cut)
			err = add_sample(b, i);
	}
	err = err ? err : find_heaviest(b);
	for (uint32_t i = 0; !err && i < n; i++) {
		if (b->s->tree.ends[i].cut)
			err = add_sample(b, i);
	}
	return err;
}

static int by_time(const void *a, const void *b)
{
	const struct idle *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns > y->total_ns ? -1 : 1;
	return strcmp(x->where, y->where);
}

int path_tree_init(struct path_tree *t, struct report *r, const struct stacks *s)
{
	_cleanup_(builder_done) struct builder b = { .t = t, .r = r, .s = s };
	uint32_t whats = 2 * (uint32_t)s->functions.v.n + (uint32_t)r->nodes.n;
	int err;

	*t = (struct path_tree){ .ends = calloc(s->samples.v.n + 1, sizeof(*t->ends)),
				 .of_path = calloc(r->paths.n + 1, sizeof(*t->of_path)) };
	b.counted = (struct path_counted){ .r = r,
					   .f = &s->functions,
					   .tree = &t->tree,
					   .of_path = t->of_path,
					   .stacks = &s->tree };
	err = t->ends && t->of_path ? call_tree_init(&t->tree) : -ENOMEM;
	err = err ? err : call_walk_init(&b.walk, &t->tree, whats);
	err = err ? err : add_counted(&b);
	err = err ? err : add_loops(&b);
	err = err ? err : add_samples(&b);
	if (err) {
		path_tree_done(t);
		return err;
	}
	t->all[0] = s->samples.cpu_ns;
	t->all[1] = s->samples.offcpu_ns - r->attributed.idle_ns;
	if (r->idle.n)
		qsort(r->idle.v, r->idle.n, sizeof(*r->idle.v), by_time);
	return 0;
}
