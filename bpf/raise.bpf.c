/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Exceptions. The unwinder is asked to raise one (_Unwind_RaiseException, whoever throws or throws
 * again); until it is caught, every span that is left has failed of it. What is caught is told by
 * the language's own begin of a handler, or by a call returning that was open at the throw.
 *
 * Sources: the Itanium C++ ABI (exception header, type_info), libstdc++'s unwind-cxx.h for the
 * order of __cxa_exception's fields, and Rust's exception class (library/panic_unwind).
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "spans.bpf.h"

#define CLASS_GNU_CXX       0x474e5543432b2b00ULL /* "GNUCC++\0" */
#define CLASS_GNU_DEPENDENT 0x474e5543432b2b01ULL /* made by std::rethrow_exception() */
#define CLASS_RUST          0x54535552005a4f4dULL /* "MOZ\0RUST", in memory's order */
#define CLASS_RUST_OLD      0x4d4f5a0052555354ULL /* the same as a number */

#define HEADER_TYPE  80 /* the type, or the exception depended on, lies so far before the header */
#define HEADER_SIZE  32 /* struct _Unwind_Exception; then comes what was thrown */
#define TYPE_NAME    8
#define TYPE_BASE    16 /* of a class with one base */
#define WHAT_POINTER 8  /* where std::logic_error and std::runtime_error keep their text */
#define BASES_MAX    4

static __subprog __u64 read_word(struct thread *t, __u64 addr)
{
	t->words[0] = 0;
	bpf_probe_read_user(&t->words[0], sizeof(t->words[0]), (void *)addr);
	return t->words[0];
}

/* Is a class std::runtime_error or std::logic_error, or derived from it? */
static __subprog bool has_what(struct thread *t, __u64 type)
{
	for (int i = 0; i < BASES_MAX && type; i++) {
		__u64 name = read_word(t, type + TYPE_NAME);

		/* "St13runtime_error" and "St11logic_error", in words. */
		if (bpf_probe_read_user(t->words, 3 * sizeof(__u64), (void *)name))
			return false;
		if ((t->words[0] == 0x746e757233317453 && t->words[1] == 0x6f7272655f656d69) ||
		    (t->words[0] == 0x69676f6c31317453 && t->words[1] == 0x00726f7272655f63))
			return true;
		type = read_word(t, type + TYPE_BASE);
	}
	return false;
}

static __u32 last_name;

/* The id of t->raise_name, entered with t->raise_text; 0: the table is full. */
static __subprog __u32 name_intern(struct thread *t)
{
	struct pb_error_text *known = bpf_map_lookup_elem(&error_names, &t->raise_name);

	if (known)
		return known->id;
	t->raise_text.id = __sync_fetch_and_add(&last_name, 1) + 1;
	bpf_map_update_elem(&error_names, &t->raise_name, &t->raise_text, BPF_NOEXIST);
	known = bpf_map_lookup_elem(&error_names, &t->raise_name);
	if (!known)
		count(PB_LOST_PATHS);
	return known ? known->id : 0;
}

/* Names that differ behind their end would be two. */
static __subprog int name_read(struct thread *t, __u32 kind, __u64 addr)
{
	__builtin_memset(&t->raise_name, 0, sizeof(t->raise_name));
	__builtin_memset(&t->raise_text, 0, sizeof(t->raise_text));
	t->raise_name.kind = kind;
	return bpf_probe_read_user_str(t->raise_name.type, sizeof(t->raise_name.type),
				       (void *)addr);
}

static __subprog __u32 cxx_name(struct thread *t, __u64 header, __u64 class)
{
	__u64 object = header + HEADER_SIZE, type;

	if (class == CLASS_GNU_DEPENDENT) {
		object = read_word(t, header - HEADER_TYPE);
		header = object - HEADER_SIZE;
	}
	type = read_word(t, header - HEADER_TYPE);
	name_read(t, PB_ERROR_EXCEPTION, read_word(t, type + TYPE_NAME));
	if (has_what(t, type))
		bpf_probe_read_user_str(t->raise_text.what, sizeof(t->raise_text.what),
					(void *)read_word(t, object + WHAT_POINTER));
	return name_intern(t);
}

static __always_inline bool is_rust(__u64 class)
{
	return class == CLASS_RUST || class == CLASS_RUST_OLD;
}

/* _Unwind_RaiseException(header), _Unwind_Resume_or_Rethrow(header) */
SEC("?uprobe")
int pb_raise(struct pt_regs *ctx)
{
	struct thread *t = thread_of(bpf_get_current_task_btf());
	__u64 class;

	if (!t || closing || !t->spans.depth)
		return 0;
	class = read_word(t, PT_REGS_PARM1(ctx));
	if (class == CLASS_GNU_CXX || class == CLASS_GNU_DEPENDENT)
		raise_begin(&t->spans, PB_ERROR_EXCEPTION, cxx_name(t, PT_REGS_PARM1(ctx), class));
	else
		raise_begin(&t->spans, is_rust(class) ? PB_ERROR_PANIC : PB_ERROR_FOREIGN, 0);
	return 0;
}

#define CONTEXT_CFA (18 * 8) /* _Unwind_Context of libgcc: behind 17 registers and one more */
#define STACK_MAX   (64 << 20)

/*
 * _Unwind_SetIP(context, address): the unwinder is about to enter a handler or a cleanup, in the
 * frame whose callee's base the context holds. Whatever lies below has been left.
 */
SEC("?uprobe")
int pb_land(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_of(task);
	__u64 cfa;

	if (!t || closing || !t->spans.raising)
		return 0;
	cfa = read_word(t, PT_REGS_PARM1(ctx) + CONTEXT_CFA);
	/* Another unwinder's context may have something else there. */
	if (cfa <= PT_REGS_SP(ctx) || cfa - PT_REGS_SP(ctx) > STACK_MAX || cfa & 7)
		return 0;
	spans_hold(t);
	spans_now(t, bpf_ktime_get_ns());
	spans_drop_stale(&t->spans, cfa - 1, stack_now(&t->spans, task, cfa));
	spans_release(t);
	return 0;
}

/* __cxa_begin_catch(): called by the function that catches, in whose frame we are. */
SEC("?uprobe")
int pb_catch(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_of(task);
	__u64 sp;

	if (!t || closing || !t->spans.raising)
		return 0;
	sp = PT_REGS_SP(ctx);
	spans_hold(t);
	spans_now(t, bpf_ktime_get_ns());
	spans_drop_stale(&t->spans, sp, stack_now(&t->spans, task, sp));
	t->spans.raising--;
	if (t->spans.timeline && !t->spans.depth)
		timeline_end(&t->spans, task, t->pid);
	spans_release(t);
	return 0;
}

#define PY_TYPE_NAME 24 /* PyTypeObject.tp_name: behind refcount, type and size */

/* An exception of this type is set in CPython. */
static __always_inline int python_raise(__u64 type)
{
	struct thread *t = thread_of(bpf_get_current_task_btf());
	__u32 id;

	if (!t || closing || !t->spans.depth)
		return 0;
	name_read(t, PB_ERROR_PYTHON, read_word(t, type + PY_TYPE_NAME));
	id = name_intern(t);
	if (id)
		path_error_add(span_top(&t->spans)->path, PB_ERROR_PYTHON, id);
	return 0;
}

/* PyErr_SetObject(type, value) */
SEC("?uprobe")
int pb_python_raise(struct pt_regs *ctx)
{
	return python_raise(PT_REGS_PARM1(ctx));
}

/* _PyErr_SetObject(thread state, type, value) */
SEC("?uprobe")
int pb_python_raise_in(struct pt_regs *ctx)
{
	return python_raise(PT_REGS_PARM2(ctx));
}
