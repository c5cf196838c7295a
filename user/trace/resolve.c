/* SPDX-License-Identifier: GPL-2.0-only */
/* Names for what was collected. */
#include "trace/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#include "bpf/wire.h"
#include "data/report.h"
#include "sym/demangle.h"
#include "sym/ksyms.h"
#include "sym/source.h"
#include "trace/collect.h"
#include "trace/debugfiles.h"
#include "trace/runtimes.h"

/* What a raw frame means for the stack that it is part of. */
struct resolved {
	uint32_t first, n;     /* frames in `parts`, innermost first; n is 0: not resolved yet */
	bool is_root;          /* stacks begin here */
	bool no_frame_pointer; /* its caller is skipped by a frame-pointer walk */
	bool is_asked;         /* may_hide is known: */
	bool may_hide;         /* frame pointers may skip its caller: nothing describes its code */
	bool is_tracer;        /* our own BPF machinery at the leaf of a kernel stack */
};

struct resolver {
	struct collect *collect;
	struct report *report;
	struct debug_files debug_files;
	bool given_up; /* and told: an object's debug information takes too long */
	struct ksyms *ksyms;
	bool ksyms_tried;
	struct resolved *frames; /* by raw frame */
	VEC(uint32_t) parts;     /* the report's frames; one address may be in several functions */
	size_t frames_n;
	uint32_t *stacks; /* by raw stack; REPORT_NONE: not resolved yet */
	size_t stacks_n;
	bool native;        /* frames of interpreters themselves are kept */
	uint32_t truncated; /* the frame "[truncated]" */
	uint32_t kernel;    /* the object "[kernel]" */
};

int resolver_new(struct collect *c, struct report *r, bool native, struct resolver **ret)
{
	_cleanup_(resolver_freep) struct resolver *res = calloc(1, sizeof(*res));

	if (!res)
		return -ENOMEM;
	res->collect = c;
	res->report = r;
	res->native = native;
	res->frames_n = c->frames.n;
	res->stacks_n = c->stacks.n;
	res->frames = calloc(c->frames.n + 1, sizeof(*res->frames));
	res->stacks = calloc(c->stacks.n + 1, sizeof(*res->stacks));
	if (!res->frames || !res->stacks)
		return -ENOMEM;
	memset(res->stacks, 0xff, (c->stacks.n + 1) * sizeof(*res->stacks));
	res->truncated =
	    report_add_frame(r, &(struct frame){ .kind = FRAME_TRUNCATED, .object = REPORT_NONE });
	res->kernel = report_add_object(r, "[kernel]", NULL);
	*ret = TAKE_PTR(res);
	return 0;
}

void resolver_free(struct resolver *res)
{
	if (!res)
		return;
	debug_files_done(&res->debug_files);
	ksyms_free(res->ksyms);
	free(res->frames);
	vec_done(&res->parts);
	free(res->stacks);
	free(res);
}

uint32_t resolve_object(struct resolver *res, uint32_t object)
{
	struct object_files *files = &res->collect->objects;
	const struct symbols *symbols;
	char hex[2 * BUILD_ID_MAX + 1] = "";

	if (object >= files->files.n)
		return REPORT_NONE;
	symbols = object_symbols(files, object);
	if (symbols) {
		const struct elf_traits *t = symbols_traits(symbols);

		for (uint32_t i = 0; i < t->build_id_len && i < BUILD_ID_MAX; i++)
			snprintf(hex + 2 * i, 3, "%02x", t->build_id[i]);
	}
	return report_add_object(res->report, files->files.v[object]->path, hex[0] ? hex : NULL);
}

static void read_ksyms(struct resolver *res)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/kallsyms", "re");

	res->ksyms_tried = true;
	if (!f || ksyms_read(f, &res->ksyms)) {
		res->ksyms = NULL;
		vec_push(
		    &res->report->notes,
		    report_str(res->report,
			       "kernel functions have no names: /proc/kallsyms cannot be read"));
	} else if (ksyms_hidden(res->ksyms)) {
		ksyms_free(res->ksyms);
		res->ksyms = NULL;
		vec_push(&res->report->notes,
			 report_str(res->report, "kernel functions have no names: "
						 "kernel.kptr_restrict hides their addresses"));
	}
}

/* Frames of tracing itself stand above the place that was traced. */
static bool is_tracer(const char *name)
{
	return !strncmp(name, "bpf_", 4) || !strncmp(name, "__bpf_", 6) ||
	       !strncmp(name, "__traceiter_", 12) || !strncmp(name, "trace_event_raw_event_", 22);
}

/* Adds to the frames that an address stands for; the next one is that one's caller. */
static void add_part(struct resolver *res, struct resolved *out, const struct frame *f)
{
	if (!out->n)
		out->first = (uint32_t)res->parts.n;
	if (!vec_push(&res->parts, report_add_frame(res->report, f)))
		out->n++;
}

static void resolve_kernel(struct resolver *res, const struct raw_frame *raw, struct resolved *out)
{
	struct frame f = { .kind = FRAME_KERNEL, .object = res->kernel, .offset = raw->offset };
	struct ksym sym;

	if (!res->ksyms_tried)
		read_ksyms(res);
	if (res->ksyms && ksyms_find(res->ksyms, raw->offset - raw->is_return, &sym)) {
		f.name = sym.name;
		f.offset = sym.addr;
		out->is_tracer = is_tracer(sym.name);
	}
	add_part(res, out, &f);
}

/* Told once, of the first object: the others' stacks look the same. */
static void note_given_up(struct resolver *res, uint32_t object)
{
	char note[256];

	if (res->given_up)
		return;
	res->given_up = true;
	snprintf(note, sizeof(note),
		 "lines and inlined functions of %.128s are missing: its debug information takes "
		 "too long to read",
		 object != REPORT_NONE ? res->report->objects.v[object].name : "an object");
	vec_push(&res->report->notes, report_str(res->report, note));
}

/* Symbols of an object, with those that a server has of it. */
static const struct symbols *named_symbols(struct resolver *res, uint32_t object)
{
	struct object_files *files = &res->collect->objects;
	const struct symbols *symbols = object_symbols(files, object);

	if (symbols)
		debug_files_add(&res->debug_files, files, object, res->report);
	return symbols;
}

/* What is inlined where an address lies, as frames of their own; they belong to the function's. */
static void add_inlined(struct resolver *res, const source_frames *source, const struct frame *in,
			struct resolved *out)
{
	for (uint32_t i = 0; i < source->n; i++) {
		const struct source_frame *s = &source->v[i];
		struct frame f = { .kind = FRAME_INLINED,
				   .object = in->object,
				   .offset = in->offset,
				   .name = s->name,
				   .file = s->file,
				   .line = s->line };

		/* Without a name it would be an address, of code that is the function's. */
		if (s->inlined && s->name)
			add_part(res, out, &f);
	}
}

/* Where the function of code without a symbol begins; 0: not known. */
static uint64_t start_of(const struct symbols *symbols, uint64_t offset)
{
	uint64_t addr = symbols ? symbols_addr_of(symbols, offset) : UINT64_MAX, start, end;

	if (addr == UINT64_MAX || !symbols_code_range(symbols, addr, &start, &end))
		return 0;
	start = symbols_offset_of(symbols, start);
	return start == UINT64_MAX ? 0 : start;
}

static void resolve_file(struct resolver *res, const struct raw_frame *raw, struct resolved *out)
{
	const struct symbols *symbols = named_symbols(res, raw->object);
	struct frame f = { .kind = FRAME_USER, .offset = raw->offset };
	uint64_t at = raw->offset - raw->is_return;
	const struct symbol *sym = symbols ? symbols_find(symbols, at) : NULL;
	char *readable = sym ? demangle(sym->name) : NULL;
	source_frames source = {};

	f.object = resolve_object(res, raw->object);
	if (symbols && symbols_source(symbols, at, &source))
		source.n = 0;
	if (symbols && symbols_source_given_up(symbols))
		note_given_up(res, f.object);
	if (source.n) {
		f.name = source.v[source.n - 1].name;
		f.file = source.v[source.n - 1].file;
		f.line = source.v[source.n - 1].line;
	}
	if (sym) {
		/* One frame a function and line, whichever of its instructions was seen. */
		f.name = readable ? readable : sym->name;
		f.offset = sym->offset;
	}
	if (!f.name)
		f.start = start_of(symbols, at);
	add_inlined(res, &source, &f, out);
	add_part(res, out, &f);
	out->is_root = symbols && symbols_is_stack_root(symbols, at);
	out->no_frame_pointer = symbols && symbols_keeps_frame_pointer(symbols, at) == 0;
	free(readable);
}

/* A frame that its runtime has a name for. */
static void set_runtime_name(struct frame *f, const struct runtime_name *known,
			     enum frame_kind kind)
{
	static const enum language languages[PB_RUNTIMES] = {
		[PB_RUNTIME_PYTHON] = LANGUAGE_PYTHON,
		[PB_RUNTIME_V8] = LANGUAGE_JAVASCRIPT,
		[PB_RUNTIME_BEAM] = LANGUAGE_ERLANG,
	};

	f->kind = kind;
	f->name = known->name;
	f->file = known->file;
	f->line = known->line;
	f->language = languages[known->kind];
}

static void resolve_jit(struct resolver *res, const struct raw_frame *raw, struct resolved *out)
{
	struct process *proc =
	    raw->place == PLACE_JIT && !raw->object
		? process_of(&res->collect->processes, &res->collect->objects, raw->pid)
		: NULL;
	const struct runtime_name *known =
	    raw->object ? runtimes_name(res->collect->runtimes, raw->object - 1) : NULL;
	struct frame f = { .kind = FRAME_USER, .object = REPORT_NONE };

	if (known) {
		set_runtime_name(&f, known, known->file ? FRAME_INTERPRETED : FRAME_USER);
	} else if (proc) {
		f.name = process_jit_name(proc, raw->offset - raw->is_return);
	}
	if (!f.name && proc) {
		f.object = report_add_object(res->report, "[anon]", NULL);
		f.offset = raw->offset;
	}
	add_part(res, out, &f);
}

static void resolve_runtime(struct resolver *res, const struct raw_frame *raw, struct resolved *out)
{
	const struct runtime_name *known =
	    runtimes_name(res->collect->runtimes, (uint32_t)raw->offset);
	struct frame f = { .kind = FRAME_INTERPRETED, .object = REPORT_NONE, .name = "[unknown]" };

	if (known)
		set_runtime_name(&f, known, known->native ? FRAME_USER : FRAME_INTERPRETED);
	add_part(res, out, &f);
}

static const struct resolved *resolve_frame(struct resolver *res, uint32_t i)
{
	struct resolved *out = &res->frames[i];
	const struct raw_frame *raw = &res->collect->frames.v[i];

	if (out->n)
		return out;
	if (raw->place == PLACE_KERNEL)
		resolve_kernel(res, raw, out);
	else if (raw->place == PLACE_OBJECT)
		resolve_file(res, raw, out);
	else if (raw->place == PLACE_RUNTIME)
		resolve_runtime(res, raw, out);
	else if (raw->place == PLACE_SKIPPED)
		add_part(res, out,
			 &(struct frame){ .kind = FRAME_TRUNCATED, .object = REPORT_NONE });
	else
		resolve_jit(res, raw, out);
	return out;
}

/* May a walk by rbp have missed the caller of this frame? */
static bool may_hide_caller(struct resolver *res, uint32_t i)
{
	const struct raw_frame *raw = &res->collect->frames.v[i];
	struct resolved *f = &res->frames[i];
	const struct symbols *symbols;

	if (!f->is_asked && raw->place == PLACE_OBJECT) {
		symbols = object_symbols(&res->collect->objects, raw->object);
		f->may_hide =
		    !symbols ||
		    symbols_may_hide_caller(symbols, raw->offset - raw->is_return, raw->is_return);
	}
	f->is_asked = true;
	return f->may_hide;
}

/* The first frame whose caller may be missing, among those before `end`; `end`: there is none. */
static uint32_t first_hider(struct resolver *res, const struct raw_stack *s, uint32_t end)
{
	uint32_t i = s->kernel;

	while (s->by_rbp && i < end && !may_hide_caller(res, s->frames[i]))
		i++;
	return s->by_rbp ? i : end;
}

/* Whoever begins a stack may have been begun by another such: a thread's function by clone3(). */
static uint32_t behind_roots(struct resolver *res, const struct raw_stack *s, uint32_t i)
{
	while (i < s->n && resolve_frame(res, s->frames[i])->is_root)
		i++;
	return i;
}

/*
 * How much of what was unwound by tables is good: all, unless the way led to where no code is.
 * Where rbp was followed instead, or another thread of control has since used the memory, one may
 * get beyond the function that begins the stack.
 */
static uint32_t unwound_frames(struct resolver *res, const struct raw_stack *s, bool *complete)
{
	bool at_root = false;
	uint32_t i;

	*complete = false;
	for (i = s->kernel; i < s->n && !at_root; i++) {
		const struct resolved *f = resolve_frame(res, s->frames[i]);

		if (i > s->kernel && res->collect->frames.v[s->frames[i]].place == PLACE_UNKNOWN)
			return i;
		at_root = f->is_root && (s->by_rbp || s->end != PB_END_DONE || i + 1 == s->n);
	}
	if (at_root)
		i = behind_roots(res, s, i);
	*complete = (at_root || s->end == PB_END_DONE) && !s->full && first_hider(res, s, i) == i;
	return i;
}

/*
 * How much of a walk along frame pointers is good: up to the function that begins the stack. What a
 * frame-pointer walk finds beyond it is chance. Complete only if it got there through functions
 * that all keep a frame pointer; otherwise a caller is missing somewhere.
 */
static uint32_t chain_frames(struct resolver *res, const struct raw_stack *s, bool *complete)
{
	bool gap = false;

	*complete = false;
	for (uint32_t i = s->kernel; i < s->n; i++) {
		const struct resolved *f = resolve_frame(res, s->frames[i]);

		if (i > s->kernel && res->collect->frames.v[s->frames[i]].place == PLACE_UNKNOWN)
			return i; /* no code: the chain was broken before it */
		if (f->is_root) {
			*complete = !gap && !s->full && !s->cut;
			return i + 1;
		}
		gap = gap || (f->no_frame_pointer && i - s->kernel >= s->sound);
	}
	return s->n;
}

static bool runs_in_kernel_only(struct resolver *res, uint32_t pid)
{
	struct process *proc = process_of(&res->collect->processes, &res->collect->objects, pid);

	return proc && proc->kernel_thread;
}

/* Is this the code of an interpreter, in a stack that has the frames it runs? */
static bool is_interpreter(struct resolver *res, uint32_t frame)
{
	const struct raw_frame *raw = &res->collect->frames.v[frame];

	return raw->place == PLACE_OBJECT && runtimes_hide(res->collect->runtimes, raw->object);
}

static bool has_place(struct resolver *res, const struct raw_stack *s, enum place place)
{
	for (uint32_t i = s->kernel; i < s->n; i++) {
		if (res->collect->frames.v[s->frames[i]].place == place)
			return true;
	}
	return false;
}

typedef VEC(uint32_t) frame_vec;

/* The report's frames of raw ones, root first. */
static int add_frames(struct resolver *res, const struct raw_stack *s, uint32_t first, uint32_t end,
		      frame_vec *ret)
{
	bool hide = !res->native && has_place(res, s, PLACE_RUNTIME);

	for (uint32_t i = end; i > first; i--) {
		const struct resolved *f = resolve_frame(res, s->frames[i - 1]);

		if (hide && is_interpreter(res, s->frames[i - 1]))
			continue;
		for (uint32_t part = f->n; part > 0; part--) {
			if (vec_push(ret, res->parts.v[f->first + part - 1]))
				return -ENOMEM;
		}
	}
	return 0;
}

uint32_t resolve_stack(struct resolver *res, uint32_t stack)
{
	frame_vec frames = {};
	const struct raw_stack *s;
	uint32_t end, first = 0;
	bool complete;
	int err = 0;

	if (stack >= res->stacks_n)
		return REPORT_NONE;
	if (res->stacks[stack] != REPORT_NONE)
		return res->stacks[stack];
	s = &res->collect->stacks.v[stack];
	end = s->end == PB_END_CHAIN ? chain_frames(res, s, &complete)
				     : unwound_frames(res, s, &complete);
	while (!s->sampled && first < s->kernel && resolve_frame(res, s->frames[first])->is_tracer)
		first++;
	if (s->n == s->kernel && runs_in_kernel_only(res, s->pid))
		complete = !s->full;
	if (!complete)
		err = vec_push(&frames, res->truncated);
	err = err ? err : add_frames(res, s, first, end, &frames);
	if (!err)
		res->stacks[stack] = report_add_stack(res->report, frames.v, (uint32_t)frames.n);
	vec_done(&frames);
	return res->stacks[stack];
}

const char *resolve_cut(struct resolver *res, uint32_t stack, uint32_t *ret_object,
			uint32_t *ret_frame)
{
	static const char *const reasons[PB_ENDS] = {
		[PB_END_CHAIN] = "no unwind table was loaded yet: frame pointers were followed",
		[PB_END_DONE] = "the way led through memory that is no code",
		[PB_END_DEEP] = "deeper than there is room for",
		[PB_END_RULE] = "unwind information of a kind that is not followed",
		[PB_END_REGISTER] = "the way on depends on a register that is not known there",
		[PB_END_FAULT] = "the stack could not be read",
		[PB_END_NO_TABLE] = "no unwind information, and no frame pointer",
		[PB_END_UNKNOWN] = "code without a file, and no frame pointer",
		[PB_END_LOOP] = "the caller's frame would not lie above",
		[PB_END_SWITCH] = "the stack that Go's runtime came from is not found",
	};
	const struct raw_stack *s = &res->collect->stacks.v[stack];
	const struct raw_frame *last = NULL;
	const struct resolved *known = NULL;
	uint32_t hider = s->n;

	if (s->end == PB_END_DONE)
		hider = first_hider(res, s, s->n);
	for (uint32_t i = s->kernel; i < s->n && i <= hider; i++) {
		const struct raw_frame *f = &res->collect->frames.v[s->frames[i]];

		if (f->place == PLACE_UNKNOWN && i != s->kernel)
			continue;
		last = f;
		known = resolve_frame(res, s->frames[i]);
	}
	*ret_frame = known && known->n ? res->parts.v[known->first + known->n - 1] : REPORT_NONE;
	/* Addresses of code that was compiled at run time tell nobody anything one by one. */
	if (last && last->place == PLACE_JIT && !last->object && *ret_frame != REPORT_NONE &&
	    !res->report->frames.v[*ret_frame].name)
		*ret_frame = report_add_frame(
		    res->report,
		    &(struct frame){ .kind = FRAME_USER, .object = REPORT_NONE, .name = "[anon]" });
	*ret_object =
	    last && last->place == PLACE_OBJECT ? resolve_object(res, last->object) : REPORT_NONE;
	if (has_place(res, s, PLACE_SKIPPED))
		return reasons[PB_END_DEEP];
	if (hider < s->n)
		return "no unwind information: a caller may be missing, if it keeps no frame "
		       "pointer";
	return s->n == s->kernel ? "the stack was not seen" : reasons[s->end];
}

static void set_end(struct target *t, const struct process *proc)
{
	int signal = proc->status & 0x7f;

	if (!proc->ended)
		return;
	t->end = signal ? TARGET_KILLED : TARGET_EXITED;
	t->end_value = signal ? signal : proc->status >> 8 & 0xff;
}

uint32_t resolve_target(struct resolver *res, uint32_t pid)
{
	struct process *proc = process_of(&res->collect->processes, &res->collect->objects, pid);
	struct report *r = res->report;
	struct target t = { .pid = pid };

	if (!proc)
		return REPORT_NONE;
	if (proc->target != REPORT_NONE)
		return proc->target;
	t.ppid = proc->ppid;
	t.comm = report_str(r, proc->comm);
	t.exe = report_str(r, proc->exe);
	set_end(&t, proc);
	if (vec_push(&r->targets, t))
		return REPORT_NONE;
	proc->target = (uint32_t)r->targets.n - 1;
	return proc->target;
}
