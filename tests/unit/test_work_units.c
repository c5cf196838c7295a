/* SPDX-License-Identifier: GPL-2.0-only */
/* What the meter's counts are as units of work. */
#include <criterion/criterion.h>
#include <sys/syscall.h>

#include "trace/work_impl.h"
#include "trace/work_units.h"

static struct work_sample before, after;
static struct work_reading how;

static void setup(void)
{
	before = after = (struct work_sample){};
	how = (struct work_reading){ .named_nr = -1 };
}

TestSuite(work_units, .init = setup);

static struct work_block between(void)
{
	return work_between(&before, &after, &how);
}

Test(work_units, calls_are_of_the_kind_that_their_number_says)
{
	struct work_block b;

	before.calls[SYS_write] = 100;
	after.calls[SYS_write] = 103;
	after.calls[SYS_sendmsg] = 2;
	after.calls[SYS_recvfrom] = 7;
	after.calls[SYS_accept4] = 1;
	after.calls[SYS_epoll_wait] = 20;
	b = between();
	cr_assert_eq(b.units[WORK_SENDS], 5);
	cr_assert_eq(b.units[WORK_RECEIVES], 7);
	cr_assert_eq(b.units[WORK_ACCEPTS], 1);
	cr_assert_eq(b.units[WORK_CALLS], 33);
}

/* They are made for the tracer's probes: without it there would be none. */
Test(work_units, the_kernels_own_calls_for_probes_are_no_work)
{
	after.calls[SYS_read] = 4;
	after.calls[335] = 1000;
	after.calls[336] = 1000;
	cr_assert_eq(between().units[WORK_CALLS], 4);
}

Test(work_units, the_named_unit_is_a_system_call_or_the_probe)
{
	after.calls[SYS_futex] = 6;
	before.hits = 10;
	after.hits = 19;
	cr_assert_eq(between().units[WORK_NAMED], 9);
	how.named_nr = SYS_futex;
	cr_assert_eq(between().units[WORK_NAMED], 6);
	how.named_nr = 100000;
	cr_assert_eq(between().units[WORK_NAMED], 9, "a number beyond the counters");
}

Test(work_units, either_clock_gives_cpu_time)
{
	struct work_block b;

	before.time_ns = 1000;
	after.time_ns = 3000;
	before.cpu_ns = 10;
	after.cpu_ns = 500;
	before.on_ns = 20;
	after.on_ns = 720;
	after.switches = 3;
	b = between();
	cr_assert_eq(b.wall_ns, 2000);
	cr_assert_eq(b.units[WORK_TIME], 2000);
	cr_assert_eq(b.cpu_ns, 490);
	cr_assert_eq(b.units[WORK_SWITCHES], 3);
	how.on_cpu = true;
	cr_assert_eq(between().cpu_ns, 700);
}

#define ON  (UINT64_C(1) << 52)
#define SEC UINT64_C(1000000000)

/* Threads come and go on CPUs; what is read in between is the time that they were there. */
Test(work_units, time_on_cpu_is_told_from_one_sum)
{
	uint64_t sum = 0, counted = 0;

	cr_assert_eq(work_on_ns(0, 5 * SEC, 0), 0, "nobody was there");
	sum -= 100 * SEC + ON; /* one comes at 100 s */
	cr_assert_eq(work_on_ns(sum, 100 * SEC, counted), 0);
	cr_assert_eq(work_on_ns(sum, 103 * SEC, counted), 3 * SEC);
	sum -= 104 * SEC + ON; /* another at 104 s */
	counted = work_on_ns(sum, 105 * SEC, counted);
	cr_assert_eq(counted, 6 * SEC);
	sum += 106 * SEC + ON; /* one leaves */
	cr_assert_eq(work_on_ns(sum, 107 * SEC, counted), 9 * SEC);
	sum += 108 * SEC + ON;
	cr_assert_eq(work_on_ns(sum, 200 * SEC, counted), 10 * SEC, "all are gone");
}

Test(work_units, many_cpus_for_a_long_time_are_no_matter)
{
	const uint64_t cpus = 1000, start = 1000000 * SEC;
	uint64_t sum = 0, counted = 0;

	for (uint64_t i = 0; i < cpus; i++)
		sum -= start + ON;
	/* Looked at every ten minutes for a month. */
	for (uint64_t t = 600; t < 30 * 86400; t += 600) {
		counted = work_on_ns(sum, start + t * SEC, counted);
		cr_assert_eq(counted, cpus * t * SEC);
	}
}
