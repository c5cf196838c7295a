/* SPDX-License-Identifier: GPL-2.0-only */
/* Kinds of system calls that may stand for a piece of work. */
#include "trace/work_units.h"

#include <sys/syscall.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))

/*
 * Whatever may be an answer, and whatever may be a request: to files, too, since a descriptor's
 * kind is not looked at.
 */
static const int sends[] = { SYS_write,    SYS_writev,   SYS_sendto,   SYS_sendmsg,
			     SYS_sendmmsg, SYS_sendfile, SYS_pwrite64, SYS_splice };
static const int receives[] = { SYS_read,    SYS_readv,    SYS_recvfrom,
				SYS_recvmsg, SYS_recvmmsg, SYS_pread64 };
static const int accepts[] = { SYS_accept, SYS_accept4 };

/* Calls of the kernel's own making, where a return or a nop is probed (6.11, 6.18): the tracer's.
 */
static const int trampolines[] = { 335, 336 };

static uint64_t calls_between(const struct work_sample *before, const struct work_sample *after,
			      const int *numbers, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += after->calls[numbers[i]] - before->calls[numbers[i]];
	return sum;
}

static uint64_t all_between(const struct work_sample *before, const struct work_sample *after)
{
	uint64_t sum = 0;

	for (size_t nr = 0; nr < WORK_CALL_NUMBERS; nr++)
		sum += after->calls[nr] - before->calls[nr];
	return sum - calls_between(before, after, trampolines, ARRAY_LEN(trampolines));
}

struct work_block work_between(const struct work_sample *before, const struct work_sample *after,
			       const struct work_reading *how)
{
	struct work_block b = { .wall_ns = after->time_ns - before->time_ns };

	b.cpu_ns = how->on_cpu ? after->on_ns - before->on_ns : after->cpu_ns - before->cpu_ns;
	b.units[WORK_SENDS] = calls_between(before, after, sends, ARRAY_LEN(sends));
	b.units[WORK_RECEIVES] = calls_between(before, after, receives, ARRAY_LEN(receives));
	b.units[WORK_ACCEPTS] = calls_between(before, after, accepts, ARRAY_LEN(accepts));
	b.units[WORK_CALLS] = all_between(before, after);
	b.units[WORK_SWITCHES] = after->switches - before->switches;
	b.units[WORK_NAMED] = how->named_nr >= 0 && how->named_nr < WORK_CALL_NUMBERS
				  ? calls_between(before, after, &how->named_nr, 1)
				  : after->hits - before->hits;
	b.units[WORK_TIME] = b.wall_ns;
	return b;
}
