/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames as functions. */
#include "analysis/functions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/function_class.h"
#include "lib/cleanup.h"

/* What makes two frames one function; strings are interned, so that addresses stand for them. */
struct key {
	const char *name, *file;
	uint64_t start;
	uint32_t object, is_kernel;
};

/* By name and object: what counts calls. */
struct node_key {
	const char *name;
	uint64_t object;
};

struct builder {
	struct functions *f;
	const struct report *r;
	struct table nodes; /* node_key → index */
	bool *has_go;       /* by object: Go's runtime is in it */
	bool *is_host;      /* by object: a virtual machine */
	struct buf scratch;
};

static void builder_done(struct builder *b)
{
	table_done(&b->nodes);
	free(b->has_go);
	free(b->is_host);
	buf_done(&b->scratch);
}

void functions_done(struct functions *f)
{
	vec_done(&f->v);
	free(f->of_frame);
	table_done(&f->index);
	*f = (struct functions){};
}

bool function_is_main(const struct function *f)
{
	size_t len = f->name ? strlen(f->name) : 0;

	if (!len)
		return false;
	return !strcmp(f->name, "main") || !strcmp(f->name, "main.main") ||
	       !strcmp(f->name, "<module>") || (len > 6 && !strcmp(f->name + len - 6, "::main"));
}

static const char *object_name(const struct report *r, uint32_t object)
{
	return object < r->objects.n ? r->objects.v[object].name : "";
}

void function_format(struct buf *b, const struct report *r, const struct function *f)
{
	const char *object = object_name(r, f->object);
	size_t bracket = object[0] == '['; /* "[anon]" brings its own */
	int len = (int)(strlen(object) - 2 * bracket);

	if (f->name && f->kind == FRAME_INTERPRETED)
		buf_printf(b, "%s (%s)", f->name, f->file && f->file[0] ? f->file : "?");
	else if (f->name)
		buf_add_str(b, f->name);
	else if (object[0])
		buf_printf(b, "[%.*s+0x%" PRIx64 "]", len, object + bracket, f->start);
	else
		buf_add_str(b, "[unknown]");
}

/* Nodes that count calls, by name; text is interned, so that the address of a name is its key. */
static int index_nodes(struct builder *b)
{
	for (uint32_t i = 0; i < b->r->nodes.n; i++) {
		const struct node *n = &b->r->nodes.v[i];
		struct node_key key = { .name = n->name, .object = n->object };
		int err;

		if (n->kind == NODE_USDT || n->kind == NODE_SYSCALL)
			continue;
		err = table_add(&b->nodes, &key, sizeof(key), i);
		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

/* Objects that hold Go's runtime or a virtual machine, which their frames tell. */
static int find_runtimes(struct builder *b)
{
	const struct report *r = b->r;

	b->has_go = calloc(r->objects.n + 1, sizeof(*b->has_go));
	b->is_host = calloc(r->objects.n + 1, sizeof(*b->is_host));
	if (!b->has_go || !b->is_host)
		return -ENOMEM;
	vec_foreach (f, &r->frames) {
		if (f->object < r->objects.n && f->name && is_go_root_name(f->name))
			b->has_go[f->object] = true;
	}
	return 0;
}

/*
 * A virtual machine runs interpreted code: the native frame above the outermost of them is its.
 * (That of Python is left out of stacks, so that it would be whoever embeds it.)
 */
static void find_host(struct builder *b, const struct stack *s)
{
	uint32_t object = REPORT_NONE;

	for (uint32_t i = 0; i < s->n && s->frames[i] < b->r->frames.n; i++) {
		const struct frame *f = &b->r->frames.v[s->frames[i]];

		if (f->kind == FRAME_INTERPRETED) {
			if (object < b->r->objects.n && f->language != LANGUAGE_NATIVE &&
			    f->language != LANGUAGE_PYTHON)
				b->is_host[object] = true;
			return;
		}
		if (f->kind == FRAME_USER && f->object < b->r->objects.n &&
		    !is_plumbing_object(object_name(b->r, f->object)))
			object = f->object;
	}
}

/* The kernel's page for return probes, which is in no list of mappings. */
static bool is_trampoline(const struct frame *f, const char *object)
{
	return !f->name && !strcmp(object, "[anon]") && f->offset >> 12 == UINT64_C(0x7fffffffe);
}

static enum function_class classify(const struct builder *b, const struct frame *f)
{
	const char *object = object_name(b->r, f->object);

	if (f->kind == FRAME_TRUNCATED)
		return FUNCTION_MARK;
	if (f->kind == FRAME_KERNEL)
		return FUNCTION_KERNEL;
	if (f->name && is_starter_name(f->name, f->file))
		return FUNCTION_STARTER;
	if (f->kind == FRAME_INTERPRETED)
		return FUNCTION_OWN;
	if (is_plumbing_object(object) || is_trampoline(f, object))
		return FUNCTION_PLUMBING;
	if (f->language != LANGUAGE_NATIVE || is_machine_object(object) ||
	    (f->object < b->r->objects.n && b->is_host[f->object]))
		return FUNCTION_HOST;
	if (!f->name || !f->name[0])
		return FUNCTION_UNNAMED;
	if (is_standard_library_name(f->name) ||
	    (f->object < b->r->objects.n && b->has_go[f->object] && is_go_runtime_name(f->name)))
		return FUNCTION_PLUMBING;
	return FUNCTION_OWN;
}

/* The node that counts calls of a function; its own name, or that of an unnamed one's place. */
static uint32_t node_of(struct builder *b, const struct function *f)
{
	struct node_key key = { .name = f->name, .object = f->object };
	uint32_t i;

	if (f->kind == FRAME_INLINED || f->kind == FRAME_INTERPRETED || f->class == FUNCTION_MARK)
		return REPORT_NONE;
	if (f->name) {
		i = table_find(&b->nodes, &key, sizeof(key));
		return i == TABLE_NONE ? REPORT_NONE : i;
	}
	buf_clear(&b->scratch);
	buf_printf(&b->scratch, "%s+0x%" PRIx64, object_name(b->r, f->object), f->start);
	key.name = strpool_find(&b->r->strings, buf_str(&b->scratch), b->scratch.len);
	i = key.name ? table_find(&b->nodes, &key, sizeof(key)) : TABLE_NONE;
	return i == TABLE_NONE ? REPORT_NONE : i;
}

/* The cold part of a function is that function, where this was seen, too; NULL: no name. */
static const char *whole_name(const struct report *r, const char *name)
{
	size_t len = name ? strlen(name) : 0;
	const char *whole = NULL;

	if (!len)
		return NULL;
	if (len > 5 && !strcmp(name + len - 5, ".cold"))
		whole = strpool_find(&r->strings, name, len - 5);
	return whole ? whole : name;
}

static int add_frame(struct builder *b, uint32_t frame)
{
	const struct frame *fr = &b->r->frames.v[frame];
	struct function fn = { .class = classify(b, fr),
			       .kind = fr->kind,
			       .language = fr->language,
			       .object = fr->object,
			       .name = whole_name(b->r, fr->name) };
	struct key key;
	uint32_t i;
	int err;

	fn.file = fr->kind == FRAME_INTERPRETED ? fr->file : NULL;
	fn.start = fn.name ? 0 : fr->start ? fr->start : fr->offset;
	key = (struct key){ .name = fn.name,
			    .file = fn.file,
			    .start = fn.start,
			    .object = fn.object,
			    .is_kernel = fn.class == FUNCTION_KERNEL };
	if (fn.class == FUNCTION_MARK)
		key = (struct key){ .is_kernel = 2 };
	i = table_find(&b->f->index, &key, sizeof(key));
	if (i == TABLE_NONE) {
		i = (uint32_t)b->f->v.n;
		fn.node = node_of(b, &fn);
		fn.waits = fn.name && is_waiting_name(fn.name, fn.file);
		err = vec_push(&b->f->v, fn);
		err = err ? err : table_add(&b->f->index, &key, sizeof(key), i);
		if (err)
			return err;
	}
	b->f->of_frame[frame] = i;
	return b->scratch.err;
}

int functions_init(struct functions *f, const struct report *r)
{
	_cleanup_(builder_done) struct builder b = { .f = f, .r = r };
	int err;

	*f = (struct functions){ .of_frame = calloc(r->frames.n + 1, sizeof(*f->of_frame)) };
	err = f->of_frame ? index_nodes(&b) : -ENOMEM;
	err = err ? err : find_runtimes(&b);
	for (size_t i = 0; !err && i < r->stacks.n; i++)
		find_host(&b, &r->stacks.v[i]);
	for (uint32_t i = 0; !err && i < r->frames.n; i++)
		err = add_frame(&b, i);
	if (err)
		functions_done(f);
	return err;
}
