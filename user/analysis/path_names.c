/* SPDX-License-Identifier: GPL-2.0-only */
/* Which functions of a stack make a path. */
#include "analysis/path_names.h"

#include <errno.h>
#include <string.h>

void path_names_done(struct path_names *p)
{
	vec_done(&p->chain);
	vec_done(&p->names);
	vec_done(&p->unnamed);
}

int path_names_chain(struct path_names *p, const struct stack_tree *t, uint32_t leaf)
{
	uint32_t n = t->tree.v.v[leaf].depth;

	n = n ? n - 1 : 0; /* the program's node is none */
	p->chain.n = 0;
	if (vec_reserve(&p->chain, n))
		return -ENOMEM;
	p->chain.n = n;
	for (uint32_t i = n; i; i--, leaf = t->tree.v.v[leaf].parent)
		p->chain.v[i - 1] = t->tree.v.v[leaf].what;
	return 0;
}

/* What a virtual machine calls by such names is how it runs code, not what it does for it. */
static bool is_dispatch(const struct function *f)
{
	static const char *const prefixes[] = {
		"Builtins_",
		"global::",
		"v8::Function::Call",
		"v8::internal::Execution",
		"v8::internal::(anonymous namespace)::Invoke",
	};

	for (size_t i = 0; f->name && i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!strncmp(f->name, prefixes[i], strlen(prefixes[i])))
			return true;
	}
	return !f->name;
}

/* Takes the chain's functions apart, from an index on. */
struct parts {
	uint32_t host, plumbing; /* called last, if nothing of the program's came after it */
};

static int add_part(struct path_names *p, const struct functions *f, uint32_t function,
		    struct parts *parts)
{
	const struct function *fn = &f->v.v[function];

	switch (fn->class) {
	case FUNCTION_OWN:
		*parts = (struct parts){ CALL_NONE, CALL_NONE };
		return vec_push(&p->names, function);
	case FUNCTION_UNNAMED:
		*parts = (struct parts){ CALL_NONE, CALL_NONE };
		return vec_push(&p->unnamed, function);
	case FUNCTION_HOST:
		if (parts->host == CALL_NONE && !is_dispatch(fn))
			parts->host = function;
		return 0;
	case FUNCTION_PLUMBING:
		if (parts->plumbing == CALL_NONE && fn->name)
			parts->plumbing = function;
		return 0;
	default:
		return 0;
	}
}

int path_names_find(struct path_names *p, const struct functions *f, uint32_t from)
{
	struct parts parts = { CALL_NONE, CALL_NONE };
	bool named;
	int err = 0;

	p->names.n = p->unnamed.n = 0;
	for (uint32_t i = from; !err && i < p->chain.n; i++)
		err = add_part(p, f, p->chain.v[i], &parts);
	named = p->names.n;
	for (uint32_t i = 0; !err && !named && i < p->unnamed.n; i++)
		err = vec_push(&p->names, p->unnamed.v[i]);
	if (!err && parts.host != CALL_NONE)
		err = vec_push(&p->names, parts.host);
	if (!err && parts.plumbing != CALL_NONE)
		err = vec_push(&p->names, parts.plumbing);
	return err;
}

int path_names_kernel(struct path_names *p, const struct functions *f, const struct stack *stack)
{
	uint32_t i = 0;

	p->names.n = 0;
	for (; i < stack->n; i++) {
		const struct function *fn = &f->v.v[f->of_frame[stack->frames[i]]];

		if (fn->class != FUNCTION_KERNEL || !fn->name)
			return 0;
		if (!strncmp(fn->name, "ret_from_fork", 13) || !strcmp(fn->name, "kthread"))
			continue;
		/* Without that beginning it is a process's, whose own frames are not known. */
		return i ? vec_push(&p->names, f->of_frame[stack->frames[i]]) : 0;
	}
	return 0;
}
