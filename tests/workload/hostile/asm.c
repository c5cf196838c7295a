/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls the functions of asm_text.S, -n rounds, compares each result, and reads the data that lies
 * among the instructions: a probe there would change it.
 */
#include "tally.h"

#include <stdlib.h>

uint64_t asm_plain(uint64_t n), asm_no_size(uint64_t n), asm_no_type(uint64_t n);
uint64_t asm_data(uint64_t n), asm_loop(uint64_t n), asm_two_doors(uint64_t n);
uint64_t asm_back_door(uint64_t n), asm_overlap(uint64_t n), asm_push_ret(uint64_t n);
uint64_t asm_pop_jmp(uint64_t n), asm_shared_a(uint64_t n), asm_shared_b(uint64_t n);
uint64_t asm_red_zone(uint64_t n), asm_rip(uint64_t n);
uint64_t call_ret_imm(uint64_t a, uint64_t b), call_flags(uint64_t carry);
void asm_one_byte(void);

extern const uint8_t asm_table[16];

#define DATA_SUM 1787 /* of the bytes in asm_data() */

static uint64_t wrong;

static void expect(const char *name, uint64_t got, uint64_t want)
{
	tally_call(name);
	if (got != want)
		wrong++;
}

static uint64_t sum_of(const uint8_t *bytes, int n)
{
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += bytes[i];
	return sum;
}

static void round_run(uint64_t n)
{
	expect("asm_plain", asm_plain(n), n + 1);
	expect("asm_no_size", asm_no_size(n), n + 2);
	expect("asm_no_type", asm_no_type(n), n + 3);
	expect("asm_data", asm_data(n), n + DATA_SUM);
	expect("asm_loop", asm_loop(n % 9 + 1), 4);
	expect("asm_two_doors", asm_two_doors(n), n + 15);
	tally_call("asm_back_door"); /* entered from above */
	expect("asm_back_door", asm_back_door(n), n + 5);
	expect("asm_overlap", asm_overlap(n), n + 7);
	expect("asm_push_ret", asm_push_ret(n), n + 8);
	expect("asm_pop_jmp", asm_pop_jmp(n), n + 8);
	expect("asm_ret_imm", call_ret_imm(n, 3), n + 3);
	expect("asm_shared_a", asm_shared_a(n), n + 100);
	expect("asm_shared_b", asm_shared_b(n), n + 200);
	expect("asm_red_zone", asm_red_zone(n), 3 * n);
	expect("asm_rip", asm_rip(n), n + 41);
	expect("asm_flags", call_flags(n & 1), !(n & 1));
	asm_one_byte();
	tally_call("asm_one_byte");
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 500), table = 0;

	tally_init();
	workload_ready();
	for (uint64_t n = 0; n < rounds; n++) {
		round_run(n);
		table += sum_of(asm_table, 16);
	}
	tally_expect("asm_table");
	tally_print(",\"wrong\":%lu,\"table\":%lu", wrong, table / rounds);
	workload_end();
	return 0;
}
