/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of the ring become processes, stacks and events. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "records.h"

static uint32_t self(void)
{
	return (uint32_t)getpid();
}

/* Addresses in this program. */
static uint64_t code(uint64_t offset)
{
	return (uint64_t)(uintptr_t)self + offset;
}

static void send_stack(struct collect *c, const struct pb_stack *r)
{
	record_send(c, r, record_stack_size(r));
}

static void send_fork(struct collect *c, uint32_t parent, uint32_t child)
{
	struct pb_process r = process_record(PB_FORK, parent);

	r.child = child;
	record_send(c, &r, sizeof(r));
}

static void send_process(struct collect *c, uint32_t kind, uint32_t pid)
{
	struct pb_process r = process_record(kind, pid);

	record_send(c, &r, sizeof(r));
}

static struct process *find(const struct collect *c, uint32_t pid)
{
	uint32_t i = table_find(&c->processes.index, &pid, sizeof(pid));

	cr_assert_neq(i, TABLE_NONE, "process %u is not known", pid);
	return c->processes.all.v[i];
}

static const struct raw_frame *frame_of(const struct collect *c, uint32_t stack, uint32_t i)
{
	cr_assert_lt(stack, c->stacks.n);
	cr_assert_lt(i, c->stacks.v[stack].n);
	return &c->frames.v[c->stacks.v[stack].frames[i]];
}

/* Is this code of the program at `addr`? */
static bool is_code_of_ours(const struct collect *c, const struct raw_frame *f, uint64_t addr)
{
	const struct mapping *m;
	mapping_vec maps = {};
	char exe[4096] = "";
	bool same;

	cr_assert_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	cr_assert_eq(maps_read_pid(self(), &maps), 0);
	m = maps_find(&maps, addr);
	cr_assert_not_null(m);
	same = f->place == PLACE_OBJECT && f->object < c->objects.files.n &&
	       !strcmp(c->objects.files.v[f->object]->path, exe) &&
	       f->offset == addr - m->start + m->offset && !f->pid;
	maps_done(&maps);
	return same;
}

/* A sample of one user frame: the index of its stack. */
static uint32_t sample_at(struct collect *c, uint32_t pid, uint64_t addr)
{
	struct pb_stack r = stack_record(PB_STACK, pid, 0, 1);
	static uint64_t id;

	r.id = ++id;
	r.ips[0] = addr;
	send_stack(c, &r);
	return collect_stack_by_id(c, r.id);
}

Test(collect, a_sample_becomes_a_counted_stack)
{
	struct pb_stack r = stack_record(PB_SAMPLE, self(), 2, 2);
	const struct raw_stack *s;
	struct collect c = {};

	r.ips[0] = 0xffffffff81000010;
	r.ips[1] = 0xffffffff81000020;
	r.ips[2] = code(4);
	r.ips[3] = code(9);
	send_stack(&c, &r);
	cr_assert_eq(c.samples, 1);
	cr_assert_eq(c.stacks.n, 1);
	cr_assert_eq(c.cpu_counts.n, 1);
	cr_assert_eq(c.cpu_counts.v[0], 1);
	s = &c.stacks.v[0];
	cr_assert_eq(s->n, 4);
	cr_assert_eq(s->kernel, 2);
	cr_assert_eq(s->pid, self());
	cr_assert_not(s->full);
	for (uint32_t i = 0; i < 4; i++) /* each side begins where the thread was */
		cr_assert_eq(frame_of(&c, 0, i)->is_return, i == 1 || i == 3, "frame %u", i);
	cr_assert_eq(frame_of(&c, 0, 0)->place, PLACE_KERNEL);
	cr_assert_eq(frame_of(&c, 0, 1)->offset, 0xffffffff81000020);
	cr_assert(is_code_of_ours(&c, frame_of(&c, 0, 2), code(4)));
	cr_assert(is_code_of_ours(&c, frame_of(&c, 0, 3), code(9)));
	cr_assert_eq(c.lost_stacks + c.lost_events, 0);
	collect_done(&c);
}

Test(collect, equal_stacks_of_a_process_are_one)
{
	struct pb_stack r = stack_record(PB_SAMPLE, NOBODY, 0, 3);
	struct collect c = {};

	for (int i = 0; i < 3; i++) {
		r.ips[0] = 1;
		send_stack(&c, &r);
	}
	r.ips[0] = 2;
	send_stack(&c, &r);
	r.h.pid = NOBODY_ELSE;
	send_stack(&c, &r);
	r.user = 2;
	send_stack(&c, &r);
	cr_assert_eq(c.samples, 6);
	cr_assert_eq(c.stacks.n, 4);
	cr_assert_eq(c.cpu_counts.v[0], 3);
	cr_assert_eq(c.cpu_counts.v[1], 1);
	cr_assert_eq(c.cpu_counts.v[2], 1);
	cr_assert_eq(c.cpu_counts.v[3], 1);
	cr_assert_eq(c.stacks.v[1].pid, NOBODY);
	cr_assert_eq(c.stacks.v[2].pid, NOBODY_ELSE);
	collect_done(&c);
}

Test(collect, kernel_and_user_frames_are_told_apart_by_their_number)
{
	struct pb_stack r = stack_record(PB_SAMPLE, NOBODY, 1, 1);
	struct collect c = {};

	r.ips[0] = r.ips[1] = 77;
	send_stack(&c, &r);
	r.kernel = 2;
	r.user = 0;
	send_stack(&c, &r);
	cr_assert_eq(c.stacks.n, 2);
	cr_assert_eq(frame_of(&c, 0, 1)->place, PLACE_UNKNOWN);
	cr_assert_eq(frame_of(&c, 1, 1)->place, PLACE_KERNEL);
	collect_done(&c);
}

Test(collect, a_stack_without_frames_is_one_too)
{
	struct pb_stack r = stack_record(PB_SAMPLE, NOBODY, 0, 0);
	struct collect c = {};

	send_stack(&c, &r);
	cr_assert_eq(c.samples, 1);
	cr_assert_eq(c.stacks.n, 1);
	cr_assert_eq(c.stacks.v[0].n, 0);
	cr_assert_eq(c.cpu_counts.v[0], 1);
	collect_done(&c);
}

Test(collect, a_side_without_room_left_marks_the_stack_as_cut)
{
	static const uint32_t sides[][3] = {
		{ PB_FRAMES_MAX, 0, true },
		{ 0, PB_FRAMES_MAX, true },
		{ PB_FRAMES_MAX, PB_FRAMES_MAX, true },
		{ PB_FRAMES_MAX - 1, PB_FRAMES_MAX - 1, false },
	};
	struct collect c = {};

	for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
		struct pb_stack r = stack_record(PB_SAMPLE, NOBODY, sides[i][0], sides[i][1]);

		send_stack(&c, &r);
		cr_assert_eq(c.stacks.n, i + 1);
		cr_assert_eq(c.stacks.v[i].n, sides[i][0] + sides[i][1]);
		cr_assert_eq(c.stacks.v[i].full, sides[i][2], "case %zu", i);
	}
	collect_done(&c);
}

Test(collect, interned_stacks_are_found_by_id_and_are_no_samples)
{
	struct pb_stack r = stack_record(PB_STACK, NOBODY, 1, 1);
	struct collect c = {};
	uint32_t stack;

	cr_assert_eq(collect_stack_by_id(&c, 5), TABLE_NONE);
	r.id = 5;
	r.ips[1] = 10;
	send_stack(&c, &r);
	stack = collect_stack_by_id(&c, 5);
	cr_assert_eq(stack, 0);
	cr_assert_eq(c.samples, 0);
	cr_assert_eq(c.cpu_counts.v[0], 0);
	/* The sampler sees the same frames: its stacks are kept apart. */
	r.h.kind = PB_SAMPLE;
	r.id = 0;
	send_stack(&c, &r);
	cr_assert_eq(c.stacks.n, 2);
	cr_assert_eq(c.cpu_counts.v[0], 0);
	cr_assert_eq(c.cpu_counts.v[1], 1);
	cr_assert_not(c.stacks.v[0].sampled);
	cr_assert(c.stacks.v[1].sampled);
	/* Another id for equal frames: after an exec, for instance. */
	r.h.kind = PB_STACK;
	r.id = UINT64_MAX;
	send_stack(&c, &r);
	cr_assert_eq(collect_stack_by_id(&c, UINT64_MAX), 0);
	cr_assert_eq(collect_stack_by_id(&c, 6), TABLE_NONE);
	collect_done(&c);
}

Test(collect, the_first_frames_of_an_id_stay)
{
	struct pb_stack r = stack_record(PB_STACK, NOBODY, 0, 1);
	struct collect c = {};

	r.id = 5;
	r.ips[0] = 1;
	send_stack(&c, &r);
	r.ips[0] = 2;
	send_stack(&c, &r);
	cr_assert_eq(frame_of(&c, collect_stack_by_id(&c, 5), 0)->offset, 1);
	collect_done(&c);
}

Test(collect, the_empty_stack_of_a_process_is_one)
{
	struct collect c = {};
	uint32_t stack = collect_empty_stack(&c, NOBODY);

	cr_assert_eq(collect_empty_stack(&c, NOBODY), stack);
	cr_assert_neq(collect_empty_stack(&c, NOBODY_ELSE), stack);
	cr_assert_eq(c.stacks.v[stack].n, 0);
	cr_assert_eq(c.stacks.v[stack].pid, NOBODY);
	cr_assert(c.stacks.v[stack].full, "it must show as incomplete");
	collect_done(&c);
}

Test(collect, memory_without_a_file_is_jit_code_also_when_mapped_later)
{
	struct collect c = {};
	const struct raw_frame *f;
	uint64_t addr;
	void *p;

	sample_at(&c, self(), code(0)); /* reads the mappings */
	p = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(p, MAP_FAILED);
	addr = (uint64_t)(uintptr_t)p + 0x10;
	f = frame_of(&c, sample_at(&c, self(), addr), 0);
	cr_assert_eq(f->place, PLACE_JIT);
	cr_assert_eq(f->pid, self());
	cr_assert_eq(f->offset, addr);
	munmap(p, PAGE);
	collect_done(&c);
}

Test(collect, a_return_address_belongs_to_its_call)
{
	struct pb_stack r = stack_record(PB_STACK, self(), 0, 2);
	struct collect c = {};
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(p, MAP_FAILED);
	munmap(p + PAGE, PAGE);
	r.id = 1;
	r.ips[0] = r.ips[1] = (uint64_t)(uintptr_t)p + PAGE;
	send_stack(&c, &r);
	cr_assert_eq(frame_of(&c, 0, 0)->place, PLACE_UNKNOWN, "no code stands there");
	cr_assert_eq(frame_of(&c, 0, 1)->place, PLACE_JIT, "the call was its last instruction");
	munmap(p, PAGE);
	collect_done(&c);
}

Test(collect, a_process_that_has_gone_is_named_by_its_records)
{
	struct collect c = {};

	sample_at(&c, NOBODY, 1);
	cr_assert_str_eq(find(&c, NOBODY)->comm, "worker");
	sample_at(&c, self(), code(0));
	cr_assert_str_neq(find(&c, self())->comm, "worker", "/proc knew better");
	cr_assert_neq(find(&c, self())->comm[0], '\0');
	collect_done(&c);
}

Test(collect, a_forked_child_begins_as_its_parent)
{
	struct collect c = {};
	const struct process *child;
	uint32_t stack;

	send_fork(&c, self(), NOBODY);
	child = find(&c, NOBODY);
	cr_assert_eq(child->ppid, self());
	cr_assert_str_eq(child->comm, find(&c, self())->comm);
	cr_assert_str_eq(child->exe, find(&c, self())->exe);
	cr_assert(child->live);
	cr_assert_eq(c.live, 1);
	stack = sample_at(&c, NOBODY, code(4));
	cr_assert(is_code_of_ours(&c, frame_of(&c, stack, 0), code(4)));
	cr_assert_eq(c.stacks.v[stack].pid, NOBODY);
	cr_assert_eq(c.events.n, 1);
	cr_assert_eq(c.events.v[0].kind, PB_FORK);
	cr_assert_eq(c.events.v[0].pid, self());
	cr_assert_eq(c.events.v[0].child, NOBODY);
	cr_assert_eq(c.events.v[0].time_ns, 1000);
	cr_assert_null(c.events.v[0].text);
	collect_done(&c);
}

Test(collect, an_exec_makes_everything_new)
{
	struct pb_process r = process_record(PB_EXEC, 0);
	struct collect c = {};
	pid_t child = fork();
	uint32_t pid = (uint32_t)child;
	char exe[4096] = "";

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* when an assertion fails */
		raise(SIGSTOP);
		execl("/bin/sleep", "sleep", "60", NULL);
		_exit(1);
	}
	waitpid(child, NULL, WUNTRACED);
	send_fork(&c, self(), pid);
	cr_assert(is_code_of_ours(&c, frame_of(&c, sample_at(&c, pid, code(0)), 0), code(0)));
	kill(child, SIGCONT);
	for (int i = 0; i < 5000 && !strstr(exe, "sleep"); i++) {
		char path[64];
		ssize_t len;

		usleep(1000);
		snprintf(path, sizeof(path), "/proc/%u/exe", pid);
		len = readlink(path, exe, sizeof(exe) - 1);
		exe[len > 0 ? len : 0] = '\0';
	}
	r.h.pid = pid;
	strcpy(r.comm, "sleep");
	strcpy(r.file, "/bin/sleep");
	record_send(&c, &r, sizeof(r));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	cr_assert_str_eq(find(&c, pid)->comm, "sleep");
	cr_assert_str_eq(find(&c, pid)->exe, exe);
	cr_assert_eq(c.events.v[1].kind, PB_EXEC);
	cr_assert_str_eq(c.events.v[1].text, "/bin/sleep");
	cr_assert_eq(c.live, 1);
	cr_assert_neq(frame_of(&c, sample_at(&c, pid, code(0)), 0)->place, PLACE_OBJECT);
	collect_done(&c);
}

/* What it ran before says nothing of the new image's addresses. */
Test(collect, an_exec_in_a_process_that_has_gone_forgets_the_parents_code)
{
	struct pb_process r = process_record(PB_EXEC, NOBODY);
	struct collect c = {};

	strcpy(r.file, "/bin/true");
	strcpy(r.comm, "true");
	send_fork(&c, self(), NOBODY);
	record_send(&c, &r, sizeof(r));
	cr_assert_str_eq(find(&c, NOBODY)->comm, "true");
	cr_expect_eq(frame_of(&c, sample_at(&c, NOBODY, code(4)), 0)->place, PLACE_UNKNOWN);
	cr_expect(!find(&c, NOBODY)->exe || strcmp(find(&c, NOBODY)->exe, find(&c, self())->exe),
		  "it no longer runs the parent's executable");
	collect_done(&c);
}

Test(collect, an_exec_also_begins_a_process)
{
	struct collect c = {};

	send_process(&c, PB_EXEC, self());
	cr_assert_eq(c.live, 1);
	send_process(&c, PB_EXEC, self());
	cr_assert_eq(c.live, 1);
	cr_assert_str_eq(find(&c, self())->comm, "worker", "the record is from just then");
	collect_done(&c);
}

Test(collect, an_exit_is_kept_with_its_status)
{
	struct pb_process r = process_record(PB_EXIT, NOBODY);
	struct collect c = {};

	send_fork(&c, self(), NOBODY);
	r.status = SIGSEGV;
	record_send(&c, &r, sizeof(r));
	cr_assert_eq(c.live, 0);
	cr_assert_not(find(&c, NOBODY)->live);
	cr_assert(find(&c, NOBODY)->ended);
	cr_assert_eq(find(&c, NOBODY)->status, SIGSEGV);
	cr_assert_eq(c.events.v[1].kind, PB_EXIT);
	cr_assert_eq(c.events.v[1].status, SIGSEGV);
	record_send(&c, &r, sizeof(r));
	cr_assert_eq(c.live, 0, "ended is ended");
	collect_done(&c);
}

Test(collect, the_exit_of_a_stranger_enters_it)
{
	struct pb_process r = process_record(PB_EXIT, NOBODY);
	struct collect c = {};

	r.status = 3 << 8;
	record_send(&c, &r, sizeof(r));
	cr_assert_str_eq(find(&c, NOBODY)->comm, "worker");
	cr_assert_eq(find(&c, NOBODY)->status, 3 << 8);
	cr_assert_eq(c.live, 0);
	collect_done(&c);
}

Test(collect, a_pid_that_is_used_again_is_a_new_process)
{
	struct collect c = {};

	send_process(&c, PB_EXIT, NOBODY);
	send_fork(&c, self(), NOBODY);
	cr_assert_eq(c.processes.all.n, 2);
	cr_assert(find(&c, NOBODY)->live);
	cr_assert_not(find(&c, NOBODY)->ended);
	cr_assert(is_code_of_ours(&c, frame_of(&c, sample_at(&c, NOBODY, code(0)), 0), code(0)));
	collect_done(&c);
}

Test(collect, began_and_ended_may_be_said_twice)
{
	struct collect c = {};
	struct process *proc = process_of(&c.processes, &c.objects, self());

	collect_ended(&c, proc);
	cr_assert_eq(c.live, 0);
	collect_began(&c, proc);
	collect_began(&c, proc);
	cr_assert_eq(c.live, 1);
	collect_ended(&c, proc);
	collect_ended(&c, proc);
	cr_assert_eq(c.live, 0);
	collect_done(&c);
}

Test(collect, new_code_is_told_by_its_object)
{
	struct pb_process r = process_record(PB_MMAP, self());
	struct collect c = {};
	char exe[4096] = "";

	cr_assert_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	r.addr = code(0);
	record_send(&c, &r, sizeof(r));
	r.addr = 8; /* unmapped again since */
	record_send(&c, &r, sizeof(r));
	cr_assert_eq(c.events.n, 2);
	cr_assert_eq(c.events.v[0].kind, PB_MMAP);
	cr_assert_str_eq(c.events.v[0].text, exe);
	cr_assert_null(c.events.v[1].text);
	cr_assert_eq(c.live, 0);
	collect_done(&c);
}

Test(collect, the_latest_time_is_remembered)
{
	struct pb_process r = process_record(PB_EXIT, NOBODY);
	struct collect c = {};

	r.h.time_ns = 500;
	record_send(&c, &r, sizeof(r));
	r.h.time_ns = 400; /* CPUs deliver out of order */
	record_send(&c, &r, sizeof(r));
	cr_assert_eq(c.last_time_ns, 500);
	collect_done(&c);
}
