/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF side's pure helpers: histogram buckets, sampling odds, globs, off-CPU intervals. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "data/hist.h"
#include "lib/glob.h"

#define glob_match bpf_glob_match /* user/lib/glob.h has one too */
#include "bpf/glob.bpf.h"
#undef glob_match
#include "bpf/hist.bpf.h"
#include "bpf/offcpu.bpf.h"
#include "bpf/sampling.bpf.h"

#include "bpf_calls.h"

static uint64_t random_u64(void)
{
	return (uint64_t)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
}

Test(bpf_hist, geometry_is_that_of_the_model)
{
	cr_assert_eq(PB_HIST_BUCKETS, HIST_BUCKETS);
	cr_assert_eq(PB_HIST_SUB_BITS, HIST_SUB_BITS);
	cr_assert_eq(PB_HIST_MAX_BITS, HIST_MAX_BITS);
}

Test(bpf_hist, buckets_agree_at_every_power_of_two)
{
	for (uint32_t bit = 0; bit < 64; bit++) {
		for (int around = -2; around <= 2; around++) {
			uint64_t v = (1ULL << bit) + (uint64_t)(int64_t)around;

			cr_assert_eq(hist_bucket(v), hist_index(v), "%" PRIu64, v);
		}
	}
	cr_assert_eq(hist_bucket(0), 0);
	cr_assert_eq(hist_bucket(UINT64_MAX), PB_HIST_BUCKETS - 1);
}

Test(bpf_hist, buckets_agree_at_every_bound_of_a_bucket)
{
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		uint64_t low = hist_low(i);

		cr_assert_eq(hist_bucket(low), i, "%" PRIu64, low);
		if (i)
			cr_assert_eq(hist_bucket(low - 1), i - 1, "%" PRIu64, low - 1);
	}
}

Test(bpf_hist, buckets_agree_at_random)
{
	shim.random = 1;
	for (int i = 0; i < 1000000; i++) {
		uint64_t v = random_u64() >> (bpf_get_prandom_u32() & 63);

		cr_assert_eq(hist_bucket(v), hist_index(v), "%" PRIu64, v);
	}
}

Test(bpf_hist, a_call_enters_every_figure)
{
	for (int shared = 0; shared < 2; shared++) {
		struct pb_call_stats s = { .min_ns = UINT64_MAX };

		call_stats_time(&s, 70, shared);
		call_stats_time(&s, 20, shared);
		call_stats_time(&s, UINT64_MAX >> 8, shared);
		cr_assert_eq(s.min_ns, 20);
		cr_assert_eq(s.max_ns, UINT64_MAX >> 8);
		cr_assert_eq(s.hist[hist_index(70)], 1);
		cr_assert_eq(s.hist[hist_index(20)], 1);
		cr_assert_eq(s.hist[PB_HIST_BUCKETS - 1], 1);
		cr_assert_eq(s.total_ns + s.untimed, 0, "the caller's business");
	}
}

Test(bpf_hist, a_new_entry_starts_as_it_is_told)
{
	struct pb_call_stats *s;
	__u32 path = 1;

	shim_map_limited(path_stats, 1);
	s = entry_of(&path_stats, &path, &no_calls);
	cr_assert_not_null(s);
	cr_assert_eq(s->min_ns, UINT64_MAX);
	cr_assert_eq(s->max_ns, 0);
	cr_assert_eq(entry_of(&path_stats, &path, &no_calls), s);
	path = 2;
	cr_assert_null(entry_of(&path_stats, &path, &no_calls));
}

Test(bpf_emit, bounds_only_move_outwards)
{
	__u64 max = 5, min = 5;

	raise_to(&max, 4);
	lower_to(&min, 6);
	cr_assert(max == 5 && min == 5);
	raise_to(&max, 6);
	lower_to(&min, 4);
	cr_assert(max == 6 && min == 4);
}

Test(bpf_emit, every_counter_has_its_key)
{
	shim_map(counters);
	for (__u32 i = 0; i < PB_COUNTERS; i++) {
		cr_assert_eq(counter_keys[i], i);
		for (__u32 n = 0; n <= i; n++)
			count(i);
	}
	for (__u32 i = 0; i < PB_COUNTERS; i++)
		cr_assert_eq(counted(i), i + 1);
}

Test(bpf_hist, a_full_table_is_told)
{
	struct pb_syscall_error_key a = { .nr = 1 }, b = { .nr = 2 };

	shim_map_limited(syscall_errors, 1);
	cr_assert(tally(&syscall_errors, &a, 2));
	cr_assert(tally(&syscall_errors, &a, 3));
	cr_assert_not(tally(&syscall_errors, &b, 1));
	cr_assert_eq(*(__u64 *)bpf_map_lookup_elem(&syscall_errors, &a), 5);
}

Test(bpf_sampling, odds_only_fall)
{
	cr_assert_eq(sampling_shift(0), 0);
	for (uint32_t n = 1; n < 100000; n++)
		cr_assert_geq(sampling_shift(n), sampling_shift(n - 1), "%u", n);
	cr_assert_gt(sampling_shift(UINT32_MAX), 0);
	cr_assert_lt(sampling_shift(UINT32_MAX), 32);
}

Test(bpf_sampling, the_first_events_of_each_window_are_all_taken)
{
	__u64 window_ns = 0, now_ns = 5 * SAMPLING_WINDOW_NS;
	__u32 n = 77;

	shim.random = 1;
	for (int window = 0; window < 3; window++) {
		for (int i = 0; i < 32; i++)
			cr_assert_eq(sampling_choose(now_ns + (__u64)i, &window_ns, &n, 0), 0);
		cr_assert_eq(n, 32);
		cr_assert_eq(window_ns, now_ns);
		now_ns += SAMPLING_WINDOW_NS + 1;
	}
}

Test(bpf_sampling, a_level_makes_each_event_count_for_more)
{
	__u64 window_ns = 0, now_ns = 5 * SAMPLING_WINDOW_NS;
	__u32 n = 0;

	shim.random = 0;
	for (int i = 0; i < 8; i++)
		cr_assert_eq(sampling_choose(now_ns, &window_ns, &n, 3), 0);
	cr_assert_eq(sampling_choose(now_ns, &window_ns, &n, 3), 3);
	n = 64;
	cr_assert_eq(sampling_choose(now_ns, &window_ns, &n, 3), 6);
}

Test(bpf_sampling, a_window_lasts_to_its_end)
{
	__u64 window_ns = 1000;
	__u32 n = 5000;

	shim.random = 1;
	sampling_choose(1000 + SAMPLING_WINDOW_NS, &window_ns, &n, 0);
	cr_assert_eq(n, 5001);
	sampling_choose(1001 + SAMPLING_WINDOW_NS, &window_ns, &n, 0);
	cr_assert_eq(n, 1);
}

struct estimate {
	double truth, sum, variance;
	uint32_t taken;
};

/* Windows of `events` events each, whose values grow through the window and jump about. */
static struct estimate simulate(uint32_t windows, uint32_t events)
{
	struct estimate e = {};
	__u64 window_ns = 0, now_ns = 0;
	__u32 n = 0;

	for (uint32_t w = 0; w < windows; w++) {
		now_ns += SAMPLING_WINDOW_NS + 1;
		for (uint32_t i = 0; i < events; i++) {
			double value = (i % 7 == 0 ? 50 : 1) * (1 + (double)i / events);
			__s32 shift = sampling_choose(now_ns, &window_ns, &n, 0);
			double odds = 1.0 / (double)(1U << sampling_shift(i));

			e.truth += value;
			e.variance += value * value * (1 / odds - 1);
			if (shift < 0)
				continue;
			cr_assert_eq(shift, sampling_shift(i));
			e.sum += value * (double)(1U << shift);
			e.taken++;
		}
	}
	return e;
}

/* With a fixed seed: once within four standard deviations, always. */
Test(bpf_sampling, sums_are_unbiased)
{
	static const uint32_t events[] = { 10, 33, 300, 3000, 30000 };

	shim.random = 20240229;
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		struct estimate e = simulate(6000000 / events[i], events[i]);
		double off = e.sum - e.truth;

		cr_assert_leq(off * off, 16 * e.variance, "%u events: %g, not %g", events[i], e.sum,
			      e.truth);
		/* And so near that odds told wrong by a factor of two could not pass. */
		cr_assert_lt(off * off, e.truth * e.truth / 400, "%u events: %g, not %g", events[i],
			     e.sum, e.truth);
	}
}

Test(bpf_sampling, a_busy_thread_pays_for_few_stacks)
{
	struct estimate second;

	shim.random = 7;
	second = simulate(10, 10000);
	cr_assert_gt(second.taken, 1000);
	cr_assert_lt(second.taken, 2500);
}

/* Does the BPF side's glob match? The loop's bound must not decide. */
static bool matches(const char *glob, const char *name)
{
	struct task_struct task = {};
	struct glob_state s = {};
	bool found;

	memset(written_config.comm_glob, 0, sizeof(written_config.comm_glob));
	memcpy(written_config.comm_glob, glob, strnlen(glob, sizeof(written_config.comm_glob)));
	strcpy(task.comm, name);
	found = bpf_glob_match(&task);
	strcpy(s.name, name);
	cr_assert_lt(bpf_loop(GLOB_STEPS_MAX, glob_step, &s, 0), GLOB_STEPS_MAX, "'%s' '%s'", glob,
		     name);
	return found;
}

static void expect_agreement(const char *glob, const char *name, unsigned int outcomes[2])
{
	bool expected = glob_match(glob, name);

	cr_assert_eq(matches(glob, name), expected, "'%s' on '%s'", glob, name);
	outcomes[expected]++;
}

/* Writes the number in a system whose digits are these letters; 0 is "". */
static void spell(uint32_t number, const char *letters, char *to)
{
	for (uint32_t base = (uint32_t)strlen(letters); number; number = (number - 1) / base)
		*to++ = letters[(number - 1) % base];
	*to = '\0';
}

Test(bpf_glob, agrees_on_every_short_glob_and_name)
{
	unsigned int outcomes[2] = {};
	char glob[8], name[8];

	for (uint32_t g = 0; g < 1365; g++) { /* up to five of four letters */
		spell(g, "ab*?", glob);
		for (uint32_t n = 0; n < 63; n++) { /* up to five of two */
			spell(n, "ab", name);
			expect_agreement(glob, name, outcomes);
		}
	}
	cr_assert_gt(outcomes[0], 1000);
	cr_assert_gt(outcomes[1], 1000);
}

static void random_word(char *to, uint32_t max, const char *letters)
{
	uint32_t len = bpf_get_prandom_u32() % (max + 1), n = (uint32_t)strlen(letters);

	for (uint32_t i = 0; i < len; i++)
		to[i] = letters[bpf_get_prandom_u32() % n];
	to[len] = '\0';
}

Test(bpf_glob, agrees_on_random_ones)
{
	unsigned int outcomes[2] = {};
	char glob[PB_COMM_LEN + 1], name[PB_COMM_LEN];

	shim.random = 3;
	for (int i = 0; i < 300000; i++) {
		random_word(glob, PB_COMM_LEN, i & 1 ? "ab*?" : "aab****?");
		random_word(name, PB_COMM_LEN - 1, "ab");
		expect_agreement(glob, name, outcomes);
	}
	cr_assert_gt(outcomes[0], 1000);
	cr_assert_gt(outcomes[1], 1000);
}

Test(bpf_glob, agrees_on_the_longest_searches)
{
	static const char *const globs[] = { "*aaaaaaab",        "*a*a*a*a*a*a*b",
					     "a*aaaaaa*aaaaab",  "***************b",
					     "*aaaaaaaaaaaaaab", "*a?a?a?a?a?a?b*",
					     "*?*?*?*?*?*?*?*b" };
	unsigned int outcomes[2] = {};

	for (size_t i = 0; i < sizeof(globs) / sizeof(*globs); i++) {
		expect_agreement(globs[i], "aaaaaaaaaaaaaaa", outcomes);
		expect_agreement(globs[i], "aaaaaaaaaaaaaab", outcomes);
		expect_agreement(globs[i], "", outcomes);
	}
}

static const struct pb_offcpu_value *offcpu_of(const struct thread *t)
{
	struct pb_offcpu_key key = { .stack = t->off_stack, .pid = t->pid, .why = t->off_why };

	return bpf_map_lookup_elem(&offcpu, &key);
}

static void close_interval(struct thread *t, __u32 why, __u64 duration_ns, __s32 shift)
{
	t->off_ns = 1000;
	t->off_stack = 42;
	t->off_why = why;
	t->off_shift = shift;
	offcpu_close(t, 1000 + duration_ns);
	cr_assert_eq(t->off_ns, 0);
}

Test(bpf_offcpu, an_interval_stands_for_those_that_were_not_sampled)
{
	struct thread t = { .pid = 7 };
	const struct pb_offcpu_value *v;

	shim_map(offcpu);
	written_config.offcpu = 1;
	close_interval(&t, PB_BLOCKED, 100, 3);
	close_interval(&t, PB_BLOCKED, 50, 0);
	close_interval(&t, PB_BLOCKED, 900, -1); /* no stack was taken */
	v = offcpu_of(&t);
	cr_assert_not_null(v);
	cr_assert_eq(v->count, 9);
	cr_assert_eq(v->total_ns, 850);
	cr_assert_eq(v->max_ns, 100);
	cr_assert_eq(v->exact_ns, 50, "of those that stand for themselves");
	cr_assert_eq(t.blocked_ns, 1050, "exact, whatever was sampled");
	cr_assert_eq(t.preempted_ns, 0);
}

Test(bpf_offcpu, blocked_and_preempted_stay_apart)
{
	struct thread t = { .pid = 7 };

	shim_map(offcpu);
	written_config.offcpu = 1;
	close_interval(&t, PB_BLOCKED, 100, 0);
	close_interval(&t, PB_PREEMPTED, 30, 0);
	cr_assert_eq(t.blocked_ns, 100);
	cr_assert_eq(t.preempted_ns, 30);
	cr_assert_eq(offcpu_of(&t)->total_ns, 30);
	t.off_why = PB_BLOCKED;
	cr_assert_eq(offcpu_of(&t)->total_ns, 100);
}

Test(bpf_offcpu, short_intervals_are_left_out_but_counted)
{
	struct thread t = { .pid = 7 };

	shim_map(offcpu);
	written_config.offcpu = 1;
	written_config.offcpu_min_ns = 100;
	close_interval(&t, PB_BLOCKED, 99, 0);
	cr_assert_null(offcpu_of(&t));
	cr_assert_eq(t.left_out_ns, 99);
	close_interval(&t, PB_BLOCKED, 100, 0);
	cr_assert_eq(offcpu_of(&t)->count, 1);
	cr_assert_eq(t.left_out_ns, 99);
	cr_assert_eq(t.blocked_ns, 199);
}

Test(bpf_offcpu, a_thread_that_runs_and_a_clock_that_steps_back_add_nothing)
{
	struct thread t = { .pid = 7 };

	shim_map(offcpu);
	written_config.offcpu = 1;
	offcpu_close(&t, 500);
	cr_assert_eq(t.blocked_ns, 0);
	t.off_ns = 1000;
	offcpu_close(&t, 999);
	cr_assert_eq(t.blocked_ns, 0);
	cr_assert_eq(offcpu_of(&t)->total_ns, 0);
}

Test(bpf_offcpu, a_full_table_is_counted)
{
	struct thread t = { .pid = 7 };

	shim_map_limited(offcpu, 1);
	shim_map(counters);
	written_config.offcpu = 1;
	close_interval(&t, PB_BLOCKED, 100, 0);
	close_interval(&t, PB_PREEMPTED, 100, 0);
	cr_assert_eq(counted(PB_LOST_STACKS), 1);
	cr_assert_eq(t.preempted_ns, 100);
}
