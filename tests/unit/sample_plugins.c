/* SPDX-License-Identifier: GPL-2.0-only */
/* A web server's modules. */
#include "sample_plugins.h"

#include <stdlib.h>

#define SEC 1000000000ull
#define MS  1000000ull
#define US  1000ull
#define MIB (1ull << 20)

#define HOSTILE "=cmd|</script>;\",\x1b[31m\xff.so"

/* `fast` executions of fast_ns and one of max_ns. */
static struct call_stats *make_stats(uint64_t fast, uint64_t fast_ns, uint64_t max_ns)
{
	struct call_stats *s = calloc(1, sizeof(*s));

	s->hist = calloc(1, sizeof(*s->hist));
	s->calls = fast + 1;
	s->total_ns = s->self_ns = fast * fast_ns + max_ns;
	s->min_ns = fast_ns;
	s->max_ns = max_ns;
	s->hist->buckets[hist_index(fast_ns)] += fast;
	s->hist->buckets[hist_index(max_ns)]++;
	return s;
}

static struct plugin make_plugin(struct report *r, const char *id, const char *path,
				 const char *build_id)
{
	return (struct plugin){ .id = report_str(r, id),
				.path = report_str(r, path),
				.build_id = report_str(r, build_id),
				.object = report_add_object(r, path, build_id),
				.generation = 1,
				.state = PLUGIN_LOADED,
				.traced = true,
				.size = 34912,
				.loads = 1,
				.load_ns = 2 * MS,
				.load_max_ns = 2 * MS,
				.first_seen_ns = 1 * SEC,
				.last_activity_ns = 9 * SEC,
				.up_ns = 9 * SEC,
				.target_ns = 10 * SEC };
}

static void add_good(struct report *r)
{
	struct plugin p = make_plugin(r, "mod_good.so", "/usr/lib/webd/mod_good.so", "aa11");

	p.at_attach = true;
	p.loads = p.load_ns = p.load_max_ns = 0;
	p.first_seen_ns = 0;
	p.up_ns = 10 * SEC;
	p.stats = make_stats(999, 200 * US, 5 * MS);
	p.peak = 3;
	p.has_cpu = p.has_memory = p.has_allocs = true;
	p.cpu_ns = 102 * MS; /* of the targets' 5.1 s */
	p.offcpu_ns = 20 * MS;
	p.allocs = 1000;
	p.alloc_bytes = 4 * MIB;
	p.samples = 10;
	vec_push(&r->plugins, p);
}

static void add_bad(struct report *r)
{
	struct plugin p = make_plugin(r, "mod_bad.so", "/usr/lib/webd/mod_bad.so", "bb22");

	p.state = PLUGIN_UNLOADED;
	p.loads = p.unloads = 2;
	p.reopens = p.closes = 3;
	p.load_ns = 30 * MS;
	p.load_max_ns = 20400 * US;
	p.constructors_ns = 20 * MS;
	p.destructors_ns = 1 * MS;
	p.gap_ns = 12 * US;
	p.waited_ns = 40 * US;
	p.up_ns = 5 * SEC;
	p.stats = make_stats(399, 3 * MS, 6 * SEC);
	p.stats->errors = 120;
	error_counts_add(r, &p.stats->error_types, "exception std::runtime_error", 100);
	error_counts_add(r, &p.stats->error_types, "ret=-1", 20);
	p.exceptions = 100;
	p.timed_out = 2;
	p.in_flight = 1;
	p.in_flight_ns = 7 * SEC;
	p.peak = 4;
	p.has_memory = p.has_allocs = true;
	p.allocs = 12000;
	p.alloc_bytes = 300 * MIB;
	p.mapped_bytes = 310 * MIB;
	p.page_faults = 80000;
	vec_push(&r->plugins, p);
}

static void add_others(struct report *r)
{
	struct plugin p = make_plugin(r, "mod_bad.so#2", "/usr/lib/webd/mod_bad.so", "cc33");

	p.generation = 2;
	vec_push(&r->plugins, p);

	p = make_plugin(r, "broken.so", "/usr/lib/webd/broken.so", NULL);
	p.object = REPORT_NONE;
	p.state = PLUGIN_FAILED;
	p.loads = p.load_ns = p.load_max_ns = p.up_ns = p.target_ns = 0;
	p.load_errors = 3;
	p.last_activity_ns = 3 * SEC;
	vec_push(&r->plugins, p);

	p = make_plugin(r, "libdep.so.1", "/usr/lib/libdep.so.1", NULL);
	p.needed_by = report_str(r, "mod_good.so");
	p.traced = false;
	p.untraced_why = report_str(r, "it was not asked for");
	p.at_attach = true;
	vec_push(&r->plugins, p);

	p = make_plugin(r, HOSTILE, "/tmp/" HOSTILE, NULL);
	p.needed_by = report_str(r, HOSTILE);
	p.stats = make_stats(1, 10, 10);
	p.stats->errors = 1;
	error_counts_add(r, &p.stats->error_types, HOSTILE, 1);
	vec_push(&r->plugins, p);
}

static uint32_t add_frame(struct report *r, uint32_t object, uint64_t offset, const char *name)
{
	return report_add_frame(
	    r, &(struct frame){ .object = object, .offset = offset, .name = name });
}

/* Ten samples in mod_bad.so, called by main, of which four call back into the host and return. */
static uint32_t add_samples(struct report *r)
{
	uint32_t bad = r->plugins.v[P_BAD].object;
	uint32_t start = add_frame(r, 0, 0x1040, "_start");
	uint32_t handle = add_frame(r, bad, 0x100, "handle");
	uint32_t helper = add_frame(r, bad, 0x200, NULL);
	uint32_t host = add_frame(r, 0, 0x9000, "host_log");
	uint32_t direct[] = { start, handle, helper };
	uint32_t back[] = { start, handle, host, helper };
	uint32_t stack = report_add_stack(r, direct, 3);

	vec_push(&r->cpu_samples, (struct cpu_sample){ .stack = stack, .count = 6 });
	vec_push(&r->cpu_samples,
		 (struct cpu_sample){ .stack = report_add_stack(r, back, 4), .count = 4 });
	vec_push(&r->offcpu_samples, (struct offcpu_sample){ .stack = stack,
							     .why = OFFCPU_BLOCKED,
							     .count = 2,
							     .total_ns = 3 * MS,
							     .max_ns = 2 * MS });
	r->cpu.samples += 10;
	r->cpu.other -= 10;
	r->offcpu.total_ns += 3 * MS;
	r->offcpu.blocked_ns += 3 * MS;
	r->offcpu.switches += 2;
	r->plugins.v[P_BAD].samples = 10;
	return stack;
}

static struct plugin_event make_event(enum plugin_event_kind kind, uint32_t plugin,
				      uint64_t time_ns)
{
	return (struct plugin_event){ .kind = kind,
				      .plugin = plugin,
				      .time_ns = time_ns,
				      .pid = 4242,
				      .tid = 4250,
				      .stack = REPORT_NONE,
				      .target = REPORT_NONE,
				      .flags = -1 };
}

static void add_failed_loads(struct report *r)
{
	struct plugin_event e = make_event(PLUGIN_ERROR, P_BROKEN, 1500 * MS);

	e.during = PLUGIN_DURING_LOAD;
	e.failed = true;
	e.error = report_str(r, "/usr/lib/webd/broken.so: undefined symbol: no_such_function");
	for (int i = 0; i < 3; i++) {
		vec_push(&r->plugin_events, e);
		e.time_ns += 500 * MS;
	}
	e.plugin = REPORT_NONE;
	e.name = report_str(r, "missing.so");
	e.error = report_str(r, "missing.so: cannot open shared object file: No such file or "
				"directory");
	vec_push(&r->plugin_events, e);
	e.name = report_str(r, HOSTILE);
	e.error = report_str(r, HOSTILE ": invalid ELF header\n");
	vec_push(&r->plugin_events, e);
}

static void add_events(struct report *r, uint32_t stack)
{
	struct plugin_event e = make_event(PLUGIN_LOAD, P_GOOD, 0);

	e.at_attach = true;
	vec_push(&r->plugin_events, e);

	e = make_event(PLUGIN_LOAD, P_BAD, 1000 * MS);
	e.has_duration = true;
	e.duration_ns = 20400 * US;
	e.stack = stack;
	e.target = 0;
	e.flags = 0x102; /* RTLD_NOW | RTLD_GLOBAL */
	e.needed = report_str(r, "libdep.so.1,libz.so.1");
	e.constructors_ns = 20 * MS;
	e.waited_ns = 40 * US;
	e.gap_ns = 12 * US;
	vec_push(&r->plugin_events, e);
	add_failed_loads(r);

	e = make_event(PLUGIN_ERROR, P_BAD, 4 * SEC);
	e.failed = e.has_duration = true;
	e.duration_ns = 1 * MS;
	e.entry = report_str(r, "handle");
	e.error = report_str(r, "exception std::runtime_error");
	vec_push(&r->plugin_events, e);

	e = make_event(PLUGIN_UNLOAD, P_BAD, 9 * SEC);
	e.tid = 4299; /* a thread of which no trace is kept */
	e.has_duration = true;
	e.duration_ns = 2 * MS;
	e.destructors_ns = 1 * MS;
	vec_push(&r->plugin_events, e);
	r->plugin_events_dropped = 5;
}

void sample_add_activity(struct report *r, uint32_t plugin, uint32_t path, uint64_t second,
			 uint64_t calls, uint64_t errors, uint64_t total_ns)
{
	vec_push(&r->activities, (struct activity){ .plugin = plugin,
						    .path = path,
						    .start_ns = second * SEC,
						    .end_ns = (second + 1) * SEC,
						    .calls = calls,
						    .errors = errors,
						    .total_ns = total_ns });
}

/* mod_bad.so doubles its calls, which take as long as before; a path stays as it is. */
static void add_windows(struct report *r)
{
	r->window_ns = SEC;
	for (uint64_t s = 0; s < 10; s++) {
		uint64_t calls = s < 5 ? 25 : 50;

		sample_add_activity(r, P_BAD, REPORT_NONE, s, calls, calls / 5, calls * 3 * MS);
		sample_add_activity(r, REPORT_NONE, 1, s, 500, 12, 500 * 40 * US);
	}
}

void sample_add_plugins(struct report *r)
{
	r->has_plugins = true;
	r->plugin_timeout_ns = 30 * SEC;
	add_good(r);
	add_bad(r);
	add_others(r);
	add_events(r, add_samples(r));
	add_windows(r);
	if (r->plugins.n != P_COUNT)
		abort();
}
