/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * V8, the JavaScript engine of Node.js. BPF walks its frames along rbp and tells of each its
 * function (a SharedFunctionInfo) and where in its code it was; names are read from the heap at
 * once, after the objects' types and the bits by which BPF knew the function were verified.
 */
#include "runtime/v8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "runtime/v8_builtins.h"
#include "runtime/v8_code.h"
#include "runtime/v8_function.h"
#include "runtime/v8_lines.h"
#include "sym/elf.h"
#include "target/memory.h"

#define BYTECODES_MAX 256
#define SCALES        3

_Static_assert(RUNTIME_WHY_MAX >= V8_WHY_MAX, "layouts say why");

struct v8 {
	uint32_t pid;
	struct v8_layout layout;
	struct v8_lines *lines;
	bool has_lengths;
	uint8_t lengths[SCALES * BYTECODES_MAX]; /* of bytecodes */
};

static int read_process(void *arg, uint64_t addr, void *ret, size_t size)
{
	return memory_read(*(const uint32_t *)arg, addr, ret, size);
}

static struct v8_heap heap_of(struct v8 *v8)
{
	return (struct v8_heap){ .layout = &v8->layout, .read = read_process, .arg = &v8->pid };
}

static int v8_mark(const struct runtime_object *o, unwind_marks *ret)
{
	struct unwind_mark mark = { .mark = PB_RUNTIME_V8 };
	int err = v8_builtins_find(o->fd, &mark.start, &mark.end);

	return err ? err : vec_push(ret, mark);
}

static void v8_close(void *state)
{
	struct v8 *v8 = state;

	if (!v8)
		return;
	v8_lines_free(v8->lines);
	free(v8);
}

DEFINE_CLEANUP(void *, v8_close)

static void fill_image(const struct v8_layout *l, struct pb_v8_image *image)
{
	image->function_shared = (__u32)l->function_shared;
	image->shared_data = (__u32)l->shared_data / 8;
	image->shared_name = (__u32)l->shared_name / 8;
	image->shared_script = (__u32)l->shared_script / 8;
	image->map_type = (__u32)l->map_type;
	image->type_bytecode = (__u32)l->type_bytecode;
	image->bytecode_data = (__u32)l->bytecode_data;
	image->frame_wasm = (__u32)l->frame_wasm;
	image->frame_bytecode = l->frame_bytecode;
}

static int v8_open(const struct runtime_host *h, union pb_runtime_image *image, void **ret,
		   char why[RUNTIME_WHY_MAX])
{
	_cleanup_(v8_closep) void *state = calloc(1, sizeof(struct v8));
	struct v8 *v8 = state;
	int err;

	if (!v8)
		return -ENOMEM;
	v8->pid = h->pid;
	err = v8_layout_read(h->object.fd, &v8->layout, why);
	err = err ? err : v8_lines_new(&v8->lines);
	if (err)
		return err;
	v8->has_lengths = v8->layout.bytecode_sizes &&
			  !memory_read(h->pid, h->bias + v8->layout.bytecode_sizes, v8->lengths,
				       SCALES * (size_t)v8->layout.bytecodes);
	fill_image(&v8->layout, &image->v8);
	*ret = TAKE_PTR(state);
	return 0;
}

static int add_frame(runtime_frames *frames, struct runtime_frame f)
{
	int err = f.name ? vec_push(frames, f) : -ENOMEM;

	if (err) {
		free((char *)f.name);
		free((char *)f.file);
	}
	return err;
}

static int add_label(runtime_frames *frames, const char *label)
{
	return add_frame(frames, (struct runtime_frame){ .name = strdup(label), .native = true });
}

/* Takes over the function's texts. offset: -1: not known. */
static int add_function(struct v8 *v8, struct v8_function *f, int32_t offset, runtime_frames *ret)
{
	struct v8_heap h = heap_of(v8);
	struct runtime_frame frame = { .name = TAKE_PTR(f->name), .file = TAKE_PTR(f->file) };

	if (f->script && offset >= 0)
		frame.line = v8_line(v8->lines, &h, f->script, offset);
	return add_frame(ret, frame);
}

static int add_shared(struct v8 *v8, uint64_t shared, int32_t offset, runtime_frames *ret)
{
	struct v8_heap h = heap_of(v8);
	struct v8_function f;
	int err = v8_function_read(&h, shared, &f);

	return err == -EINVAL ? 0 : err ? err : add_function(v8, &f, offset, ret);
}

/* Functions at a place in code; those of which only the outermost is known have no line. */
static int add_optimized(struct v8 *v8, const struct v8_code *code, uint64_t pc, bool is_return,
			 runtime_frames *ret)
{
	struct v8_inlined inlined[V8_INLINED_MAX];
	struct v8_heap h = heap_of(v8);
	int err = 0, n = 0;

	/* Positions stand at calls: between these, the last one may be another function's. */
	if (is_return)
		n = v8_code_functions(&h, code, (uint32_t)(pc - code->start - 1), inlined);
	if (!n)
		return add_shared(v8, code->shared, -1, ret);
	for (int i = 0; i < n && !err; i++)
		err = add_shared(v8, inlined[i].shared, inlined[i].offset, ret);
	return err;
}

/* Baseline code belongs to the function whose data it is. */
static bool is_baseline_of(const struct v8_heap *h, const struct v8_code *code,
			   const struct v8_function *f)
{
	uint64_t object;

	if (code->kind != V8_CODE_BASELINE && code->kind != V8_CODE_OTHER)
		return false;
	if (f->data == code->object)
		return true;
	return h->layout->version < V8_VERSION(10, 0) && v8_field(h, f->data, 8, &object) &&
	       object == code->object;
}

/*
 * A frame whose function BPF found, at an address in code. At the leaf the code may be of another
 * function, one that has not set up its frame yet or has left it already; then the frame is its
 * caller's.
 */
static int add_compiled(struct v8 *v8, uint64_t shared, struct v8_function *f, uint64_t pc,
			bool is_return, runtime_frames *ret)
{
	struct v8_heap h = heap_of(v8);
	struct v8_code code = {};
	int32_t offset = -1;
	int err = 0;

	if (!v8_code_find(&h, pc, &code))
		return add_function(v8, f, -1, ret);
	if (code.kind == V8_CODE_OPTIMIZED && code.shared == shared)
		return add_optimized(v8, &code, pc, is_return, ret);
	if (is_baseline_of(&h, &code, f)) {
		if (v8->has_lengths)
			offset =
			    v8_code_baseline(&h, &code, v8_bytecode_of(&h, f->data),
					     (uint32_t)(pc - code.start - is_return), v8->lengths);
		return add_function(v8, f, offset, ret);
	}
	if (!is_return && code.kind == V8_CODE_OPTIMIZED)
		err = add_shared(v8, code.shared, -1, ret);
	return err ? err : add_function(v8, f, -1, ret);
}

static bool is_code_of(const struct v8_heap *h, const struct v8_code *code, uint64_t shared,
		       const struct v8_function *f)
{
	return (code->kind == V8_CODE_OPTIMIZED && code->shared == shared) ||
	       is_baseline_of(h, code, f);
}

/* Code of which only the address is known. */
static int add_address(struct v8 *v8, uint64_t pc, bool is_return, runtime_frames *ret)
{
	struct v8_heap h = heap_of(v8);
	struct v8_code code;

	if (!v8_code_find(&h, pc, &code))
		return 0;
	if (code.kind == V8_CODE_OPTIMIZED)
		return add_optimized(v8, &code, pc, is_return, ret);
	return code.kind == V8_CODE_REGEXP ? add_label(ret, "(regular expression)") : 0;
}

static int add_word(struct v8 *v8, const struct runtime_word *w, runtime_frames *ret)
{
	struct v8_heap h = heap_of(v8);
	uint64_t shared = PB_V8_SHARED(w->what), at = PB_V8_AT(w->where);
	uint32_t check, kind = PB_V8_KIND(w->where);
	struct v8_function f;
	struct v8_code code;
	int32_t offset = -1;
	int err;

	if (!v8_function_check(&h, shared, &check) || check != PB_V8_CHECK_OF(w->what, w->where))
		return 0;
	err = v8_function_read(&h, shared, &f);
	if (err)
		return err == -EINVAL ? 0 : err;
	if (kind == PB_V8_ENTERED) {
		if (!v8_code_find(&h, at, &code) || !is_code_of(&h, &code, shared, &f)) {
			v8_function_done(&f);
			return add_address(v8, at, false, ret);
		}
		return add_function(v8, &f, -1, ret);
	}
	if (kind == PB_V8_COMPILED)
		return add_compiled(v8, shared, &f, at, PB_V8_IS_RETURN(w->where), ret);
	if (kind == PB_V8_INTERPRETED)
		offset = v8_bytecode_position(&h, v8_bytecode_of(&h, f.data), (uint32_t)at);
	if (kind == PB_V8_STUB && v8_code_find(&h, at, &code) && is_code_of(&h, &code, shared, &f))
		return add_compiled(v8, shared, &f, at, true, ret);
	return add_function(v8, &f, offset, ret);
}

static int v8_frames(void *state, const struct runtime_word *w, runtime_frames *ret)
{
	if (w->is_address)
		return add_address(state, w->what, w->is_return, ret);
	if (w->what == PB_V8_WASM)
		return add_label(ret, "(WebAssembly)");
	return add_word(state, w, ret);
}

static const char *const exports[] = { "v8dbg_class_JSFunction__shared__SharedFunctionInfo",
				       "v8dbg_SmiTagMask", NULL };

const struct runtime runtime_v8 = {
	.name = "JavaScript",
	.kind = PB_RUNTIME_V8,
	.exports = exports,
	.needed = 2,
	.has_jit = true,
	.mark = v8_mark,
	.open = v8_open,
	.frames = v8_frames,
	.close = v8_close,
};
