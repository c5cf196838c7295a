/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thousand paths: ten functions that each call ten others that each call ten leaves, in four
 * ROUNDS. Speaks the protocol of tests/workload/common.h.
 */
#include "../../workload/common.h"

#define ROUNDS 4

typedef void (*function)(int);

#define TEN(X, p)  X(p##0) X(p##1) X(p##2) X(p##3) X(p##4) X(p##5) X(p##6) X(p##7) X(p##8) X(p##9)
#define NAME(name) name,

#define LEAF(name)                                                                                 \
	static NOIPA void name(int n)                                                              \
	{                                                                                          \
		(void)n;                                                                           \
		BARRIER();                                                                         \
	}
#define CALLER(name, callees)                                                                      \
	static NOIPA void name(int n)                                                              \
	{                                                                                          \
		for (int i = 0; i < 10; i++)                                                       \
			callees[i](n);                                                             \
		BARRIER();                                                                         \
	}
#define INNER(name) CALLER(name, leaves)
#define OUTER(name) CALLER(name, inner)

TEN(LEAF, leaf_)
static function const leaves[] = { TEN(NAME, leaf_) };
TEN(INNER, inner_)
static function const inner[] = { TEN(NAME, inner_) };
TEN(OUTER, outer_)
static function const outer[] = { TEN(NAME, outer_) };

int main(void)
{
	workload_ready();
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < 10; i++)
			outer[i](round);
	workload_truth("{\"paths\": 1110, \"calls\": %d}", ROUNDS * 1110);
	workload_end();
	return 0;
}
