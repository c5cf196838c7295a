/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where CPython keeps what, by version. Of 3.13 and later the process itself tells: a struct
 * _Py_DebugOffsets stands at the beginning of _PyRuntime (Include/internal/pycore_debug_offsets.h,
 * 3.13: pycore_runtime.h). The structures of 3.8 to 3.12 did not change within a minor version, so
 * these are in a table here.
 */
#pragma once

#include "runtime/python_memory.h"

#define PYTHON_VERSION(minor) (3U << 8 | (minor))
#define PYTHON_MINOR_MIN      8
#define PYTHON_MINOR_MAX      15

/* How lines are told. */
enum python_lines {
	PYTHON_LNOTAB,    /* to 3.9 */
	PYTHON_LINETABLE, /* 3.10 */
	PYTHON_LOCATIONS, /* since 3.11 */
};

/* Offsets in bytes. */
struct python_layout {
	uint32_t minor; /* of version 3 */
	enum python_lines lines;
	/* _PyRuntime, PyInterpreterState, PyThreadState, CFrame */
	uint32_t interpreters, interp_next, interp_threads;
	uint32_t thread_next, thread_interp, thread_id;
	uint32_t thread_frame;  /* of the frame at the top; not 3.11, 3.12 */
	uint32_t thread_cframe; /* 3.10 to 3.12 */
	uint32_t thread_base;   /* since 3.15: the list of frames ends in one that is none */
	uint32_t cframe_current, cframe_previous; /* current: 3.11, 3.12 */
	/* PyFrameObject, since 3.11 _PyInterpreterFrame; instr: f_lasti, prev_instr, instr_ptr */
	uint32_t frame_previous, frame_code, frame_instr;
	uint32_t frame_end;       /* 3.11: is_entry; since 3.12: owner */
	uint32_t frame_type_size; /* tp_basicsize of PyFrame_Type; 0: not checked */
	/* PyCodeObject */
	uint32_t code_type_size; /* the same of PyCode_Type */
	uint32_t code_file, code_name, code_qualname, code_table, code_line, code_instrs;
	/* PyObject, PyTypeObject, PyBytesObject, PyASCIIObject */
	uint32_t object_type;
	uint32_t type_name, type_size;
	uint32_t bytes_size, bytes_data;
	uint32_t str_length, str_state, str_ascii, str_compact; /* the latter two: text */
};

/* That of 3.8 to 3.12; NULL: there is no such. */
const struct python_layout *python_layout_of(uint32_t minor);
/*
 * That of 3.13 and later, as told at the address of _PyRuntime. 0, -ENOENT (nothing is told
 * there), -ENOTSUP (of a kind or version that is not known: *minor and *free_threaded say which),
 * -EINVAL (nonsense), or -EFAULT.
 */
int python_layout_read(const struct python_memory *m, uint64_t runtime, struct python_layout *ret,
		       uint32_t *minor, bool *free_threaded);
