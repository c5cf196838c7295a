/* SPDX-License-Identifier: GPL-2.0-only */
/* Which functions are worth a span. */
#include "trace/autochoice.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "lib/cleanup.h"
#include "lib/path.h"
#include "lib/table.h"
#include "pathbpf.skel.h"
#include "sym/symbols.h"
#include "trace/collect.h"
#include "trace/mapread.h"
#include "trace/runtimes.h"

#define NONE        UINT32_MAX
#define WAIT_FRAMES 6   /* of the user's leaf, among which a waiting function is looked for */
#define IDLE_SHARE  0.2 /* of a function's time: it is a loop that waits for work */
#define COVER_SHARE 0.97
#define OUTER_SHARE 0.05 /* of its time, in which no other chosen one called it */

struct choice {
	const struct auto_input *in;
	struct collect *c;
	struct table index; /* (object, addr) → functions */
	auto_function_vec functions;
	VEC(uint32_t) of_frame;   /* function of a frame + 1; 0: not looked at, NONE: none */
	VEC(uint8_t) wait_frame;  /* 1: no waiting function, 2: one */
	VEC(uint32_t) seen;       /* by function: the stack that counted it last + 1 */
	VEC(uint64_t) process_ns; /* by function: all time of processes that it was seen in */
	VEC(uint64_t) by_pid;     /* pairs: PID, time */
	VEC(bool) chosen;         /* by function; empty: none are yet */
	uint64_t all_ns;
};

static bool is_system(const char *path)
{
	static const char *const names[] = { "libc.so",   "libc-",       "ld-",
					     "ld-linux",  "libm.so",     "libgcc",
					     "libstdc++", "libc++",      "libpthread.",
					     "libdl.",    "librt.",      "linux-vdso",
					     "[vdso]",    "libjemalloc", "libtcmalloc" };
	const char *name = path_last(path);

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

/* By which threads wait for work to come. */
static bool waits(const char *name)
{
	static const char *const names[] = {
		"epoll_wait",
		"epoll_pwait",
		"epoll_pwait2",
		"poll",
		"ppoll",
		"select",
		"pselect",
		"accept",
		"accept4",
		"nanosleep",
		"clock_nanosleep",
		"pause",
		"sigwait",
		"sigwaitinfo",
		"sigtimedwait",
		"wait4",
		"waitpid",
		"waitid",
		"sigsuspend",
		"pthread_cond_wait",
		"sem_wait",
		"sem_timedwait",
		"pthread_cond_timedwait",
		"pthread_cond_clockwait",
		"mq_receive",
		"msgrcv",
		"io_getevents",
		"pthread_join",
		"usleep",
		"sleep",
	};

	name += strspn(name, "_");
	if (!strncmp(name, "GI_", 3))
		name += 3 + strspn(name + 3, "_");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(name, names[i]))
			return true;
	}
	return false;
}

static int function_add(struct choice *ch, uint32_t object, uint64_t addr, uint32_t *ret)
{
	uint64_t key[2] = { object, addr };
	uint32_t i = table_find(&ch->index, key, sizeof(key));

	if (i == TABLE_NONE) {
		i = (uint32_t)ch->functions.n;
		if (vec_push(&ch->functions,
			     (struct auto_function){ .object = object, .addr = addr }) ||
		    vec_push(&ch->seen, 0) || vec_push(&ch->process_ns, 0) ||
		    table_add(&ch->index, key, sizeof(key), i))
			return -ENOMEM;
	}
	*ret = i;
	return 0;
}

/* The function that a frame is in, by symbols or else by the unwind tables. */
static int find_function(struct choice *ch, const struct raw_frame *f, uint32_t *ret)
{
	const struct symbols *s = object_symbols(&ch->c->objects, f->object);
	uint64_t offset = f->offset - (f->is_return ? 1 : 0), addr, start, end;
	const struct symbol *sym;

	*ret = NONE;
	if (!s)
		return 0;
	sym = symbols_find(s, offset);
	if (sym)
		return function_add(ch, f->object, sym->addr, ret);
	addr = symbols_addr_of(s, offset);
	if (addr == UINT64_MAX || !symbols_code_range(s, addr, &start, &end))
		return 0;
	return function_add(ch, f->object, start, ret);
}

/* The same, remembered by frame. */
static int function_of(struct choice *ch, uint32_t frame, uint32_t *ret)
{
	const struct raw_frame *f = &ch->c->frames.v[frame];
	uint32_t found = NONE;
	int err = 0;

	if (frame >= ch->of_frame.n)
		return -EINVAL;
	if (ch->of_frame.v[frame]) {
		*ret = ch->of_frame.v[frame] == NONE ? NONE : ch->of_frame.v[frame] - 1;
		return 0;
	}
	/* What a language's runtime does, it does for those that it runs, which are known by
	 * samples. */
	if (f->place == PLACE_OBJECT && !is_system(ch->c->objects.files.v[f->object]->path) &&
	    !runtimes_host(ch->c->runtimes, &ch->c->objects, f->object))
		err = find_function(ch, f, &found);
	ch->of_frame.v[frame] = found == NONE ? NONE : found + 1;
	*ret = found;
	return err;
}

static bool is_wait(struct choice *ch, uint32_t frame)
{
	const struct raw_frame *f = &ch->c->frames.v[frame];
	const struct symbols *s;
	const struct symbol *sym;

	if (!ch->wait_frame.v[frame]) {
		s = f->place == PLACE_OBJECT ? object_symbols(&ch->c->objects, f->object) : NULL;
		sym = s ? symbols_find(s, f->offset - (f->is_return ? 1 : 0)) : NULL;
		ch->wait_frame.v[frame] = sym && waits(sym->name) ? 2 : 1;
	}
	return ch->wait_frame.v[frame] == 2;
}

static void add_process_time(struct choice *ch, uint32_t pid, uint64_t ns)
{
	for (size_t i = 0; i + 1 < ch->by_pid.n; i += 2) {
		if (ch->by_pid.v[i] == pid) {
			ch->by_pid.v[i + 1] += ns;
			return;
		}
	}
	if (!vec_push(&ch->by_pid, pid))
		vec_push(&ch->by_pid, ns);
}

/* Time under a stack belongs to the chosen function that is nearest to its root, too. */
static void add_outer(struct choice *ch, const struct raw_stack *s, uint64_t ns)
{
	for (uint32_t i = s->n; i-- > s->kernel;) {
		uint32_t function = ch->of_frame.v[s->frames[i]];

		if (!function || function == NONE || !ch->chosen.v[function - 1])
			continue;
		ch->functions.v[function - 1].outer_ns += ns;
		return;
	}
}

/* Time under a stack. off: it was off the CPU. */
static int add_stack(struct choice *ch, uint32_t stack, uint64_t ns, bool off)
{
	const struct raw_stack *s = &ch->c->stacks.v[stack];
	bool idle = false, leaf = true;
	int err = 0;

	if (ch->chosen.n) {
		add_outer(ch, s, ns);
		return 0;
	}
	for (uint32_t i = s->kernel; off && i < s->n && i < s->kernel + WAIT_FRAMES; i++)
		idle |= is_wait(ch, s->frames[i]);
	if (!off)
		add_process_time(ch, s->pid, ns);
	ch->all_ns += idle ? 0 : ns;
	for (uint32_t i = s->kernel; i < s->n && !err; i++) {
		uint32_t function;

		err = function_of(ch, s->frames[i], &function);
		if (err || function >= ch->seen.n)
			continue;
		if (ch->seen.v[function] != stack + 1 || leaf) {
			struct auto_function *f = &ch->functions.v[function];

			f->self_ns += leaf ? ns : 0;
			leaf = false;
			if (ch->seen.v[function] == stack + 1)
				continue; /* recursion */
			ch->seen.v[function] = stack + 1;
			f->total_ns += ns;
			f->idle_ns += idle ? ns : 0;
			if (!off && ch->process_ns.v[function] == 0)
				ch->process_ns.v[function] = s->pid;
		}
	}
	return err;
}

static int add_offcpu(const void *key, void *value, void *arg)
{
	const struct pb_offcpu_key *k = key;
	const struct pb_offcpu_value *v = value;
	struct choice *ch = arg;
	uint32_t stack = collect_stack_by_id(ch->c, k->stack);

	if (stack == TABLE_NONE || k->why == PB_PREEMPTED || stack >= ch->c->stacks.n)
		return 0;
	/* A stack may have been counted on the CPU already. */
	vec_foreach (seen, &ch->seen)
		*seen = *seen == stack + 1 ? 0 : *seen;
	return add_stack(ch, stack, v->total_ns, true);
}

static uint64_t process_time(const struct choice *ch, uint64_t pid)
{
	for (size_t i = 0; i + 1 < ch->by_pid.n; i += 2) {
		if (ch->by_pid.v[i] == pid)
			return ch->by_pid.v[i + 1];
	}
	return 0;
}

/* Does it wait for work, rather than being it? */
static bool is_loop(const struct choice *ch, uint32_t function)
{
	const struct auto_function *f = &ch->functions.v[function];
	uint64_t busy_ns = f->total_ns - f->idle_ns;
	uint64_t all_ns = process_time(ch, ch->process_ns.v[function]);

	if (!f->idle_ns)
		return false;
	if ((double)f->idle_ns > IDLE_SHARE * (double)f->total_ns)
		return true;
	return all_ns && (double)busy_ns >= COVER_SHARE * (double)all_ns;
}

static int by_time(const void *x, const void *y)
{
	const struct auto_function *a = x, *b = y;

	if (a->total_ns != b->total_ns)
		return a->total_ns > b->total_ns ? -1 : 1;
	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

static int add_all(struct choice *ch)
{
	struct collect *c = ch->c;
	int err = 0;

	while (ch->of_frame.n < c->frames.n) {
		if (vec_push(&ch->of_frame, 0) || vec_push(&ch->wait_frame, 0))
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < c->cpu_counts.n && !err; i++) {
		if (c->cpu_counts.v[i])
			err = add_stack(ch, i, c->cpu_counts.v[i] * ch->in->sample_ns, false);
	}
	if (!err && ch->in->skel)
		err = map_each(ch->in->skel->maps.offcpu, add_offcpu, ch);
	return err;
}

static void choice_done(struct choice *ch)
{
	table_done(&ch->index);
	vec_done(&ch->functions);
	vec_done(&ch->of_frame);
	vec_done(&ch->wait_frame);
	vec_done(&ch->seen);
	vec_done(&ch->process_ns);
	vec_done(&ch->by_pid);
	vec_done(&ch->chosen);
}

static bool is_worth(const struct choice *ch, uint32_t function, double share_min)
{
	const struct auto_function *f = &ch->functions.v[function];

	return (double)(f->total_ns - f->idle_ns) >= share_min * (double)ch->all_ns &&
	       !is_loop(ch, function);
}

/* Below which of the chosen functions is there nearly always another one? */
static int find_inner(struct choice *ch, double share_min)
{
	int err = 0;

	for (uint32_t i = 0; i < ch->functions.n && !err; i++)
		err = vec_push(&ch->chosen, is_worth(ch, i, share_min));
	err = err || !ch->chosen.n ? err : add_all(ch);
	vec_foreach (f, &ch->functions)
		f->inner = (double)f->outer_ns < OUTER_SHARE * (double)f->total_ns;
	return err;
}

int auto_choose(const struct auto_input *in, double share_min, size_t n_max, auto_function_vec *ret)
{
	_cleanup_(choice_done) struct choice ch = { .in = in, .c = in->collect };
	int err = add_all(&ch);

	err = err ? err : find_inner(&ch, share_min);
	for (uint32_t i = 0; i < ch.functions.n && !err; i++)
		err = ch.chosen.v[i] ? vec_push(ret, ch.functions.v[i]) : 0;
	if (err)
		return err;
	qsort(ret->v, ret->n, sizeof(*ret->v), by_time);
	if (ret->n > n_max)
		ret->n = n_max;
	return 0;
}
