/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A web server (PID 4242) with a worker (PID 4243) that dies of SIGSEGV, seen for ten seconds
 * with every signal on.
 */
#include "sample_report.h"

#include <stdlib.h>
#include <string.h>

#include "view/view.h"

#define SEC 1000000000ull
#define MS  1000000ull
#define US  1000ull

/* Indices of the interned frames, in the order in which add_frames() makes them. */
enum sample_frame {
	F_TRUNCATED,
	F_START,
	F_MAIN,
	F_SERVE,
	F_PARSE,
	F_COPY_INLINED,
	F_LIBC_NO_SYMBOL,
	F_UNKNOWN,
	F_PYTHON,
	F_PYTHON_HOSTILE,
	F_SYSCALL,
	F_VFS_READ,
	F_SCHEDULE,
	F_CXX,
	F_RUST,
	F_HOSTILE,
	F_KERNEL_NO_SYMBOL,
	F_COUNT
};

#define LONG_CXX                                                                                   \
	"std::_Rb_tree<std::__cxx11::basic_string<char, std::char_traits<char>, "                  \
	"std::allocator<char> >, std::pair<std::__cxx11::basic_string<char> const, "               \
	"web::Session>, std::_Select1st<std::pair<std::__cxx11::basic_string<char> const, "        \
	"web::Session> >, std::less<std::__cxx11::basic_string<char> > >::find("                   \
	"std::__cxx11::basic_string<char> const&)"

static void add_targets(struct report *r)
{
	vec_push(&r->targets, (struct target){ .pid = 4242,
					       .ppid = 1,
					       .comm = report_str(r, "webd"),
					       .exe = report_str(r, "/usr/sbin/webd"),
					       .end = TARGET_RUNS,
					       .threads_seen = 5,
					       .cpu_ns = 4200 * MS,
					       .runq_ns = 130 * MS,
					       .blocked_ns = 38 * SEC });
	vec_push(&r->targets, (struct target){ .pid = 4243,
					       .ppid = 4242,
					       .comm = report_str(r, "webd-worker"),
					       .exe = report_str(r, "/usr/sbin/webd"),
					       .end = TARGET_KILLED,
					       .end_value = 11,
					       .threads_seen = 1,
					       .cpu_ns = 900 * MS,
					       .runq_ns = 20 * MS,
					       .blocked_ns = 6 * SEC });
}

static void add_frames(struct report *r)
{
	uint32_t webd = report_add_object(r, "/usr/sbin/webd", "0123456789abcdef");
	uint32_t libc = report_add_object(r, "/usr/lib/x86_64-linux-gnu/libc.so.6", "fedcba98");
	uint32_t kernel = report_add_object(r, "[kernel]", NULL);
	const struct frame frames[F_COUNT] = {
		[F_TRUNCATED] = { FRAME_TRUNCATED, REPORT_NONE, 0, NULL, NULL, 0 },
		[F_START] = { FRAME_USER, webd, 0x1040, "_start", NULL, 0 },
		[F_MAIN] = { FRAME_USER, webd, 0x1130, "main", "src/main.c", 210 },
		[F_SERVE] = { FRAME_USER, webd, 0x2210, "serve", "src/serve.c", 77 },
		[F_PARSE] = { FRAME_USER, webd, 0x2f00, "parse_request", "src/parse.c", 41 },
		[F_COPY_INLINED] = { FRAME_INLINED, webd, 0x2f44, "copy_header", "src/buf.h", 9 },
		[F_LIBC_NO_SYMBOL] = { FRAME_USER, libc, 0x9c0de, NULL, NULL, 0 },
		[F_UNKNOWN] = { FRAME_USER, REPORT_NONE, 0x7f0000001234, NULL, NULL, 0 },
		[F_PYTHON] = { FRAME_INTERPRETED, REPORT_NONE, 0, "render", "page.py", 12 },
		[F_PYTHON_HOSTILE] = { FRAME_INTERPRETED, REPORT_NONE, 0, "evil;name\n",
				       "a\xff;b.py", 1 },
		[F_SYSCALL] = { FRAME_KERNEL, kernel, 0xffffffff81000010, "do_syscall_64", NULL,
				0 },
		[F_VFS_READ] = { FRAME_KERNEL, kernel, 0xffffffff81200020, "vfs_read", NULL, 0 },
		[F_SCHEDULE] = { FRAME_KERNEL, kernel, 0xffffffff81900030, "schedule", NULL, 0 },
		[F_CXX] = { FRAME_USER, webd, 0x5000, LONG_CXX, NULL, 0 },
		[F_RUST] = { FRAME_USER, webd, 0x6000, "<[u8; 4] as web::Hash>::hash", NULL, 0 },
		[F_HOSTILE] = { FRAME_USER, webd, 0x7000, "</script><b>&\"'\x1b[31m 12", NULL, 0 },
		[F_KERNEL_NO_SYMBOL] = { FRAME_KERNEL, kernel, 0xffffffffc0000040, NULL, NULL, 0 },
	};

	for (uint32_t i = 0; i < F_COUNT; i++) {
		if (report_add_frame(r, &frames[i]) != i)
			abort();
	}
}

#define STACK(r, ...)                                                                              \
	report_add_stack(r, (const uint32_t[]){ __VA_ARGS__ },                                     \
			 sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void add_cpu(struct report *r, uint32_t target, uint32_t stack, uint64_t count)
{
	vec_push(&r->cpu_samples,
		 (struct cpu_sample){ .target = target, .stack = stack, .count = count });
	r->cpu.samples += count;
	if (r->stacks.v[stack].truncated)
		r->cpu.truncated += count;
}

static void add_cpu_samples(struct report *r)
{
	r->has_cpu = true;
	r->cpu.frequency_hz = 99;
	add_cpu(r, 0, STACK(r, F_START, F_MAIN, F_SERVE, F_PARSE), 180);
	add_cpu(r, 0, STACK(r, F_START, F_MAIN, F_SERVE, F_PARSE, F_COPY_INLINED), 95);
	add_cpu(r, 0, STACK(r, F_START, F_MAIN, F_SERVE, F_LIBC_NO_SYMBOL), 40);
	add_cpu(r, 0, STACK(r, F_START, F_MAIN, F_SERVE, F_SYSCALL, F_VFS_READ), 33);
	add_cpu(r, 0, STACK(r, F_START, F_MAIN, F_SERVE, F_CXX), 30);
	add_cpu(r, 0, STACK(r, F_START, F_MAIN, F_RUST), 12);
	add_cpu(r, 0, STACK(r, F_TRUNCATED, F_LIBC_NO_SYMBOL, F_UNKNOWN), 9);
	add_cpu(r, 1, STACK(r, F_START, F_MAIN, F_PYTHON), 60);
	add_cpu(r, 1, STACK(r, F_START, F_MAIN, F_PYTHON, F_PYTHON_HOSTILE), 20);
	add_cpu(r, 1, STACK(r, F_START, F_MAIN, F_SERVE, F_SERVE), 5);
	add_cpu(r, 1, STACK(r, F_START, F_MAIN, F_HOSTILE), 4);
	add_cpu(r, 1, STACK(r, F_KERNEL_NO_SYMBOL), 2);
	r->cpu.fired = 3960;
	r->cpu.other = r->cpu.fired - r->cpu.samples;
}

static void add_offcpu(struct report *r, uint32_t target, uint32_t stack, enum offcpu_why why,
		       uint64_t count, uint64_t total_ns, uint64_t max_ns)
{
	vec_push(&r->offcpu_samples, (struct offcpu_sample){ .target = target,
							     .stack = stack,
							     .why = why,
							     .count = count,
							     .total_ns = total_ns,
							     .max_ns = max_ns });
	r->offcpu.total_ns += total_ns;
	*(why == OFFCPU_BLOCKED ? &r->offcpu.blocked_ns : &r->offcpu.preempted_ns) += total_ns;
	if (r->stacks.v[stack].truncated)
		r->offcpu.truncated_ns += total_ns;
	r->offcpu.switches += count;
}

static void add_offcpu_samples(struct report *r)
{
	uint32_t reading = STACK(r, F_START, F_MAIN, F_SERVE, F_SYSCALL, F_VFS_READ, F_SCHEDULE);
	uint32_t parsing = STACK(r, F_START, F_MAIN, F_SERVE, F_PARSE, F_SCHEDULE);

	r->has_offcpu = true;
	add_offcpu(r, 0, reading, OFFCPU_BLOCKED, 1200, 37 * SEC + 400, 900 * MS);
	add_offcpu(r, 0, parsing, OFFCPU_PREEMPTED, 310, 130 * MS + 700, 4 * MS);
	add_offcpu(r, 0, parsing, OFFCPU_BLOCKED, 20, 1 * SEC, 200 * MS);
	add_offcpu(r, 1, STACK(r, F_TRUNCATED, F_UNKNOWN, F_SCHEDULE), OFFCPU_BLOCKED, 6, 6 * SEC,
		   2 * SEC);
	add_offcpu(r, 1, STACK(r, F_START, F_SCHEDULE), OFFCPU_PREEMPTED, 1, 300, 300);
	r->offcpu.stacks_taken = r->offcpu.switches - 37;
	r->offcpu.min_ns = 100;
	r->offcpu.left_out_ns = 64 * US;
}

/* Statistics of `calls` equal calls, of which the last took max_ns. */
static struct call_stats sample_stats(uint64_t calls, uint64_t each_ns, uint64_t max_ns)
{
	struct call_stats s = { .calls = calls, .min_ns = each_ns, .max_ns = max_ns };

	s.hist = calloc(1, sizeof(*s.hist));
	if (!s.hist)
		abort();
	s.hist->buckets[hist_index(each_ns)] = calls - 1;
	s.hist->buckets[hist_index(max_ns)]++;
	s.total_ns = (calls - 1) * each_ns + max_ns;
	s.self_ns = s.total_ns;
	return s;
}

static void add_error(struct report *r, struct call_stats *s, const char *type, uint64_t count)
{
	s->errors += count;
	if (error_counts_add(r, &s->error_types, type, count))
		abort();
}

static void add_path(struct report *r, uint32_t parent, uint32_t node, struct call_stats stats)
{
	vec_push(&r->paths, (struct path){ .parent = parent,
					   .node = node,
					   .depth_max = 1,
					   .has_cpu = true,
					   .offcpu_ns = stats.total_ns / 4,
					   .cpu_ns = stats.total_ns - stats.total_ns / 4,
					   .stats = stats });
	r->nodes.v[node].calls += stats.calls;
	if (parent != REPORT_NONE)
		r->paths.v[parent].stats.self_ns -= stats.total_ns;
}

static void add_paths(struct report *r)
{
	static const char *const names[] = { "serve", "parse_request", "db_query", "flush" };

	r->has_spans = true;
	for (size_t i = 0; i < 4; i++)
		vec_push(&r->nodes, (struct node){ .name = report_str(r, names[i]), .object = 0 });
	vec_push(
	    &r->nodes,
	    (struct node){ .name = report_str(r, "vfs_fsync"), .object = 2, .kind = NODE_KERNEL });
	add_path(r, REPORT_NONE, 0, sample_stats(5000, 700 * US, 60 * MS));
	add_path(r, 0, 1, sample_stats(5000, 40 * US, 900 * US));
	add_path(r, 0, 2, sample_stats(4900, 500 * US, 55 * MS));
	add_path(r, 2, 3, sample_stats(100, 900 * US, 20 * MS));
	add_path(r, 3, 4, sample_stats(100, 600 * US, 19 * MS));
	add_path(r, REPORT_NONE, 3, sample_stats(7, 1 * MS, 3 * MS));
	add_error(r, &r->paths.v[0].stats, "ret=-1", 15);
	add_error(r, &r->paths.v[1].stats, "ret=-22", 100);
	add_error(r, &r->paths.v[1].stats, "ret=-7", 25);
	add_error(r, &r->paths.v[4].stats, "EIO", 2);
	r->paths.v[0].open = 3;
	r->paths.v[2].unwound = 4;
	r->paths.v[5].untimed = 1;
	r->paths.v[3].depth_max = 12;
	r->paths.v[5].has_cpu = false;
	vec_push(&r->unused, (struct unused){ report_str(r, "rotate_log"), report_str(r, "webd") });
	vec_push(&r->unused, (struct unused){ report_str(r, "=HYPERLINK(\"x\")"), NULL });
}

static void add_inside(struct report *r, uint32_t path, const char *type, uint64_t count)
{
	if (error_counts_add(r, &r->paths.v[path].inside, type, count))
		abort();
}

static void add_slice(struct trace *t, struct slice s)
{
	if (vec_push(&t->slices, s))
		abort();
}

/*
 * A slow request on webd's thread worker-3: fourteen reads, a failing query that waits in a
 * system call (told as a child of the span, as the recorder knows no better), an exception.
 */
static struct trace slow_trace(struct report *r)
{
	struct trace t = { .pid = 4242,
			   .tid = 4250,
			   .thread = report_str(r, "worker-3"),
			   .why = TRACE_SLOW | TRACE_FAILED,
			   .path = 0,
			   .cause = REPORT_NONE,
			   .slices_lost = 2 };
	uint64_t at = 2 * SEC;

	add_slice(&t, (struct slice){ SLICE_SPAN, report_str(r, "serve"), REPORT_NONE, 0, at,
				      60 * MS, false, report_str(r, "ret=-1"), NULL });
	add_slice(&t, (struct slice){ SLICE_SPAN, report_str(r, "parse_request"), 0, 1,
				      at + 200 * US, 800 * US, false, NULL,
				      report_str(r, "len=1500, path=\"/login\"") });
	for (uint32_t i = 0; i < 14; i++)
		add_slice(&t, (struct slice){ SLICE_SYSCALL, report_str(r, "read"), 1, REPORT_NONE,
					      at + 220 * US + i * 50 * US, 10 * US, false, NULL,
					      NULL });
	add_slice(&t, (struct slice){ SLICE_SPAN, report_str(r, "db_query"), 0, 2, at + 2 * MS,
				      55 * MS, false, NULL, NULL });
	add_slice(&t, (struct slice){ SLICE_SYSCALL, report_str(r, "recvfrom"), 16, REPORT_NONE,
				      at + 3 * MS, 50 * MS, false, report_str(r, "EAGAIN"), NULL });
	add_slice(&t, (struct slice){ SLICE_OFFCPU, report_str(r, "blocked"), 16, REPORT_NONE,
				      at + 3 * MS + 5 * US, 49 * MS, false, NULL, NULL });
	add_slice(&t, (struct slice){ SLICE_INSTANT, report_str(r, "throw"), 16, REPORT_NONE,
				      at + 56 * MS, 0, false,
				      report_str(r, "exception std::runtime_error"), NULL });
	return t;
}

/* What the request asked of another thread, which went on at the same time. */
static struct trace linked_trace(struct report *r)
{
	struct trace t = { .pid = 4242,
			   .tid = 4251,
			   .thread = report_str(r, "worker-7"),
			   .why = TRACE_LINKED,
			   .path = 5,
			   .cause = 0,
			   .cause_ns = 2 * SEC + 2500 * US,
			   .cause_kind = report_str(r, "wakeup") };

	add_slice(&t, (struct slice){ SLICE_SPAN, report_str(r, "flush"), REPORT_NONE, 5,
				      2 * SEC + 2600 * US, 3 * MS, false, NULL, NULL });
	return t;
}

/* The worker process, in the middle of two calls at once: goroutines share the thread. */
static struct trace open_trace(struct report *r, uint64_t start_ns, const char *thread)
{
	struct trace t = { .pid = 4243,
			   .tid = 4243,
			   .thread = report_str(r, thread),
			   .why = TRACE_SAMPLED,
			   .path = 0,
			   .cause = REPORT_NONE };

	add_slice(&t, (struct slice){ SLICE_SPAN, report_str(r, "serve"), REPORT_NONE, 0, start_ns,
				      7 * MS, true, NULL, NULL });
	return t;
}

static void add_traces(struct report *r)
{
	add_inside(r, 2, "openat ENOENT", 31);
	add_inside(r, 2, "python ValueError", 2);
	add_inside(r, 0, "signal SIGSEGV", 1);
	r->coverage.matched = 10;
	r->coverage.probed = 7;
	r->coverage.emulated = 6;
	r->coverage.sites = 4;
	if (vec_push(&r->traces, slow_trace(r)) || vec_push(&r->traces, linked_trace(r)) ||
	    vec_push(&r->traces, open_trace(r, 5 * SEC, NULL)) ||
	    vec_push(&r->traces, open_trace(r, 5 * SEC + 2 * MS, "webd;worker\x1b")))
		abort();
}

static void add_syscalls(struct report *r)
{
	uint32_t reading = STACK(r, F_START, F_MAIN, F_SERVE, F_SYSCALL);

	r->has_syscalls = true;
	vec_push(&r->syscalls,
		 (struct syscall){ report_str(r, "read"), sample_stats(12000, 3 * MS, 900 * MS) });
	vec_push(&r->syscalls,
		 (struct syscall){ report_str(r, "write"), sample_stats(5000, 9 * US, 2 * MS) });
	vec_push(&r->syscalls,
		 (struct syscall){ report_str(r, "openat"), sample_stats(40, 5 * US, 30 * US) });
	add_error(r, &r->syscalls.v[0].stats, "EAGAIN", 2400);
	add_error(r, &r->syscalls.v[0].stats, "EINTR", 3);
	add_error(r, &r->syscalls.v[2].stats, "ENOENT", 31);
	vec_push(&r->syscall_paths, (struct syscall_path){ 0, 0, 11000, 2403, 30 * SEC });
	vec_push(&r->syscall_paths, (struct syscall_path){ 0, REPORT_NONE, 1000, 0, 3 * SEC });
	vec_push(&r->syscall_paths, (struct syscall_path){ 2, 2, 40, 31, 225 * US });
	vec_push(&r->syscall_samples, (struct syscall_sample){ 0, 0, reading, NULL, 9600 });
	vec_push(&r->syscall_samples,
		 (struct syscall_sample){ 0, 0, reading, report_str(r, "EAGAIN"), 2400 });
	vec_push(&r->syscall_samples,
		 (struct syscall_sample){ 2, 0, reading, report_str(r, "ENOENT"), 31 });
}

static void add_events(struct report *r)
{
	const struct event events[] = {
		{ EVENT_FORK, 10 * MS, 4242, 4242, 4243, 0, NULL },
		{ EVENT_EXEC, 11 * MS, 4243, 4243, 0, 0, report_str(r, "/usr/sbin/webd") },
		{ EVENT_MMAP, 1 * SEC, 4243, 4243, 0, 0, report_str(r, "/usr/lib/plugin.so") },
		{ EVENT_EXIT, 9 * SEC, 4243, 4243, 0, 11, NULL },
	};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		vec_push(&r->events, events[i]);
}

static void add_quality(struct report *r)
{
	vec_push(&r->missing, (struct named_why){ report_str(r, "hardware cycles"),
						  report_str(r, "this machine has no PMU") });
	vec_push(&r->skipped, (struct named_why){ report_str(r, "tiny_helper"),
						  report_str(r, "too short to probe") });
	vec_push(&r->skipped, (struct named_why){ report_str(r, "tiny_getter"),
						  report_str(r, "too short to probe") });
	vec_push(&r->skipped, (struct named_why){ report_str(r, "swap_stack"),
						  report_str(r, "switches stacks") });
	vec_push(&r->notes, report_str(r, "1 object has no symbols: libc.so.6"));
	vec_push(&r->overhead.detached,
		 (struct named_why){ report_str(r, "hot_inner"), report_str(r, "over budget") });
	r->overhead.bpf_ns = 21 * MS;
	r->overhead.traps_ns = 7 * MS;
	r->overhead.self_cpu_ns = 150 * MS;
	r->overhead.self_rss = 31u << 20;
	r->overhead.bpf_memory = 9u << 20;
	r->overhead.attach_ns = 84 * MS;
	r->overhead.target_pct = 0.41;
	r->overhead.budget_pct = 1;
	r->lost.samples = 3;
	r->lost.events = 1;
}

struct report *sample_report(void)
{
	struct report *r = report_new();

	if (!r)
		return NULL;
	r->version = report_str(r, "0.1.0");
	r->kernel = report_str(r, "6.1.0-18-amd64");
	r->arch = report_str(r, "x86_64");
	r->command = report_str(r, "pathbpf -p 4242 -d 10 -t serve,parse_request");
	r->cpus = 4;
	r->started_ns = 1767323045ull * SEC + 123456789; /* 2026-01-02T03:04:05.123456789Z */
	r->duration_ns = 10 * SEC;
	add_targets(r);
	add_frames(r);
	add_cpu_samples(r);
	add_offcpu_samples(r);
	add_paths(r);
	add_traces(r);
	add_syscalls(r);
	add_events(r);
	add_quality(r);
	return r;
}

char *sample_render(const struct view *view, const struct report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out || view->render(r, out) || ferror(out) || fclose(out))
		abort();
	return text;
}
