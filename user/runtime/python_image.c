/* SPDX-License-Identifier: GPL-2.0-only */
/* What BPF must know of CPython in a process. */
#include "runtime/python_image.h"

#include <errno.h>

#define FRAME_MAX 127 /* bytes that BPF reads of a frame */
#define CODE_MAX  255 /* … and of a code object */

#define FRAME_OWNED_BY_CSTACK 3 /* 3.14: by the interpreter; and whatever comes after it */

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void tell_ends(const struct python_layout *l, struct pb_python_image *ret)
{
	ret->word_current = ret->word_cframe_previous = PB_PYTHON_NONE;
	ret->frame_end = (__u8)l->frame_end;
	ret->mode = l->minor < 10 ? PB_PYTHON_ONE : PB_PYTHON_ENTRY;
	if (l->minor == 11)
		ret->end_min = 1; /* is_entry */
	if (l->minor >= 12) {
		ret->end_min = FRAME_OWNED_BY_CSTACK;
		ret->skips_end = 1;
	}
	if (!l->cframe_previous)
		return;
	ret->mode = PB_PYTHON_CFRAME;
	ret->word_cframe_previous = (__u8)(l->cframe_previous / 8);
	if (l->minor > 10)
		ret->word_current = (__u8)(l->cframe_current / 8);
}

static bool fits(const struct python_layout *l, uint32_t frame_size, uint32_t code_size)
{
	uint32_t words = l->frame_code | l->frame_previous | l->frame_instr | l->code_file |
			 l->code_name | l->code_qualname | l->code_table | l->object_type;

	return frame_size <= FRAME_MAX && code_size <= CODE_MAX && words % 8 == 0 &&
	       l->code_line % 4 == 0 && larger(l->thread_frame, l->thread_cframe) <= UINT16_MAX &&
	       larger(larger(l->thread_id, l->thread_next), l->thread_base) <= UINT16_MAX;
}

int python_image_make(const struct python_process *p, struct pb_python_image *ret)
{
	const struct python_layout *l = p->layout;
	uint32_t qualname = l->code_qualname ? l->code_qualname : l->code_name;
	uint32_t code_size = larger(larger(l->code_file, l->code_name), l->code_table);
	uint32_t frame_size = larger(larger(l->frame_code, l->frame_previous), l->frame_instr);

	frame_size = larger(frame_size + 8, l->frame_end + 1);
	code_size = larger(larger(code_size, qualname), l->code_line) + 8;
	if (!fits(l, frame_size, code_size))
		return -EINVAL;
	*ret = (struct pb_python_image){
		.code_type = p->types.code,
		.interpreters = p->runtime + l->interpreters,
		.main = p->main,
		.interp_next = l->interp_next,
		.interp_threads = l->interp_threads,
		.tls = (__u8)p->slot.kind,
		.tls_offset = p->slot.offset,
		.tls_second = p->slot.second,
		.frame_size = (__u8)frame_size,
		.word_code = (__u8)(l->frame_code / 8),
		.word_previous = (__u8)(l->frame_previous / 8),
		.word_instr = (__u8)(l->frame_instr / 8),
		.instr_shift = l->lines == PYTHON_LNOTAB, /* bytes */
		.word_type = (__u8)(l->object_type / 8),
		.code_size = (__u8)code_size,
		.word_name = (__u8)(l->code_name / 8),
		.word_qualname = (__u8)(qualname / 8),
		.word_file = (__u8)(l->code_file / 8),
		.word_table = (__u8)(l->code_table / 8),
		.half_line = (__u8)(l->code_line / 4),
		.code_instrs = (__u16)l->code_instrs,
		.thread_frame = (__u16)l->thread_frame,
		.thread_cframe = (__u16)l->thread_cframe,
		.thread_id = (__u16)l->thread_id,
		.thread_next = (__u16)l->thread_next,
		.thread_base = (__u16)l->thread_base,
	};
	tell_ends(l, ret);
	return 0;
}
