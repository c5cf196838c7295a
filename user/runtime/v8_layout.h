/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How V8 lays out its objects, in the build at hand: told by the constants that it exports for
 * debuggers (v8dbg_*, written by its tools/gen-postmortem-metadata.py), and, what they leave out,
 * by tables of versions, made by looking at builds of Node.js 14 to 25 (V8 8.4 to 14.1).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define V8_VERSION(major, minor) ((uint32_t)(major) << 16 | (minor))

/* Offsets are in bytes from an object's beginning, types are instance types; -1: not known. */
struct v8_layout {
	uint32_t version; /* V8_VERSION() */

	int map_type; /* of a Map: its objects' instance type, 16 bits */
	int first_nonstring;
	int type_map, type_shared, type_script, type_scope, type_code;
	int type_bytecode, type_interpreter_data;
	int type_bytes, type_trusted_bytes;
	int type_array, type_weak_array, type_trusted_array, type_protected_array;
	int type_trusted_weak_array, type_shared_wrapper;

	int function_shared;
	int shared_data, shared_name, shared_script;
	int script_name, script_source, script_line_offset, script_id;
	int scope_flags;  /* the lower half of a tagged number, or a number of 32 bits */
	int scope_locals; /* how many variables lie in the context */
	int scope_names;  /* of these: their names, or a table of them, and the rest */
	int scope_start;  /* where the function begins in the source; -1: behind the names */
	int string_length, string_chars, string_first, string_second, string_offset;
	int bytecode_length, bytecode_positions, bytecode_data;

	uint32_t position_flags; /* bits: see v8_positions.h */

	/* Code: as one object with its instructions, or beside an InstructionStream. */
	int code_data;      /* deoptimisation data; or the bytecode, of baseline code */
	int code_positions; /* or how bytecodes became instructions, of baseline code */
	int code_stream;    /* the InstructionStream; -1: instructions are in the object itself */
	int code_start;     /* the address of the instructions; without a stream: they themselves */
	int code_size, code_flags;
	int stream_start; /* the instructions in the InstructionStream */
	int deopt_inlined, deopt_literals, deopt_shared, deopt_inlinings; /* indices */

	int frame_bytecode, frame_offset; /* from rbp */
	int frame_wasm;                   /* type of frame */

	uint64_t bytecode_sizes; /* address in the file of the table of their lengths; 0: unknown */
	uint32_t bytecodes;      /* how many there are */
};

#define V8_WHY_MAX 120

/*
 * By an object's symbols and the constants in its data. 0; -ENOEXEC: it is no V8, or one that is
 * laid out in a way that is not known (`why` says so); or another errno.
 */
int v8_layout_read(int fd, struct v8_layout *ret, char why[V8_WHY_MAX]);

/*
 * What the tables know of a version, and nothing from a file: the start of v8_layout_read(), and
 * for tests. -ENOEXEC: it is too old.
 */
int v8_layout_of_version(uint32_t version, struct v8_layout *ret);
