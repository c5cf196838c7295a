/* SPDX-License-Identifier: GPL-2.0-only */
/* What speaks against a return probe, at a glance: never missed, sometimes imagined. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "trace/glance.h"

struct code {
	uint8_t bytes[16];
	size_t size;
	bool odd;
};

ParameterizedTestParameters(glance, sees_jumps_home_and_returns_that_take_arguments)
{
	static struct code cases[] = {
		{ { 0 }, 0, false },
		{ { 0xc3 }, 1, false },
		{ { 0x90, 0xc3 }, 2, false },
		{ { 0xeb, 0xfe }, 2, true },                               /* jmp to itself */
		{ { 0x90, 0xeb, 0xfd }, 3, true },                         /* jmp -3 */
		{ { 0x90, 0xeb, 0xfc }, 3, false },                        /* before it */
		{ { 0x90, 0xeb, 0xfe }, 3, false },                        /* not its first byte */
		{ { 0x90, 0xeb, 0x03 }, 3, false },                        /* forwards */
		{ { 0x85, 0xc0, 0x75, 0xfc }, 4, true },                   /* jne */
		{ { 0x85, 0xc0, 0x7f, 0xfc }, 4, true },                   /* jg */
		{ { 0x85, 0xc0, 0x80, 0xfc }, 4, false },                  /* no jump */
		{ { 0x90, 0xe9, 0xfa, 0xff, 0xff, 0xff }, 6, true },       /* jmp rel32 */
		{ { 0x90, 0xe9, 0xfa, 0xff, 0xff, 0xfe }, 6, false },      /* far before it */
		{ { 0x90, 0xe9, 0xfa, 0xff, 0xff }, 5, false },            /* cut */
		{ { 0x90, 0x0f, 0x84, 0xf9, 0xff, 0xff, 0xff }, 7, true }, /* je rel32 */
		{ { 0x90, 0x0f, 0x8f, 0xf9, 0xff, 0xff, 0xff }, 7, true },
		{ { 0x90, 0x0f, 0x90, 0xf9, 0xff, 0xff, 0xff }, 7, false }, /* seto */
		{ { 0x90, 0x0f, 0x84, 0xf9, 0xff, 0xff }, 6, false },       /* cut */
		{ { 0x90, 0x0f }, 2, false },
		{ { 0xeb }, 1, false },
		{ { 0x90, 0xc2, 0x10, 0x00 }, 4, true },       /* ret 16 */
		{ { 0x90, 0xc2, 0x08, 0x00 }, 4, true },       /* ret 8 */
		{ { 0x90, 0xc2, 0x00, 0x10 }, 4, true },       /* ret 4096 */
		{ { 0x90, 0xc2, 0x08, 0x10 }, 4, false },      /* of more than anybody passes */
		{ { 0x90, 0xc2, 0x00, 0x00 }, 4, false },      /* ret 0: as a plain one */
		{ { 0x90, 0xc2, 0x04, 0x00 }, 4, false },      /* no multiple of 8 */
		{ { 0x90, 0xc2, 0x10 }, 3, false },            /* cut */
		{ { 0xb8, 0xc2, 0x10, 0x00, 0x00 }, 5, true }, /* an operand that looks like one */
	};

	return cr_make_param_array(struct code, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct code *c, glance, sees_jumps_home_and_returns_that_take_arguments)
{
	uint8_t *exact = malloc(c->size + !c->size); /* the sanitizers see what is read behind it */

	memcpy(exact, c->bytes, c->size);
	cr_assert_eq(glance_is_odd(exact, c->size), c->odd, "%02x %02x %02x", c->bytes[0],
		     c->bytes[1], c->bytes[2]);
	free(exact);
}

/* Wherever a jump home is put in code without one, it is seen. */
Test(glance, sees_a_jump_home_from_any_distance)
{
	static uint8_t code[300];

	for (size_t at = 0; at + 6 <= sizeof(code); at++) {
		int32_t back = -(int32_t)(at + 5);

		memset(code, 0x90, sizeof(code));
		cr_assert_not(glance_is_odd(code, sizeof(code)));
		code[at] = 0xe9;
		memcpy(code + at + 1, &back, sizeof(back));
		cr_assert(glance_is_odd(code, sizeof(code)), "at %zu", at);
		back++;
		memcpy(code + at + 1, &back, sizeof(back));
		/* One byte farther is another function's business, if nothing else looks odd. */
		if (at > 200)
			cr_assert_not(glance_is_odd(code, sizeof(code)), "at %zu", at);
	}
}
