/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of calls into the loader become plugins. */
#include <criterion/criterion.h>
#include <linux/types.h>
#include <stdio.h>
#include <string.h>

#include "bpf/wire.h"
#include "records.h"
#include "trace/collect.h"
#include "trace/plugins.h"
#include "trace/plugins_impl.h"

#define MS 1000000ULL

static void begin(struct collect *c, uint32_t max_events)
{
	struct plugins_options opt = { .max_events = max_events };

	cr_assert_eq(plugins_new(&opt, &c->plugins), 0);
	plugins_begin(c->plugins, c, 0);
	plugins_executed(c->plugins, NOBODY, 0);
}

static void send_object(struct collect *c, uint64_t start_ns, uint64_t link_map, const char *name)
{
	struct pb_plugin_object o = { .h = { .kind = PB_PLUGIN_OBJECT,
					     .pid = NOBODY,
					     .tid = NOBODY,
					     .time_ns = start_ns,
					     .size = sizeof(o) },
				      .start_ns = start_ns,
				      .link_map = link_map,
				      .bias = link_map << 20 };

	snprintf(o.name, sizeof(o.name), "%s", name);
	record_send(c, &o, sizeof(o));
}

static struct pb_plugin call(uint8_t what, uint64_t start_ns, uint8_t seen, uint64_t handle)
{
	return (struct pb_plugin){ .h = { .kind = PB_PLUGIN,
					  .pid = NOBODY,
					  .tid = NOBODY,
					  .time_ns = start_ns + 3 * MS,
					  .size = sizeof(struct pb_plugin) },
				   .start_ns = start_ns,
				   .handle = handle,
				   .flags = what == PB_LOADER_DLCLOSE ? -1 : 2,
				   .call = what,
				   .seen = seen };
}

static void send_call(struct collect *c, const struct pb_plugin *r)
{
	record_send(c, r, sizeof(*r));
}

/* The program: itself and the C library. */
static void send_start(struct collect *c)
{
	struct pb_plugin r = call(PB_LOADER_OTHER, 1 * MS, PB_SEEN_ADD, 0);

	send_object(c, 1 * MS, 1, "");
	send_object(c, 1 * MS, 2, "/nowhere/libc.so.6");
	send_call(c, &r);
}

static void send_load(struct collect *c, uint64_t start_ns, uint64_t link_map, const char *name)
{
	struct pb_plugin r = call(PB_LOADER_DLOPEN, start_ns, PB_SEEN_ADD, 0);

	send_object(c, start_ns, link_map, name);
	r.mapped_ns = r.h.time_ns = start_ns + MS;
	send_call(c, &r);
	r = call(PB_LOADER_DLOPEN, start_ns, PB_SEEN_ADD | PB_SEEN_RETURN, link_map);
	r.init_ns = start_ns + 2 * MS;
	snprintf(r.path, sizeof(r.path), "%s", name);
	send_call(c, &r);
}

static void send_close(struct collect *c, uint64_t start_ns, uint64_t link_map, bool truly)
{
	struct pb_plugin r = call(PB_LOADER_DLCLOSE, start_ns,
				  PB_SEEN_RETURN | (truly ? PB_SEEN_DELETE : 0), link_map);

	r.init_ns = start_ns + MS;
	r.delete_ns = start_ns + 2 * MS;
	send_call(c, &r);
}

static struct plugin *only(struct collect *c)
{
	cr_assert_eq(c->plugins->all.n, 1);
	return &c->plugins->all.v[0].p;
}

Test(plugins, the_program_is_none)
{
	struct collect c = {};

	begin(&c, 10);
	send_start(&c);
	cr_expect_eq(c.plugins->all.n, 0);
	collect_done(&c);
}

Test(plugins, load_and_unload)
{
	struct collect c = {};
	struct plugin *p;

	begin(&c, 10);
	send_start(&c);
	send_load(&c, 10 * MS, 7, "/nowhere/a.so");
	p = only(&c);
	cr_expect_eq(p->loads, 1);
	cr_expect_eq(p->state, PLUGIN_LOADED);
	cr_expect_eq(p->load_ns, 3 * MS);
	cr_expect_eq(p->constructors_ns, 1 * MS);
	send_close(&c, 20 * MS, 7, true);
	cr_expect_eq(p->unloads, 1);
	cr_expect_eq(p->state, PLUGIN_UNLOADED);
	cr_expect_eq(p->destructors_ns, 1 * MS);
	plugins_ended(c.plugins, NOBODY, 100 * MS);
	cr_expect_eq(p->up_ns, 13 * MS);
	cr_expect_eq(p->target_ns, 100 * MS);
	cr_expect_eq(c.plugins->events.n, 2);
	cr_expect_eq(c.plugins->events.v[1].e.kind, PLUGIN_UNLOAD);
	cr_expect_eq(c.plugins->events.v[1].e.duration_ns, 3 * MS);
	collect_done(&c);
}

Test(plugins, references_are_no_loads)
{
	struct pb_plugin r = call(PB_LOADER_DLOPEN, 20 * MS, PB_SEEN_RETURN, 7);
	struct collect c = {};

	begin(&c, 10);
	send_start(&c);
	send_load(&c, 10 * MS, 7, "/nowhere/a.so");
	send_call(&c, &r);
	send_close(&c, 30 * MS, 7, false);
	cr_expect_eq(only(&c)->loads, 1);
	cr_expect_eq(only(&c)->reopens, 1);
	cr_expect_eq(only(&c)->closes, 1);
	cr_expect_eq(only(&c)->unloads, 0);
	cr_expect_eq(c.plugins->events.n, 1);
	collect_done(&c);
}

Test(plugins, opening_a_part_of_the_program_is_no_load)
{
	struct pb_plugin r = call(PB_LOADER_DLOPEN, 20 * MS, PB_SEEN_RETURN, 2);
	struct collect c = {};

	begin(&c, 10);
	send_start(&c);
	send_call(&c, &r);
	cr_expect_eq(c.plugins->all.n, 0);
	collect_done(&c);
}

Test(plugins, failures_have_the_loaders_words)
{
	struct pb_plugin r = call(PB_LOADER_DLOPEN, 20 * MS, PB_SEEN_RETURN, 0);
	struct collect c = {};

	begin(&c, 10);
	send_start(&c);
	r.failed = 1;
	r.error = 2;
	snprintf(r.path, sizeof(r.path), "./nope.so");
	snprintf(r.error_object, sizeof(r.error_object), "./nope.so");
	snprintf(r.error_text, sizeof(r.error_text), "cannot open shared object file");
	send_call(&c, &r);
	send_call(&c, &r);
	cr_expect_eq(only(&c)->load_errors, 2);
	cr_expect_eq(only(&c)->state, PLUGIN_FAILED);
	cr_assert_eq(c.plugins->events.n, 2);
	cr_expect_str_eq(c.plugins->events.v[0].e.error,
			 "./nope.so: cannot open shared object file: No such file or directory");
	collect_done(&c);
}

Test(plugins, that_were_mapped_and_failed_are_not_loaded)
{
	struct pb_plugin r = call(PB_LOADER_DLOPEN, 10 * MS, PB_SEEN_ADD, 0);
	struct collect c = {};

	begin(&c, 10);
	send_start(&c);
	send_object(&c, 10 * MS, 7, "/nowhere/undefined.so");
	send_call(&c, &r);
	r = call(PB_LOADER_DLOPEN, 10 * MS, PB_SEEN_ADD | PB_SEEN_DELETE | PB_SEEN_RETURN, 0);
	r.failed = 1;
	send_call(&c, &r);
	cr_expect_eq(only(&c)->loads, 0);
	cr_expect_eq(only(&c)->load_errors, 1);
	cr_expect_eq(only(&c)->state, PLUGIN_FAILED);
	collect_done(&c);
}

Test(plugins, what_comes_along_is_needed_by_the_one_that_was_asked_for)
{
	struct pb_plugin r = call(PB_LOADER_DLOPEN, 10 * MS, PB_SEEN_ADD, 0);
	struct collect c = {};

	begin(&c, 10);
	send_start(&c);
	send_object(&c, 10 * MS, 7, "/nowhere/a.so");
	send_object(&c, 10 * MS, 8, "/nowhere/libdep.so");
	send_call(&c, &r);
	r = call(PB_LOADER_DLOPEN, 10 * MS, PB_SEEN_ADD | PB_SEEN_RETURN, 7);
	send_call(&c, &r);
	cr_assert_eq(c.plugins->all.n, 2);
	cr_expect_eq(c.plugins->all.v[1].p.loads, 1);
	cr_expect_str_eq(c.plugins->all.v[1].p.needed_by, "a.so");
	cr_assert_eq(c.plugins->events.n, 1);
	cr_expect_str_eq(c.plugins->events.v[0].e.needed, "libdep.so");
	collect_done(&c);
}

Test(plugins, a_reload_that_nobody_saw_begin_is_an_unload_and_a_load)
{
	struct collect c = {};

	begin(&c, 10);
	send_start(&c);
	send_load(&c, 10 * MS, 7, "/nowhere/a.so");
	send_object(&c, 20 * MS, 9, "/nowhere/b.so");
	send_load(&c, 20 * MS, 7, "/nowhere/a.so");
	cr_expect_eq(c.plugins->all.v[0].p.loads, 2);
	cr_expect_eq(c.plugins->all.v[0].p.unloads, 1);
	collect_done(&c);
}

Test(plugins, of_a_parent_are_there_in_its_child)
{
	struct pb_process fork = process_record(PB_FORK, NOBODY);
	struct collect c = {};

	begin(&c, 10);
	send_start(&c);
	send_load(&c, 10 * MS, 7, "/nowhere/a.so");
	fork.h.time_ns = 50 * MS;
	fork.child = NOBODY_ELSE;
	record_send(&c, &fork, sizeof(fork));
	plugins_ended(c.plugins, NOBODY_ELSE, 80 * MS);
	cr_expect_eq(only(&c)->up_ns, 30 * MS);
	cr_expect_eq(only(&c)->loads, 1);
	cr_expect_eq(only(&c)->unloads, 0);
	collect_done(&c);
}

Test(plugins, of_events_the_latest_are_kept)
{
	struct collect c = {};

	begin(&c, 3);
	send_start(&c);
	for (uint64_t i = 0; i < 5; i++) {
		send_load(&c, (10 + 10 * i) * MS, 7, "/nowhere/a.so");
		send_close(&c, (15 + 10 * i) * MS, 7, true);
	}
	cr_expect_eq(only(&c)->loads, 5);
	cr_expect_eq(c.plugins->events.n, 3);
	cr_expect_eq(c.plugins->dropped, 7);
	cr_expect_eq(c.plugins->events.v[c.plugins->first_event].e.time_ns, 45 * MS);
	collect_done(&c);
}

Test(plugins, records_that_are_cut_are_refused)
{
	struct pb_plugin r = call(PB_LOADER_DLOPEN, MS, PB_SEEN_RETURN, 7);
	struct collect c = {};

	begin(&c, 3);
	record_send(&c, &r, sizeof(r) - 1);
	record_send(&c, &r, sizeof(struct pb_header));
	r.call = 200;
	record_send(&c, &r, sizeof(r));
	cr_expect_eq(c.lost_events, 3);
	collect_done(&c);
}
