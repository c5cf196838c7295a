/* SPDX-License-Identifier: GPL-2.0-only */
/* All stacks as one tree of functions. */
#include "analysis/stack_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

struct builder {
	struct stack_tree *t;
	const struct report *r;
	const struct functions *f;
	struct call_walk walk;
};

void stack_tree_done(struct stack_tree *t)
{
	call_tree_done(&t->tree);
	vec_done(&t->nodes);
	free(t->ends);
	*t = (struct stack_tree){};
}

const struct function *stack_function(const struct stack_tree *t, const struct functions *f,
				      uint32_t node)
{
	uint32_t what = t->tree.v.v[node].what;

	return what < f->v.n ? &f->v.v[what] : NULL;
}

/* The C library's beginnings of a process; all others begin threads. */
static bool begins_thread(const struct function *f)
{
	return f->class == FUNCTION_STARTER && f->name && strcmp(f->name, "_start") != 0 &&
	       strncmp(f->name, "__libc_start", 12) != 0 && strcmp(f->name, "runtime.main") != 0 &&
	       strncmp(f->name, "std::rt::lang_start", 19) != 0 &&
	       strcmp(f->name, "__restore_rt") != 0;
}

/* A goroutine that runs the program's main is no thread of its own. */
static bool begins_process(const struct function *f)
{
	return f->name && !strcmp(f->name, "runtime.main");
}

static int add_nodes(struct builder *b)
{
	struct stack_tree *t = b->t;
	int err = 0;

	for (uint32_t i = (uint32_t)t->nodes.n; !err && i < t->tree.v.n; i++) {
		uint32_t parent = t->tree.v.v[i].parent;
		const struct function *f = stack_function(t, b->f, i);
		struct stack_node node = { .group = CALL_NONE };

		if (f) {
			node = t->nodes.v[parent];
			node.thread = (node.thread || begins_thread(f)) && !begins_process(f);
			if (node.group == CALL_NONE && f->class != FUNCTION_STARTER &&
			    f->class != FUNCTION_MARK && f->class != FUNCTION_PLUMBING)
				node.group = i;
		}
		err = vec_push(&t->nodes, node);
	}
	return err;
}

/* Whose time it is: the way up to the first node that is no plumbing, but for a program's. */
static void find_owner(struct builder *b, struct stack_end *end)
{
	const struct function *f = stack_function(b->t, b->f, end->leaf);

	end->owner = end->leaf;
	end->call = CALL_NONE;
	while (f && f->class == FUNCTION_PLUMBING) {
		if (f->name)
			end->call = b->t->tree.v.v[end->owner].what;
		end->owner = b->t->tree.v.v[end->owner].parent;
		f = stack_function(b->t, b->f, end->owner);
	}
}

static int add_sample(struct builder *b, const struct sample *s, struct stack_end *end)
{
	const struct stack *stack = &b->r->stacks.v[s->stack];
	uint32_t program;
	int err = call_tree_child(&b->t->tree, 0, (uint32_t)b->f->v.n + s->program, &program);

	err = err ? err : call_walk_from(&b->walk, program);
	for (uint32_t i = 0; !err && i < stack->n; i++) {
		uint32_t function = b->f->of_frame[stack->frames[i]];
		enum function_class class = b->f->v.v[function].class;

		if (!i)
			end->cut = class == FUNCTION_MARK;
		if (class != FUNCTION_KERNEL)
			err = call_walk_step(&b->walk, function);
	}
	if (err)
		return err;
	end->leaf = call_walk_node(&b->walk);
	if (s->blocked)
		end->wait = wait_kind_of(b->f, stack);
	return add_nodes(b);
}

static void builder_done(struct builder *b)
{
	call_walk_done(&b->walk);
}

int stack_tree_init(struct stack_tree *t, const struct report *r, const struct functions *f,
		    const struct samples *s)
{
	_cleanup_(builder_done) struct builder b = { .t = t, .r = r, .f = f };
	int err;

	*t = (struct stack_tree){ .ends = calloc(s->v.n + 1, sizeof(*t->ends)) };
	err = t->ends ? call_tree_init(&t->tree) : -ENOMEM;
	err = err ? err : call_walk_init(&b.walk, &t->tree, (uint32_t)(f->v.n + s->programs.n));
	err = err ? err : add_nodes(&b);
	for (size_t i = 0; !err && i < s->v.n; i++) {
		err = add_sample(&b, &s->v.v[i], &t->ends[i]);
		if (!err)
			find_owner(&b, &t->ends[i]);
	}
	if (err)
		stack_tree_done(t);
	return err;
}
