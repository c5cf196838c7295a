/* SPDX-License-Identifier: GPL-2.0-only */
/* CPython 3.8 and later, as a program or a library. */
#include "runtime/python.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/table.h"
#include "runtime/python_image.h"
#include "runtime/python_lines.h"
#include "sym/codeparts.h"
#include "target/memory.h"

#define CODES_MAX   20000
#define TABLES_MAX  (16 << 20) /* bytes */
#define FINAL_LEVEL 0xc        /* of a version: a release candidate; below it: alpha and beta */

enum export {
	EXPORT_RUNTIME,
	EXPORT_EVAL,
	EXPORT_CODE_TYPE,
	EXPORTS_NEEDED,
	EXPORT_VERSION = EXPORTS_NEEDED, /* since 3.11 */
	EXPORT_NEW_REF,                  /* since 3.10 */
	EXPORT_POS_ONLY,                 /* since 3.8 */
	EXPORT_FRAME_TYPE,
};

static const char *const export_names[] = {
	[EXPORT_RUNTIME] = "_PyRuntime",      [EXPORT_EVAL] = "_PyEval_EvalFrameDefault",
	[EXPORT_CODE_TYPE] = "PyCode_Type",   [EXPORT_VERSION] = "Py_Version",
	[EXPORT_NEW_REF] = "Py_NewRef",       [EXPORT_POS_ONLY] = "PyCode_NewWithPosOnlyArgs",
	[EXPORT_FRAME_TYPE] = "PyFrame_Type", NULL,
};

struct code_key {
	uint64_t code, check;
};

struct python {
	uint32_t pid;
	struct python_memory memory;
	struct python_layout layout;
	struct python_process process;
	VEC(struct python_code) codes;
	struct table index; /* struct code_key → codes */
	size_t tables;      /* bytes */
};

static int read_memory(void *arg, uint64_t addr, void *ret, size_t size)
{
	const struct python *py = arg;

	return memory_read(py->pid, addr, ret, size);
}

static int mark_python(const struct runtime_object *o, unwind_marks *ret)
{
	const struct export_symbol *eval = &o->exports[EXPORT_EVAL];
	code_parts parts = {};
	int err = codeparts_find(o->fd, eval->addr, &parts);

	vec_foreach (p, &parts) {
		struct unwind_mark mark = { p->start, p->end, PB_RUNTIME_PYTHON };

		err = err ? err : vec_push(ret, mark);
	}
	vec_done(&parts);
	return err;
}

/* The version by what is exported, before 3.13 tells itself. 0: unknown. */
static uint32_t minor_of(const struct python *py, const struct runtime_host *h, bool *final)
{
	const struct export_symbol *e = h->object.exports;
	uint64_t version;

	*final = true;
	if (e[EXPORT_VERSION].addr) {
		version = python_word(&py->memory, e[EXPORT_VERSION].addr + h->bias);
		*final = (version >> 4 & 15) >= FINAL_LEVEL;
		return version >> 24 == 3 ? version >> 16 & 0xff : 0;
	}
	if (e[EXPORT_NEW_REF].addr)
		return 10;
	return e[EXPORT_POS_ONLY].addr ? 9 : 7; /* 3.8 and 3.9 are laid out the same way */
}

static int find_layout(struct python *py, const struct runtime_host *h, char why[RUNTIME_WHY_MAX])
{
	bool final, free_threaded = false;
	uint32_t minor = minor_of(py, h, &final);
	const struct python_layout *known = python_layout_of(minor);
	int err = known && final ? 0 : -ENOTSUP;

	if (minor >= 13)
		err = python_layout_read(&py->memory,
					 h->object.exports[EXPORT_RUNTIME].addr + h->bias,
					 &py->layout, &minor, &free_threaded);
	else if (!err)
		py->layout = *known;
	/* The library may be about to be mapped. */
	if (!minor || err == -EFAULT || err == -ENOENT)
		err = -EAGAIN;
	if (free_threaded)
		snprintf(why, RUNTIME_WHY_MAX, "CPython 3.%" PRIu32 " without the GIL is not known",
			 minor);
	else if (err == -ENOTSUP)
		snprintf(why, RUNTIME_WHY_MAX, "CPython 3.%" PRIu32 "%s is not known", minor,
			 final ? "" : " before its release");
	else if (err)
		snprintf(why, RUNTIME_WHY_MAX, "CPython does not tell how it is laid out");
	return err;
}

static void close_python(void *state)
{
	struct python *py = state;

	if (!py)
		return;
	vec_foreach (c, &py->codes)
		python_code_done(c);
	vec_done(&py->codes);
	table_done(&py->index);
	free(py);
}
DEFINE_CLEANUP(void *, close_python)

static int open_python(const struct runtime_host *h, union pb_runtime_image *image, void **ret,
		       char why[RUNTIME_WHY_MAX])
{
	const struct export_symbol *e = h->object.exports;
	struct python *py = calloc(1, sizeof(*py));
	_cleanup_(close_pythonp) void *owner = py;
	const char *what = "";
	int err;

	if (!py)
		return -ENOMEM;
	py->pid = h->pid;
	py->memory = (struct python_memory){ read_memory, py };
	err = find_layout(py, h, why);
	if (err)
		return err;
	py->process = (struct python_process){
		.memory = &py->memory,
		.layout = &py->layout,
		.runtime = e[EXPORT_RUNTIME].addr + h->bias,
		.types.code = e[EXPORT_CODE_TYPE].addr + h->bias,
		.frame_type = e[EXPORT_FRAME_TYPE].addr ? e[EXPORT_FRAME_TYPE].addr + h->bias : 0,
	};
	err = python_process_check(&py->process, &what);
	if (!err) {
		what = "its structures are too large";
		err = python_image_make(&py->process, &image->python);
	}
	if (err) {
		snprintf(why, RUNTIME_WHY_MAX, "CPython 3.%" PRIu32 ": %s", py->layout.minor, what);
		return err;
	}
	*ret = TAKE_PTR(owner);
	return 0;
}

static void drop_codes(struct python *py)
{
	vec_foreach (c, &py->codes)
		python_code_done(c);
	vec_done(&py->codes);
	table_done(&py->index);
	py->tables = 0;
}

/* The code object that BPF saw; *ret NULL: there is another one now, or none. */
static int find_code(struct python *py, uint64_t code, uint32_t check, struct python_code **ret)
{
	struct code_key key = { code, check };
	uint32_t i = table_find(&py->index, &key, sizeof(key));
	struct python_code c;
	int err;

	*ret = i == TABLE_NONE ? NULL : &py->codes.v[i];
	if (*ret)
		return 0;
	err = python_code_read(&py->memory, &py->layout, &py->process.types, code, &c);
	if (err)
		return err == -ENOMEM ? err : 0;
	if (c.check != check) {
		python_code_done(&c);
		return 0;
	}
	if (py->codes.n >= CODES_MAX || py->tables > TABLES_MAX)
		drop_codes(py);
	i = (uint32_t)py->codes.n;
	err = vec_push(&py->codes, c);
	if (err) {
		python_code_done(&c);
		return err;
	}
	py->tables += c.table_size;
	*ret = &py->codes.v[i];
	return table_add(&py->index, &key, sizeof(key), i);
}

static int name_frames(void *state, const struct runtime_word *w, runtime_frames *ret)
{
	struct python *py = state;
	uint32_t instr = w->where & ((1U << PB_PYTHON_INSTR_BITS) - 1);
	struct runtime_frame f = {};
	struct python_code *c = NULL;
	int err = w->is_address || !w->what
		      ? 0
		      : find_code(py, w->what, (uint32_t)(w->where >> PB_PYTHON_INSTR_BITS), &c);

	if (err || !c)
		return err;
	if (c->hidden)
		return RUNTIME_NOTHING;
	f.name = strdup(c->name);
	f.file = c->file ? strdup(c->file) : NULL;
	f.line = instr ? python_line(py->layout.lines, c->table, c->table_size, c->line, instr - 1)
		       : c->line;
	err = f.name && (f.file || !c->file) ? vec_push(ret, f) : -ENOMEM;
	if (err) {
		free((char *)f.name);
		free((char *)f.file);
	}
	return err;
}

const struct runtime runtime_python = {
	.name = "Python",
	.kind = PB_RUNTIME_PYTHON,
	.exports = export_names,
	.needed = EXPORTS_NEEDED,
	.hides_host = true,
	.mark = mark_python,
	.open = open_python,
	.frames = name_frames,
	.close = close_python,
};
