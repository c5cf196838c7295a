/* SPDX-License-Identifier: GPL-2.0-only */
/* What the BEAM's machine code tells: as OTP 25 of Debian 12 and 27 of Debian 13 have it. */
#include <criterion/criterion.h>

#include "runtime/beam_code.h"

static const uint8_t process_main[] = {
	0x48, 0x81, 0xec, 0x10, 0x41, 0x00, 0x00,                /* sub $0x4110,%rsp */
	0x48, 0x83, 0xe4, 0xc0,                                  /* and $-64,%rsp */
	0x48, 0x89, 0x27,                                        /* mov %rsp,(%rdi) */
	0x48, 0x8d, 0x9c, 0x24, 0x80, 0x00, 0x00, 0x00,          /* lea 0x80(%rsp),%rbx */
	0x48, 0x8d, 0x7b, 0xb0,                                  /* lea -0x50(%rbx),%rdi */
	0xff, 0x15, 0x08, 0x05, 0x00, 0x00,                      /* call *0x508(%rip) */
	0x48, 0xc7, 0x83, 0x40, 0x40, 0x00, 0x00, 0,    0, 0, 0, /* movq $0,0x4040(%rbx) */
	0x49, 0x8b, 0x65, 0x58,                                  /* mov 0x58(%r13),%rsp */
	0xff, 0xe0,                                              /* jmp *%rax */
};

Test(beam_code, knows_the_frame_that_process_main_makes)
{
	struct beam_main m;

	cr_assert(beam_code_main(process_main, sizeof(process_main), &m));
	cr_expect_eq(m.slot, 0x4118);
	cr_expect_eq(m.registers, 0x80);
	cr_expect_eq(m.scheduler_rsp, 0);
	cr_expect_eq(m.stop, 0x58);
}

Test(beam_code, refuses_a_process_main_that_differs)
{
	uint8_t code[sizeof(process_main)];
	struct beam_main m;

	for (size_t i = 0; i < sizeof(code); i++)
		cr_expect_not(beam_code_main(process_main, i, &m) && i < sizeof(process_main) - 2,
			      "cut at %zu", i);
	for (size_t i = 0; i < 4; i++) { /* the first bytes of what it begins with */
		static const size_t begins[] = { 0, 7, 11, 14 };

		memcpy(code, process_main, sizeof(code));
		code[begins[i]] = 0x90;
		cr_expect_not(beam_code_main(code, sizeof(code), &m), "at %zu", begins[i]);
	}
	memcpy(code, process_main, sizeof(code));
	code[10] = 0xe0; /* aligned to 32 */
	cr_expect_not(beam_code_main(code, sizeof(code), &m));
}

Test(beam_code, finds_the_key_of_thread_specific_data)
{
	const uint8_t code[] = {
		0x8b, 0x3d, 0xb2, 0x20, 0x38, 0x00, /* mov 0x3820b2(%rip),%edi */
		0xe9, 0x55, 0x0b, 0x27, 0x00,       /* jmp */
	};
	const uint8_t other[] = { 0xc3, 0x8b, 0x3d, 0xb2, 0x20, 0x38, 0x00 };
	uint64_t variable;

	cr_assert(beam_code_key(code, sizeof(code), 0x797d0, &variable));
	cr_expect_eq(variable, 0x3fb888);
	cr_expect_not(beam_code_key(code, 5, 0x797d0, &variable));
	cr_expect_not(beam_code_key(other, sizeof(other), 0x797d0, &variable));
}

Test(beam_code, finds_the_type_of_a_scheduler)
{
	const uint8_t code[] = {
		0x48, 0x83, 0xec, 0x08,             /* sub $8,%rsp */
		0xe8, 0x97, 0x15, 0xe4, 0xff,       /* call */
		0x48, 0x85, 0xc0,                   /* test %rax,%rax */
		0x74, 0x1a,                         /* je */
		0x8b, 0x80, 0xb0, 0x00, 0x00, 0x00, /* mov 0xb0(%rax),%eax */
	};
	uint32_t offset;

	cr_assert(beam_code_type(code, sizeof(code), &offset));
	cr_expect_eq(offset, 0xb0);
	cr_expect_not(beam_code_type(code + 9, sizeof(code) - 9, &offset), "no call before");
}
