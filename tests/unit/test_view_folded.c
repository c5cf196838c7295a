/* SPDX-License-Identifier: GPL-2.0-only */
/* Folded stacks: the rules of those who read them, and the sums. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "sample_report.h"
#include "view/fold.h"
#include "view/view.h"

static struct report *r;

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
}

static void teardown(void)
{
	report_free(r);
}

TestSuite(view_folded, .init = setup, .fini = teardown);

/*
 * What flamegraph.pl and inferno ask of a line: "STACK COUNT", no empty frame, and no second
 * number before the count (flamegraph.pl would take it for the count of another profile).
 */
static void check_line(const char *line)
{
	static const char *const patterns[] = { "^.+ [0-9]+$", "^[^;]+(;[^;]+)+ [0-9]+$" };
	regex_t re;

	for (size_t i = 0; i < 2; i++) {
		cr_assert_eq(regcomp(&re, patterns[i], REG_EXTENDED | REG_NOSUB), 0);
		cr_assert_eq(regexec(&re, line, 0, NULL, 0), 0, "'%s'", line);
		regfree(&re);
	}
	cr_assert_eq(regcomp(&re, "[ \t][0-9.]+ [0-9]+$", REG_EXTENDED | REG_NOSUB), 0);
	cr_assert_neq(regexec(&re, line, 0, NULL, 0), 0, "two counts in '%s'", line);
	regfree(&re);
	for (const char *c = line; *c; c++)
		cr_assert_geq((unsigned char)*c, ' ', "control character in '%s'", line);
}

/* Checks every line, and that they are sorted and distinct; their number and sum. */
static size_t check(const struct view *view, uint64_t *ret_sum)
{
	char *text = sample_render(view, r), *save = NULL, *before = NULL;
	uint64_t sum = 0;
	size_t n = 0;

	cr_assert(!*text || text[strlen(text) - 1] == '\n', "the last line ends");
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *space = strrchr(line, ' ');
		uint64_t count = strtoull(space + 1, NULL, 10);

		check_line(line);
		cr_assert_gt(count, 0);
		sum += count;
		*space = '\0';
		cr_assert(!before || strcmp(before, line) < 0, "'%s' after '%s'", line, before);
		before = line;
		n++;
	}
	free(text);
	*ret_sum = sum;
	return n;
}

static void assert_has(const struct view *view, const char *line)
{
	char *text = sample_render(view, r), *at = strstr(text, line);

	cr_assert(at && (at == text || at[-1] == '\n'), "no line '%s' in:\n%s", line, text);
	free(text);
}

Test(view_folded, the_counts_add_up_to_the_samples)
{
	uint64_t sum;

	cr_assert_eq(check(&view_folded, &sum), r->cpu_samples.n);
	cr_assert_eq(sum, r->cpu.samples);
}

Test(view_folded, off_cpu_microseconds_are_off_by_half_a_line_at_most)
{
	uint64_t sum;
	size_t lines = check(&view_folded_offcpu, &sum);
	double diff = (double)sum - (double)r->offcpu.total_ns / 1000;

	/* Lines of zero are left out, so that every sample counts as a possible line. */
	cr_assert_leq(diff, (double)r->offcpu_samples.n / 2);
	cr_assert_geq(diff, -(double)r->offcpu_samples.n / 2);
	cr_assert_eq(lines, 3);
}

Test(view_folded, every_kind_of_frame_is_marked)
{
	assert_has(&view_folded, "webd;_start;main;serve;parse_request;copy_header_[i] 95\n");
	assert_has(&view_folded, "webd;_start;main;serve;do_syscall_64_[k];vfs_read_[k] 33\n");
	assert_has(&view_folded, "webd;_start;main;serve;[libc.so.6+0x9c0de] 40\n");
	assert_has(&view_folded, "webd;[truncated];[libc.so.6+0x9c0de];[unknown] 9\n");
	assert_has(&view_folded, "webd-worker;_start;main;render (page.py)_[p] 60\n");
}

Test(view_folded, hostile_names_cannot_break_a_line)
{
	assert_has(&view_folded,
		   "webd-worker;_start;main;render (page.py)_[p];evil:name? (a?:b.py)_[p] 20\n");
	assert_has(&view_folded, "webd-worker;_start;main;</script><b>&\"'?[31m_12 4\n");
}

Test(view_folded, blocked_and_preempted_time_share_a_line_off_cpu)
{
	assert_has(&view_folded_offcpu,
		   "webd;_start;main;serve;parse_request;schedule_[k] 1130001\n");
}

Test(view_folded, equal_texts_of_different_processes_and_addresses_merge)
{
	struct frame f = r->frames.v[4];
	uint32_t frames[4], stack;
	uint64_t sum;
	size_t lines = check(&view_folded, &sum);

	/* parse_request at another address, in another process called webd. */
	f.offset += 8;
	memcpy(frames, r->stacks.v[0].frames, sizeof(frames));
	frames[3] = report_add_frame(r, &f);
	stack = report_add_stack(r, frames, 4);
	cr_assert_neq(stack, 0);
	vec_push(&r->targets, (struct target){ .pid = 9, .comm = report_str(r, "webd") });
	vec_push(&r->cpu_samples, (struct cpu_sample){ 2, stack, 1000 });
	assert_has(&view_folded, "webd;_start;main;serve;parse_request 1180\n");
	cr_assert_eq(check(&view_folded, &sum), lines);
}

Test(view_folded, a_stack_without_frames_is_unknown)
{
	uint32_t stack = report_add_stack(r, NULL, 0);

	r->cpu_samples.n = 0;
	vec_push(&r->cpu_samples, (struct cpu_sample){ 0, stack, 2 });
	assert_has(&view_folded, "webd;[unknown] 2\n");
}

Test(view_folded, an_empty_report_is_an_empty_file)
{
	uint64_t sum;

	r->cpu_samples.n = r->offcpu_samples.n = 0;
	cr_assert_eq(check(&view_folded, &sum), 0);
	cr_assert_eq(check(&view_folded_offcpu, &sum), 0);
}

Test(view_folded, lines_are_in_the_order_of_their_bytes)
{
	static const char *const names[] = { "a", "a b", "a!", "ab", "a<", "\xc3\xa9", "z" };
	uint64_t sum;

	r->cpu_samples.n = 0;
	for (size_t i = 0; i < 7; i++) {
		for (size_t j = 0; j < 7; j++) {
			uint32_t frames[2] = {
				report_add_frame(r, &(struct frame){ .name = names[i] }),
				report_add_frame(r, &(struct frame){ .name = names[j] }),
			};

			vec_push(&r->cpu_samples,
				 (struct cpu_sample){ 0, report_add_stack(r, frames, 2), 1 });
			vec_push(&r->cpu_samples,
				 (struct cpu_sample){ 0, report_add_stack(r, frames, 1), 1 });
		}
	}
	cr_assert_eq(check(&view_folded, &sum), 7 * 7 + 7);
	cr_assert_eq(sum, 2 * 7 * 7);
}

Test(view_folded, nanoseconds_are_rounded_to_the_nearest_microsecond)
{
	cr_assert_eq(fold_us(0), 0);
	cr_assert_eq(fold_us(499), 0);
	cr_assert_eq(fold_us(500), 1);
	cr_assert_eq(fold_us(1499), 1);
	cr_assert_eq(fold_us(UINT64_MAX), UINT64_MAX / 1000 + 1);
}
