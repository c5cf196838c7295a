/* SPDX-License-Identifier: GPL-2.0-only */
/* Where CPython keeps what, by version. */
#include "runtime/python_layout.h"

#include <errno.h>
#include <string.h>

#define COOKIE      "xdebugpy"
#define WORDS_MAX   96
#define FINAL_LEVEL 0xc /* of a version: a release candidate; below it: alpha and beta */

/* What did not change. */
#define COMMON                                                                                     \
	.thread_next = 8, .thread_interp = 16, .object_type = 8, .type_name = 24, .type_size = 32, \
	.bytes_size = 16, .bytes_data = 32, .str_length = 16, .str_state = 32
#define OBJECT_FRAMES                                                                              \
	.interpreters = 32, .interp_next = 0, .interp_threads = 8, .thread_id = 176,               \
	.thread_frame = 24, .frame_previous = 24, .frame_code = 32, .code_type_size = 176,         \
	.code_file = 104, .code_name = 112, .code_table = 120, .code_line = 40, .str_ascii = 48,   \
	.str_compact = 72

static const struct python_layout layouts[] = {
	{ COMMON, OBJECT_FRAMES, .minor = 8, .frame_instr = 104, .frame_type_size = 368 },
	{ COMMON, OBJECT_FRAMES, .minor = 9, .frame_instr = 104, .frame_type_size = 368 },
	{ COMMON, OBJECT_FRAMES, .minor = 10, .frame_instr = 96, .frame_type_size = 360,
	  .lines = PYTHON_LINETABLE, .thread_cframe = 48, .cframe_previous = 8 },
	{ COMMON,
	  .minor = 11,
	  .lines = PYTHON_LOCATIONS,
	  .interpreters = 40,
	  .interp_threads = 16,
	  .thread_id = 152,
	  .thread_cframe = 56,
	  .cframe_current = 8,
	  .cframe_previous = 16,
	  .frame_code = 32,
	  .frame_previous = 48,
	  .frame_instr = 56,
	  .frame_end = 68,
	  .frame_type_size = 120,
	  .code_type_size = 184,
	  .code_line = 72,
	  .code_file = 112,
	  .code_name = 120,
	  .code_qualname = 128,
	  .code_table = 136,
	  .code_instrs = 184,
	  .str_ascii = 48,
	  .str_compact = 72 },
	{ COMMON,
	  .minor = 12,
	  .lines = PYTHON_LOCATIONS,
	  .interpreters = 40,
	  .interp_threads = 72,
	  .thread_id = 136,
	  .thread_cframe = 56,
	  .cframe_current = 0,
	  .cframe_previous = 8,
	  .frame_code = 0,
	  .frame_previous = 8,
	  .frame_instr = 56,
	  .frame_end = 70,
	  .frame_type_size = 120,
	  .code_type_size = 192,
	  .code_line = 68,
	  .code_file = 112,
	  .code_name = 120,
	  .code_qualname = 128,
	  .code_table = 136,
	  .code_instrs = 192,
	  .str_ascii = 40,
	  .str_compact = 56 },
};

const struct python_layout *python_layout_of(uint32_t minor)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (layouts[i].minor == minor)
			return &layouts[i];
	}
	return NULL;
}

/* Where in struct _Py_DebugOffsets an offset stands, in words of 8 bytes; by minor version. */
struct told {
	uint8_t minor;
	uint8_t interp_next, interp_threads;
	uint8_t thread_next, thread_interp, thread_frame, thread_id;
	uint8_t frame_previous, frame_code, frame_instr, frame_end;
	uint8_t code_file, code_name, code_qualname, code_table, code_line, code_instrs;
	uint8_t object_type, type_name, bytes_size, bytes_data, str_state, str_length, str_ascii;
	uint8_t thread_base; /* 0: there is none */
};

static const struct told tolds[] = {
	{ 13, 8,  9,  21, 22, 23, 24, 29, 30, 31, 33, 35, 36,
	  37, 38, 39, 43, 45, 47, 65, 66, 68, 69, 70, 0 },
	{ 14, 8,  9,  24, 25, 26, 27, 32, 33, 34, 36, 40, 41,
	  42, 43, 44, 48, 51, 53, 75, 76, 78, 79, 80, 0 },
	{ 15, 8,  9,  24, 25, 26, 30, 40, 41, 42, 44, 48, 49,
	  50, 51, 52, 56, 59, 61, 87, 88, 90, 91, 92, 27 },
};

#define WORD_VERSION       1
#define WORD_FREE_THREADED 2
#define WORD_INTERPRETERS  5

/*
 * Without the GIL: from 3.14 on each thread runs a copy of the instructions, and strings' states
 * are laid out another way.
 */
#define FREE_THREADED_MAX 13

static void fill(struct python_layout *l, const struct told *t, const uint64_t *words)
{
	*l = (struct python_layout){
		.minor = t->minor,
		.lines = PYTHON_LOCATIONS,
		.interpreters = (uint32_t)words[WORD_INTERPRETERS],
		.interp_next = (uint32_t)words[t->interp_next],
		.interp_threads = (uint32_t)words[t->interp_threads],
		.thread_next = (uint32_t)words[t->thread_next],
		.thread_interp = (uint32_t)words[t->thread_interp],
		.thread_frame = (uint32_t)words[t->thread_frame],
		.thread_id = (uint32_t)words[t->thread_id],
		.frame_previous = (uint32_t)words[t->frame_previous],
		.frame_code = (uint32_t)words[t->frame_code],
		.frame_instr = (uint32_t)words[t->frame_instr],
		.frame_end = (uint32_t)words[t->frame_end],
		.code_file = (uint32_t)words[t->code_file],
		.code_name = (uint32_t)words[t->code_name],
		.code_qualname = (uint32_t)words[t->code_qualname],
		.code_table = (uint32_t)words[t->code_table],
		.code_line = (uint32_t)words[t->code_line],
		.code_instrs = (uint32_t)words[t->code_instrs],
		.object_type = (uint32_t)words[t->object_type],
		.type_name = (uint32_t)words[t->type_name],
		.bytes_size = (uint32_t)words[t->bytes_size],
		.bytes_data = (uint32_t)words[t->bytes_data],
		.str_state = (uint32_t)words[t->str_state],
		.str_length = (uint32_t)words[t->str_length],
		.str_ascii = (uint32_t)words[t->str_ascii],
	};
	if (t->thread_base)
		l->thread_base = (uint32_t)words[t->thread_base];
	/* PyCompactUnicodeObject is a PyASCIIObject, a length and a pointer. */
	l->str_compact = l->str_ascii + 16;
}

/* Offsets of what lies in the heads of structures, and of what does not. */
static bool is_sound(const struct python_layout *l)
{
	const uint32_t far[] = { l->interpreters, l->interp_next,   l->interp_threads,
				 l->thread_next,  l->thread_interp, l->thread_frame,
				 l->thread_id,    l->thread_base };
	const uint32_t near[] = { l->frame_previous, l->frame_code,  l->frame_instr,
				  l->frame_end,      l->code_file,   l->code_name,
				  l->code_qualname,  l->code_table,  l->code_line,
				  l->code_instrs,    l->object_type, l->type_name,
				  l->bytes_size,     l->bytes_data,  l->str_state,
				  l->str_length,     l->str_ascii };

	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		if (far[i] % 8 || far[i] > 1 << 20)
			return false;
	}
	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		if (near[i] > 512)
			return false;
	}
	return l->code_instrs && l->thread_frame;
}

int python_layout_read(const struct python_memory *m, uint64_t runtime, struct python_layout *ret,
		       uint32_t *minor, bool *free_threaded)
{
	uint64_t words[WORDS_MAX] = {};
	struct python_layout l;
	int err = python_read(m, runtime, words, sizeof(words));

	if (err)
		return err;
	if (memcmp(words, COOKIE, strlen(COOKIE)) != 0)
		return -ENOENT;
	*minor = (uint32_t)words[WORD_VERSION] >> 16 & 0xff;
	*free_threaded = words[WORD_FREE_THREADED] != 0;
	if (words[WORD_VERSION] >> 24 != 3 || (*free_threaded && *minor > FREE_THREADED_MAX) ||
	    (words[WORD_VERSION] >> 4 & 15) < FINAL_LEVEL)
		return -ENOTSUP;
	for (size_t i = 0; i < sizeof(tolds) / sizeof(tolds[0]); i++) {
		if (tolds[i].minor != *minor)
			continue;
		for (size_t j = 3; j < WORDS_MAX; j++) {
			if (words[j] > UINT32_MAX)
				words[j] = UINT32_MAX; /* not used, or seen to be nonsense */
		}
		fill(&l, &tolds[i], words);
		if (!is_sound(&l))
			return -EINVAL;
		*ret = l;
		return 0;
	}
	return -ENOTSUP;
}
