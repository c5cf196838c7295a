/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions without unwind information: is their caller found by a frame pointer? */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "sym/framecode.h"

#define PUSH  "\x55"
#define MOVE  "\x48\x89\xe5" /* mov %rsp,%rbp */
#define LOAD  "\x48\x8b\xec" /* the same, as other assemblers write it */
#define ENDBR "\xf3\x0f\x1e\xfa"
#define SUB   "\x48\x83\xec\x10" /* sub $0x10,%rsp */
#define ADD   "\x48\x83\xc4\x10"
#define INC   "\xff\xc0"     /* inc %eax */
#define CALL  "\xe8\0\0\0\0" /* call, to anywhere */
#define POP   "\x5d"
#define LEAVE "\xc9"
#define RET   "\xc3"
#define NOP4  "\x0f\x1f\x40\0"
#define INT3  "\xcc"
#define JE(n) "\x74" n

struct place {
	char code[64];
	size_t size, at;
	bool found;
};

#define PLACE(before, behind, found)                                                               \
	{                                                                                          \
		before behind, sizeof(before behind) - 1, sizeof(before) - 1, found                \
	}

ParameterizedTestParameters(framecode, knows_where_the_caller_is)
{
	static struct place places[] = {
		PLACE("", PUSH MOVE, true),
		PLACE("", PUSH LOAD, true),
		PLACE("", ENDBR PUSH MOVE, true),
		PLACE(ENDBR, PUSH MOVE, true),
		PLACE(PUSH, MOVE INC, true),
		PLACE(PUSH MOVE, INC RET, true),
		PLACE(PUSH INC MOVE, INC RET, true),
		PLACE(PUSH INC, INC MOVE RET, false), /* neither here nor there */
		PLACE(PUSH MOVE SUB CALL, INC LEAVE RET, true),
		PLACE(PUSH MOVE SUB CALL LEAVE, RET, true),
		PLACE(PUSH MOVE POP, INC RET, false), /* rbp is the caller's again */
		PLACE(PUSH MOVE JE("\x02") POP RET, INC POP RET, true),
		PLACE(INC, INC RET, false), /* has no frame */
		PLACE(INC, RET, true),      /* but is about to return */
		PLACE(SUB CALL, ADD RET, false),
		PLACE(PUSH SUB CALL, ADD POP RET, false), /* keeps rbp for its caller only */
		PLACE("", PUSH INC, false),
		PLACE("", MOVE, false),
		PLACE(PUSH "\x06", MOVE, false), /* no code */
		PLACE("", "", false),
	};

	return cr_make_param_array(struct place, places, sizeof(places) / sizeof(*places));
}

ParameterizedTest(struct place *p, framecode, knows_where_the_caller_is)
{
	bool found = framecode_finds_caller((const uint8_t *)p->code, p->size, p->at);

	cr_expect_eq(found, p->found, "at byte %zu of %zu", p->at, p->size);
}

ParameterizedTestParameters(framecode, does_not_take_one_functions_frame_for_anothers)
{
	static struct place places[] = {
		PLACE(RET PUSH MOVE INC, INC, true),
		PLACE(RET PUSH MOVE INC RET, INC, false),
		PLACE(PUSH MOVE LEAVE RET NOP4, INC, false),
		PLACE(PUSH MOVE LEAVE RET INT3 INT3, INC, false),
		PLACE(PUSH MOVE JE("\x06") LEAVE RET NOP4 INC, INC, true), /* it goes on there */
		PLACE(PUSH MOVE JE("\x01") LEAVE RET NOP4 INC, INC, false),
		PLACE(PUSH MOVE JE("\x02") LEAVE RET LEAVE, INC, false), /* it has left its frame */
		PLACE(PUSH "\x48\x83\x3d\0\0\0\0\0" MOVE INC, INC, true),
		PLACE(INC, INC, false),
		PLACE("", INC, false),
	};

	return cr_make_param_array(struct place, places, sizeof(places) / sizeof(*places));
}

ParameterizedTest(struct place *p, framecode, does_not_take_one_functions_frame_for_anothers)
{
	bool found = framecode_has_frame((const uint8_t *)p->code, p->size, p->at);

	cr_expect_eq(found, p->found, "at byte %zu of %zu", p->at, p->size);
}

Test(framecode, stays_within_the_code_that_there_is)
{
	static const uint8_t code[] = { 0x55, 0x48, 0x89, 0xe5, 0x90 };

	for (size_t size = 0; size <= sizeof(code); size++) {
		for (size_t at = size + 1; at < size + 10; at++) {
			cr_expect_not(framecode_finds_caller(code, size, at));
			cr_expect_not(framecode_has_frame(code, size, at));
		}
	}
}
