/* SPDX-License-Identifier: GPL-2.0-only */
/* Free stretches of a numbered space. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/extents.h"

Test(extents, join_again_when_all_is_given_back)
{
	struct extents e = {};
	uint32_t a, b, c;

	cr_assert_eq(extents_give(&e, 0, 100), 0);
	cr_assert_eq(extents_take(&e, 10, &a), 0);
	cr_assert_eq(extents_take(&e, 20, &b), 0);
	cr_assert_eq(extents_take(&e, 70, &c), 0);
	cr_expect_eq(extents_take(&e, 1, &a), -ENOSPC);
	extents_give(&e, 0, 10);
	extents_give(&e, 30, 70);
	cr_expect_eq(e.free.n, 2);
	cr_expect_eq(extents_take(&e, 71, &c), -ENOSPC);
	extents_give(&e, 10, 20);
	cr_assert_eq(e.free.n, 1);
	cr_expect(e.free.v[0].first == 0 && e.free.v[0].n == 100);
	extents_done(&e);
}

Test(extents, never_hand_out_the_same_twice)
{
	enum { SIZE = 512, PIECES = 64 };
	struct extents e = {};
	struct extent held[PIECES] = {};
	uint8_t taken[SIZE] = {};
	unsigned int seed = 1;

	extents_give(&e, 0, SIZE);
	for (int round = 0; round < 20000; round++) {
		struct extent *h = &held[rand_r(&seed) % PIECES];
		uint32_t n = 1 + (uint32_t)rand_r(&seed) % 24;

		if (h->n) {
			memset(taken + h->first, 0, h->n);
			extents_give(&e, h->first, h->n);
			h->n = 0;
		} else if (round % 2) {
			h->n = extents_take_some(&e, n, &h->first);
		} else if (!extents_take(&e, n, &h->first)) {
			h->n = n;
		}
		for (uint32_t i = 0; i < h->n; i++) {
			cr_assert_eq(taken[h->first + i], 0);
			taken[h->first + i] = 1;
		}
	}
	for (int i = 0; i < PIECES; i++)
		extents_give(&e, held[i].first, held[i].n);
	cr_expect_eq(e.free.n, 1);
	cr_expect_eq(extents_free(&e), SIZE);
	extents_done(&e);
}
