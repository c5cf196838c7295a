/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The profile, read back by a reader of protocol buffers written for this test. That pprof itself
 * takes it is for tests/e2e/pprof_check.py.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "lib/vec.h"
#include "sample_report.h"
#include "view/view.h"

/* One field of a message: a number, or bytes within the profile. */
struct field {
	uint64_t number, value; /* value: of a varint, or the length of the bytes */
	const uint8_t *bytes;
};

typedef VEC(struct field) field_vec;

static struct report *r;
static uint8_t profile[1 << 16];
static size_t profile_len;
static field_vec top;

static uint64_t read_varint(const uint8_t **p, const uint8_t *end)
{
	uint64_t value = 0;

	for (int shift = 0;; shift += 7) {
		cr_assert_lt((void *)*p, (void *)end);
		cr_assert_lt(shift, 64);
		value |= (uint64_t)(**p & 0x7f) << shift;
		if (!(*(*p)++ & 0x80))
			return value;
	}
}

static field_vec read_message(const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;
	field_vec fields = {};

	while (p < end) {
		uint64_t tag = read_varint(&p, end);
		struct field f = { .number = tag >> 3, .value = read_varint(&p, end) };

		cr_assert(tag % 8 == 0 || tag % 8 == 2, "wire type %d", (int)(tag % 8));
		if (tag % 8 == 2) {
			f.bytes = p;
			cr_assert_leq(f.value, (uint64_t)(end - p));
			p += f.value;
		}
		vec_push(&fields, f);
	}
	return fields;
}

/* The nth field of a number (0: the first), or NULL. */
static const struct field *find(const field_vec *v, uint64_t number, size_t nth)
{
	vec_foreach (f, v) {
		if (f->number == number && !nth--)
			return f;
	}
	return NULL;
}

static uint64_t number_of(const field_vec *v, uint64_t number)
{
	const struct field *f = find(v, number, 0);

	return f ? f->value : 0;
}

static size_t count_of(const field_vec *v, uint64_t number)
{
	size_t n = 0;

	while (find(v, number, n))
		n++;
	return n;
}

/* Of the string table; for one assertion at a time. */
static const char *string_at(uint64_t index)
{
	static char text[512];
	const struct field *f = find(&top, 6, index);

	cr_assert_not_null(f, "no string %" PRIu64, index);
	snprintf(text, sizeof(text), "%.*s", (int)f->value, (const char *)f->bytes);
	return text;
}

static void unpack(const struct field *f, uint64_t *values, size_t *n)
{
	const uint8_t *p = f->bytes;

	for (*n = 0; p < f->bytes + f->value; (*n)++)
		values[*n] = read_varint(&p, f->bytes + f->value);
}

static void render(void)
{
	char *packed = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&packed, &len);
	z_stream z = { .next_out = profile, .avail_out = sizeof(profile) };

	cr_assert_eq(view_pprof.render(r, out), 0);
	fclose(out);
	cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (void *)packed;
	z.avail_in = (uInt)len;
	cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	cr_assert_eq(z.avail_in, 0);
	profile_len = z.total_out;
	inflateEnd(&z);
	free(packed);
	vec_done(&top);
	top = read_message(profile, profile_len);
}

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
}

static void teardown(void)
{
	vec_done(&top);
	report_free(r);
}

TestSuite(view_pprof, .init = setup, .fini = teardown);

static void assert_type(size_t nth, const char *type, const char *unit)
{
	const struct field *f = find(&top, 1, nth);
	field_vec v;

	cr_assert_not_null(f);
	v = read_message(f->bytes, f->value);
	cr_assert_str_eq(string_at(number_of(&v, 1)), type);
	cr_assert_str_eq(string_at(number_of(&v, 2)), unit);
	vec_done(&v);
}

Test(view_pprof, the_first_string_is_empty)
{
	render();
	cr_assert_str_eq(string_at(0), "");
}

Test(view_pprof, it_has_a_column_a_kind_of_value_and_leads_with_cpu)
{
	render();
	cr_assert_eq(count_of(&top, 1), 4);
	assert_type(0, "samples", "count");
	assert_type(1, "cpu", "nanoseconds");
	assert_type(2, "offcpu_events", "count");
	assert_type(3, "offcpu", "nanoseconds");
	cr_assert_str_eq(string_at(number_of(&top, 14)), "cpu");
	cr_assert_eq(number_of(&top, 12), 10101010);
}

Test(view_pprof, signals_that_were_not_traced_have_no_column)
{
	r->has_offcpu = false;
	r->offcpu_samples.n = 0;
	render();
	cr_assert_eq(count_of(&top, 1), 2);
	assert_type(1, "cpu", "nanoseconds");
}

Test(view_pprof, time_off_cpu_alone_leads_when_there_is_nothing_else)
{
	uint64_t values[8];
	field_vec v;
	size_t n;

	r->has_cpu = false;
	r->cpu_samples.n = 0;
	render();
	cr_assert_eq(count_of(&top, 1), 2);
	assert_type(0, "offcpu_events", "count");
	cr_assert_str_eq(string_at(number_of(&top, 14)), "offcpu");
	v = read_message(find(&top, 2, 0)->bytes, find(&top, 2, 0)->value);
	unpack(find(&v, 2, 0), values, &n);
	cr_assert_eq(n, 2);
	cr_assert_eq(values[0], 1200);
	cr_assert_eq(values[1], 37000000400);
	vec_done(&v);
}

Test(view_pprof, values_add_up_to_the_report)
{
	uint64_t sums[4] = {};

	render();
	cr_assert_eq(count_of(&top, 2), r->cpu_samples.n + r->offcpu_samples.n);
	for (size_t i = 0; i < count_of(&top, 2); i++) {
		const struct field *s = find(&top, 2, i);
		field_vec v = read_message(s->bytes, s->value);
		uint64_t values[8];
		size_t n;

		unpack(find(&v, 2, 0), values, &n);
		cr_assert_eq(n, 4);
		for (int c = 0; c < 4; c++)
			sums[c] += values[c];
		vec_done(&v);
	}
	cr_assert_eq(sums[0], r->cpu.samples);
	cr_assert_eq(sums[1], r->cpu.samples * 10101010);
	cr_assert_eq(sums[2], r->offcpu.switches);
	cr_assert_eq(sums[3], r->offcpu.total_ns);
}

/* The location with an id. */
static field_vec location(uint64_t id)
{
	for (size_t i = 0;; i++) {
		const struct field *f = find(&top, 4, i);
		field_vec v;

		cr_assert_not_null(f, "no location %" PRIu64, id);
		v = read_message(f->bytes, f->value);
		if (number_of(&v, 1) == id)
			return v;
		vec_done(&v);
	}
}

/* The name of the nth line of a location. */
static const char *line_name(const field_vec *loc, size_t nth)
{
	const struct field *f = find(loc, 4, nth);
	field_vec line = read_message(f->bytes, f->value);
	uint64_t id = number_of(&line, 1), name = 0;

	vec_done(&line);
	for (size_t i = 0; (f = find(&top, 5, i)); i++) {
		field_vec fn = read_message(f->bytes, f->value);

		if (number_of(&fn, 1) == id)
			name = number_of(&fn, 2);
		vec_done(&fn);
	}
	cr_assert_neq(name, 0, "no function %" PRIu64, id);
	return string_at(name);
}

Test(view_pprof, an_inlined_function_is_a_line_of_its_callers_location)
{
	uint64_t ids[16];
	field_vec v, loc;
	size_t n;

	render();
	/* _start, main, serve, parse_request, and copy_header inlined into that. */
	v = read_message(find(&top, 2, 1)->bytes, find(&top, 2, 1)->value);
	unpack(find(&v, 1, 0), ids, &n);
	cr_assert_eq(n, 4);
	loc = location(ids[0]);
	cr_assert_eq(count_of(&loc, 4), 2);
	cr_assert_str_eq(line_name(&loc, 0), "copy_header");
	cr_assert_str_eq(line_name(&loc, 1), "parse_request");
	cr_assert_eq(number_of(&loc, 3), 0x100002f00, "the caller's address");
	vec_done(&loc);
	loc = location(ids[3]);
	cr_assert_str_eq(line_name(&loc, 0), "_start");
	vec_done(&loc);
	vec_done(&v);
}

Test(view_pprof, every_address_lies_in_its_mapping)
{
	render();
	for (size_t i = 0; i < count_of(&top, 4); i++) {
		field_vec loc = read_message(find(&top, 4, i)->bytes, find(&top, 4, i)->value);
		uint64_t mapping = number_of(&loc, 2), address = number_of(&loc, 3);
		bool found = !mapping;

		for (size_t m = 0; m < count_of(&top, 3); m++) {
			const struct field *f = find(&top, 3, m);
			field_vec map = read_message(f->bytes, f->value);

			if (number_of(&map, 1) == mapping)
				found =
				    address >= number_of(&map, 2) && address < number_of(&map, 3);
			vec_done(&map);
		}
		cr_assert(found, "0x%" PRIx64 " in mapping %" PRIu64, address, mapping);
		vec_done(&loc);
	}
}

Test(view_pprof, the_program_is_the_first_mapping)
{
	field_vec map;

	r->targets.v[0].exe = report_str(r, "/usr/lib/x86_64-linux-gnu/libc.so.6");
	render();
	map = read_message(find(&top, 3, 0)->bytes, find(&top, 3, 0)->value);
	cr_assert_str_eq(string_at(number_of(&map, 5)), "/usr/lib/x86_64-linux-gnu/libc.so.6");
	cr_assert_str_eq(string_at(number_of(&map, 6)), "fedcba98");
	cr_assert_eq(count_of(&top, 3), 3, "and none is lost");
	vec_done(&map);
}

Test(view_pprof, a_wild_offset_does_not_overflow)
{
	struct frame f = { FRAME_USER, 0, UINT64_MAX, "far", NULL, 0, 0, 0 };
	uint32_t frame = report_add_frame(r, &f);

	vec_push(&r->cpu_samples, (struct cpu_sample){ 0, report_add_stack(r, &frame, 1), 1 });
	render();
	cr_assert_eq(number_of(&top, 9), r->started_ns);
}

Test(view_pprof, labels_tell_process_mode_and_truncation)
{
	const char *const keys[] = { "pid", "comm", "mode", "state", "stack" };
	field_vec v;

	render();
	v = read_message(find(&top, 2, 6)->bytes, find(&top, 2, 6)->value);
	cr_assert_eq(count_of(&v, 3), 5);
	for (size_t i = 0; i < 5; i++) {
		const struct field *f = find(&v, 3, i);
		field_vec label = read_message(f->bytes, f->value);

		cr_assert_str_eq(string_at(number_of(&label, 1)), keys[i]);
		if (!strcmp(keys[i], "pid"))
			cr_assert_eq(number_of(&label, 3), 4242);
		if (!strcmp(keys[i], "stack"))
			cr_assert_str_eq(string_at(number_of(&label, 2)), "truncated");
		vec_done(&label);
	}
	vec_done(&v);
}

Test(view_pprof, names_are_text_whatever_the_target_says)
{
	size_t n;

	render();
	n = count_of(&top, 6);
	for (size_t i = 0; i < n; i++) {
		for (const char *s = string_at(i); *s; s++)
			cr_assert(*s != '\xff' && *s != '\x1b' && *s != '\n', "string %zu", i);
	}
}

Test(view_pprof, an_empty_report_gives_a_profile)
{
	report_free(r);
	r = report_new();
	render();
	cr_assert_eq(count_of(&top, 1), 2);
	cr_assert_eq(count_of(&top, 2), 0);
}
