/* SPDX-License-Identifier: GPL-2.0-only */
/* The Erlang virtual machine with its just-in-time compiler. */
#include "runtime/beam.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "runtime/beam_code.h"
#include "runtime/beam_symbols.h"
#include "target/memory.h"

#define CHECK_NS 200000000ULL  /* how often it is asked whether there is a new module */
#define READ_NS  1000000000ULL /* how often all are read again for an unknown address */

#define CODE_BYTES     128  /* of a C function that are decoded */
#define MAIN_BYTES_MAX 4096 /* of process_main */
#define SLOTS          4    /* places where its return address may be, 16 bytes apart */
#define CALL_BYTES     5    /* call rel32 */
#define CALL_OPCODE    0xe8

/*
 * glibc keeps thread-specific data of the first 32 keys in struct pthread, to which fs_base points:
 * 16 bytes each, with the value behind 8 of them (nptl/descr.h, the same from 2.11 to 2.41). The
 * first word and the third are the structure's own address.
 */
#define TSD_FIRST  0x310
#define TSD_SIZE   16
#define TSD_VALUE  8
#define TSD_KEYS   32
#define TCB_SELF   16
#define TCB_AWAY   (1 << 16) /* bytes of a thread's stack that lie below the scheduler's frame */
#define TCB_PIECES 4096

/* The table of processes: a pointer to an array of pointers stands somewhere at its beginning. */
#define TABLE_WORDS   64
#define TABLE_ENTRIES 1024
#define PROCESS_WORDS 64
#define PROCESSES_MIN 3 /* that must agree; more run before anybody's code does */
#define PROCESSES_MAX 16
#define PID_TAG       3
#define PID_TAG_MASK  15

enum beam_export {
	DESCRIPTOR,
	NORMAL_EXIT,
	SCHEDULERS,
	SCHEDULER_DATA,
	THREAD_TYPE,
	PROCESS_MAIN,
	DIRTY_MAIN,
	PROCESSES,
	EXPORTS,
};

static const char *const exports[] = {
	[DESCRIPTOR] = "__jit_debug_descriptor",
	[NORMAL_EXIT] = "beam_normal_exit",
	[SCHEDULERS] = "erts_aligned_scheduler_data",
	[SCHEDULER_DATA] = "erts_get_scheduler_data",
	[THREAD_TYPE] = "enif_thread_type",
	[PROCESS_MAIN] = "process_main",
	[DIRTY_MAIN] = "erts_dirty_process_main",
	[PROCESSES] = "erts_proc",
	[EXPORTS] = NULL,
};

struct beam {
	uint32_t pid;
	struct beam_symbols *symbols;
	uint64_t checked_ns, read_ns;
};

static int read_memory(void *arg, uint64_t addr, void *ret, size_t size)
{
	return memory_read(((const struct beam *)arg)->pid, addr, ret, size);
}

static void beam_close(void *state)
{
	struct beam *b = state;

	if (!b)
		return;
	beam_symbols_free(b->symbols);
	free(b);
}

static void beam_closep(struct beam **b)
{
	beam_close(*b);
}

/* Dirty schedulers: C code that has a process at hand. */
static int beam_mark(const struct runtime_object *o, unwind_marks *ret)
{
	const struct export_symbol *s = &o->exports[DIRTY_MAIN];

	if (!s->addr || !s->size)
		return 0;
	return vec_push(ret, (struct unwind_mark){ .start = s->addr,
						   .end = s->addr + s->size,
						   .mark = PB_RUNTIME_BEAM });
}

static uint64_t address(const struct runtime_host *h, enum beam_export e)
{
	return h->object.exports[e].addr + h->bias;
}

static bool read_word(const struct runtime_host *h, uint64_t addr, uint64_t *ret)
{
	return memory_read_u64(h->pid, addr, ret);
}

/* The fragment process_main, and what its code tells. */
static bool find_main(const struct runtime_host *h, const struct beam_symbols *s,
		      struct pb_beam_image *image)
{
	uint64_t shared_start, shared_end, size;
	uint8_t code[MAIN_BYTES_MAX];
	struct beam_place place;
	struct beam_main m;

	if (!beam_symbols_shared(s, "global::process_main", &place, &shared_start, &shared_end))
		return false;
	size = place.end - place.start;
	if (size > sizeof(code) || memory_read(h->pid, place.start, code, size) ||
	    !beam_code_main(code, size, &m))
		return false;
	image->main = place.start;
	image->main_size = (uint32_t)size;
	image->shared = shared_start;
	image->shared_size = (uint32_t)(shared_end - shared_start);
	image->main_slot = m.slot;
	image->registers = (int32_t)m.registers;
	image->scheduler_rsp = m.scheduler_rsp;
	image->stop = m.stop;
	return true;
}

/* Does a call of the C function process_main, which jumps to the fragment, stand before it? */
static bool is_main_return(const struct runtime_host *h, uint64_t addr)
{
	uint8_t call[CALL_BYTES];
	int32_t distance;

	if (memory_read(h->pid, addr - sizeof(call), call, sizeof(call)) || *call != CALL_OPCODE)
		return false;
	memcpy(&distance, call + 1, sizeof(distance));
	return addr + (uint64_t)(int64_t)distance == address(h, PROCESS_MAIN);
}

/* Looks at the stack of the first scheduler. -EAGAIN: it is not in process_main yet. */
static int find_main_return(const struct runtime_host *h, struct pb_beam_image *image,
			    uint64_t *ret_scheduler)
{
	uint64_t words[2 * SLOTS], scheduler, rsp;

	if (!read_word(h, address(h, SCHEDULERS), &scheduler) || !scheduler ||
	    !read_word(h, scheduler + image->scheduler_rsp, &rsp) || !rsp ||
	    memory_read(h->pid, rsp + image->main_slot, words, sizeof(words)))
		return -EAGAIN;
	for (size_t i = 0; i < SLOTS; i++) {
		if (!is_main_return(h, words[2 * i]))
			continue;
		image->main_return = words[2 * i];
		*ret_scheduler = scheduler;
		return 0;
	}
	return -EPROTO;
}

/* fs_base of the thread whose stack that is; 0: not found. */
static uint64_t find_tcb(const struct runtime_host *h, uint64_t stack)
{
	uint64_t words[TCB_PIECES / 8];

	for (uint64_t at = stack & ~(uint64_t)(TCB_PIECES - 1); at < stack + TCB_AWAY;
	     at += TCB_PIECES) {
		if (memory_read(h->pid, at, words, sizeof(words)))
			return 0;
		for (size_t i = 0; i < TCB_PIECES / 8; i++) {
			uint64_t self, addr = at + 8 * i;

			if (words[i] == addr && read_word(h, addr + TCB_SELF, &self) &&
			    self == addr)
				return addr;
		}
	}
	return 0;
}

/* Where threads have their scheduler; left out where it cannot be verified. */
static void find_scheduler(const struct runtime_host *h, uint64_t scheduler,
			   struct pb_beam_image *image)
{
	uint8_t code[CODE_BYTES];
	uint64_t variable, rsp, tcb, value;
	uint32_t key, offset, type;

	if (memory_read(h->pid, address(h, SCHEDULER_DATA), code, sizeof(code)) ||
	    !beam_code_key(code, sizeof(code), address(h, SCHEDULER_DATA), &variable) ||
	    memory_read(h->pid, variable, &key, sizeof(key)) || key >= TSD_KEYS)
		return;
	if (memory_read(h->pid, address(h, THREAD_TYPE), code, sizeof(code)) ||
	    !beam_code_type(code, sizeof(code), &type) || type < sizeof(uint64_t))
		return;
	offset = TSD_FIRST + TSD_SIZE * key + TSD_VALUE;
	if (!read_word(h, scheduler + image->scheduler_rsp, &rsp))
		return;
	tcb = find_tcb(h, rsp + image->main_slot);
	if (!tcb || !read_word(h, tcb + offset, &value) || value != scheduler)
		return;
	image->scheduler = offset;
	image->scheduler_process = type - (uint32_t)sizeof(uint64_t);
}

/* The words of a process that point behind a word that begins a stack, as bits; 0: it is none. */
static uint64_t ends_in(const struct runtime_host *h, const struct pb_beam_image *image,
			uint64_t process)
{
	uint64_t words[PROCESS_WORDS], stop, last, ends = 0;

	if (!process || process & 7 || memory_read(h->pid, process, words, sizeof(words)) ||
	    (*words & PID_TAG_MASK) != PID_TAG || !read_word(h, process + image->stop, &stop))
		return 0;
	for (size_t i = 0; i < PROCESS_WORDS; i++) {
		if (words[i] > stop && !(words[i] & 7) && read_word(h, words[i] - 8, &last) &&
		    last == image->normal_exit)
			ends |= 1ULL << i;
	}
	return ends;
}

/* Where a process keeps its stack's end, by those that are in a table; 0: they do not agree. */
static uint32_t find_hend_by(const struct runtime_host *h, const struct pb_beam_image *image,
			     uint64_t table)
{
	uint64_t entries[TABLE_ENTRIES], all = UINT64_MAX;
	uint32_t n = 0;

	if (memory_read(h->pid, table, entries, sizeof(entries)))
		return 0;
	for (size_t i = 0; i < TABLE_ENTRIES && n < PROCESSES_MAX && all; i++) {
		uint64_t ends = ends_in(h, image, entries[i]);

		/* Those that run, or are just ending, may look otherwise. */
		n += ends != 0;
		all &= ends ? ends : UINT64_MAX;
	}
	return n >= PROCESSES_MIN && all ? 8 * (uint32_t)__builtin_ctzll(all) : 0;
}

static void find_hend(const struct runtime_host *h, struct pb_beam_image *image)
{
	uint64_t words[TABLE_WORDS];

	if (!h->object.exports[PROCESSES].addr ||
	    memory_read(h->pid, address(h, PROCESSES), words, sizeof(words)))
		return;
	for (size_t i = 0; i < TABLE_WORDS && !image->hend; i++) {
		if (words[i] && !(words[i] & 7))
			image->hend = find_hend_by(h, image, words[i]);
	}
}

static int fail(int err, char why[RUNTIME_WHY_MAX], const char *text)
{
	snprintf(why, RUNTIME_WHY_MAX, "%s", text);
	return err;
}

static int beam_open(const struct runtime_host *h, union pb_runtime_image *image, void **ret,
		     char why[RUNTIME_WHY_MAX])
{
	_cleanup_(beam_closep) struct beam *b = calloc(1, sizeof(*b));
	struct pb_beam_image *i = &image->beam;
	struct beam_memory memory = { read_memory, b };
	uint64_t scheduler;
	int err = b ? 0 : -ENOMEM;

	if (!err) {
		b->pid = h->pid;
		err = beam_symbols_new(&memory, address(h, DESCRIPTOR), &b->symbols);
	}
	err = err ? err : beam_symbols_read(b->symbols);
	if (err)
		return err;
	if (memory_read(h->pid, address(h, NORMAL_EXIT), &i->normal_exit, sizeof(i->normal_exit)) ||
	    !i->normal_exit)
		return -EAGAIN;
	if (!find_main(h, b->symbols, i))
		return fail(-EPROTO, why, "its code is not as in the releases that are known");
	err = find_main_return(h, i, &scheduler);
	if (err)
		return err == -EAGAIN ? err : fail(err, why, "its schedulers were not found");
	find_scheduler(h, scheduler, i);
	find_hend(h, i);
	b->checked_ns = b->read_ns = clock_monotonic_ns();
	*ret = TAKE_PTR(b);
	return 0;
}

/* Reads modules that came since, at most so often. */
static bool find_place(struct beam *b, uint64_t addr, struct beam_place *ret)
{
	uint64_t now_ns = clock_monotonic_ns();
	bool found;

	if (now_ns - b->checked_ns >= CHECK_NS) {
		b->checked_ns = now_ns;
		if (beam_symbols_changed(b->symbols) && !beam_symbols_read(b->symbols))
			b->read_ns = now_ns;
	}
	found = beam_symbols_find(b->symbols, addr, ret);
	if (found || now_ns - b->read_ns < READ_NS)
		return found;
	b->read_ns = now_ns;
	return !beam_symbols_read(b->symbols) && beam_symbols_find(b->symbols, addr, ret);
}

static int beam_frames(void *state, const struct runtime_word *w, runtime_frames *ret)
{
	struct runtime_frame f = {};
	struct beam_place place;

	if (!w->is_address || !find_place(state, w->what - w->is_return, &place))
		return 0;
	f.name = strdup(place.name);
	f.file = place.file ? strdup(place.file) : NULL;
	f.line = place.line;
	f.native = place.shared;
	if (!f.name || (place.file && !f.file) || vec_push(ret, f)) {
		free((char *)f.name);
		free((char *)f.file);
		return -ENOMEM;
	}
	return 0;
}

const struct runtime runtime_beam = {
	.name = "Erlang",
	.kind = PB_RUNTIME_BEAM,
	.exports = exports,
	.needed = DIRTY_MAIN,
	.has_sign = true,
	.sign = THREAD_TYPE,
	.has_jit = true,
	.wants_ranges = true,
	.replaces_code = true,
	.mark = beam_mark,
	.open = beam_open,
	.frames = beam_frames,
	.close = beam_close,
};
