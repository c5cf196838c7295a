/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The dynamic loader, by uprobes: who asks it to load or unload what, what became of that, and how
 * long constructors and destructors took. The loader tells debuggers of every change of its list
 * of objects by calling an empty function, _dl_debug_state(), with its state in _r_debug (glibc's
 * <link.h>; musl calls it, too, but after the fact).
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "emit.bpf.h"
#include "filter.bpf.h"

/* struct r_debug and struct r_debug_extended */
#define R_VERSION 0
#define R_MAP     8
#define R_STATE   24
#define R_NEXT    40 /* of another namespace, from version 2 (glibc 2.35) on */

enum { RT_CONSISTENT, RT_ADD, RT_DELETE };

/* struct link_map */
#define L_ADDR 0
#define L_NAME 8
#define L_NEXT 24

#define NAMESPACES_MAX 16 /* glibc's DL_NNS */
#define LINK_MAPS_MAX  2048
#define OBJECTS_MAX    128 /* told of one call */

static __subprog __u64 read_word(struct loader_thread *w, __u64 addr)
{
	w->words[0] = 0;
	bpf_probe_read_user(&w->words[0], sizeof(w->words[0]), (void *)addr);
	return w->words[0];
}

/* A string of the target; "" if it cannot be read. False then. */
static __subprog bool read_path(char *to, __u64 addr)
{
	to[0] = 0;
	return addr && bpf_probe_read_user_str(to, PB_PATH_LEN, (void *)addr) >= 0;
}

/* The innermost call, or what stands for none. */
static __always_inline struct loader_call *call_now(struct loader_thread *w)
{
	__u64 i = w->depth - 1U;

	/* In one register from the check on: Linux 6.1's verifier loses sight of copies. */
	asm volatile("" : "+r"(i));
	if (i > LOADER_DEPTH)
		i = LOADER_DEPTH;
	asm volatile("" : "+r"(i));
	return &w->calls[i];
}

/* Calls that were jumped out of end. equal: also one whose frame is the very same. */
__weak int loader_drop_stale(struct loader_thread *w, __u64 sp, __u32 equal)
{
	for (int i = 0; w && i < LOADER_DEPTH; i++) {
		__u64 top = call_now(w)->sp;

		if (!w->depth || top > sp || (top == sp && !equal))
			break;
		w->depth--;
	}
	return 0;
}

static __always_inline void call_begin(struct loader_call *c, struct task_struct *task, __u32 pid,
				       __u32 what)
{
	c->sp = c->path_at = c->changing = c->last = 0;
	c->r.mapped_ns = c->r.init_ns = c->r.delete_ns = 0;
	c->r.handle = c->r.bias = c->r.stack = c->r.waited_ns = c->r.seq = 0;
	c->r.result = 0;
	c->r.error = 0;
	c->r.seen = c->r.depth = c->r.failed = 0;
	c->r.path[0] = c->r.name[0] = c->r.error_object[0] = c->r.error_text[0] = 0;
	c->r.h.kind = PB_PLUGIN;
	c->r.h.size = sizeof(c->r);
	c->r.h.pid = pid;
	c->r.h.tid = task->pid;
	c->r.start_ns = bpf_ktime_get_ns();
	c->r.call = (__u8)what;
	c->r.flags = -1;
}

/* Sends a record that user space shall see at once. */
static __subprog int call_send(struct loader_call *c)
{
	c->r.h.time_ns = bpf_ktime_get_ns();
	if (bpf_ringbuf_output(&records, &c->r, sizeof(c->r), BPF_RB_FORCE_WAKEUP))
		count(PB_LOST_EVENTS);
	return 0;
}

static __always_inline void read_arguments(struct pt_regs *ctx, struct loader_call *c)
{
	__u64 first = PT_REGS_PARM1(ctx), second = PT_REGS_PARM2(ctx), third = PT_REGS_PARM3(ctx);

	/* Keeps the compiler from making one load of several, which the verifier would not take. */
	asm volatile("" : "+r"(first), "+r"(second), "+r"(third));
	if (c->r.call == PB_LOADER_DLCLOSE)
		c->r.handle = first;
	else
		c->path_at = c->r.call == PB_LOADER_DLOPEN ? first : second;
	if (c->r.call != PB_LOADER_DLCLOSE)
		c->r.flags = (__s32)(c->r.call == PB_LOADER_DLOPEN ? second : third);
}

/* What a handle stands for, while it is valid. */
static __subprog int read_handle(struct loader_thread *w, struct loader_call *c)
{
	__u64 name;

	if (!c->r.handle || bpf_probe_read_user(w->words, 16, (void *)c->r.handle))
		return 0;
	c->r.bias = w->words[0];
	name = w->words[1];
	if (read_path(c->r.name, name))
		c->r.seen |= PB_SEEN_NAME;
	return 0;
}

/* dlopen(), dlmopen(), dlclose() */
static __subprog int on_enter(struct pt_regs *ctx, struct loader_thread *w, struct thread *t,
			      __u32 probe)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct loader_call *c;

	loader_drop_stale(w, PT_REGS_SP(ctx), true);
	if (w->depth >= LOADER_DEPTH) {
		count(PB_LOST_EVENTS);
		return 0;
	}
	c = &w->calls[w->depth & (LOADER_DEPTH - 1)];
	call_begin(c, task, t->pid, probe);
	c->r.depth = (__u8)w->depth;
	c->sp = PT_REGS_SP(ctx);
	read_arguments(ctx, c);
	if (c->r.call == PB_LOADER_DLCLOSE)
		read_handle(w, c);
	else if (!c->path_at)
		return 0; /* the program itself: nothing is loaded */
	read_path(c->r.path, c->path_at);
	t->loading = 1;
	w->depth++;
	return 0;
}

/*
 * Waiting for user space to probe what was mapped: the first call into it shall be seen. By
 * looking again and again, because nothing wakes a program; so for little time, and not on the only
 * CPU. Probes are attached after a grace period of RCU, which a program holds up unless it may
 * sleep; a look at user memory on the long way lets others run, and grace periods pass, on kernels
 * that are not preemptible. It does so while it holds the lock of the process's memory, which
 * attaching needs, too: seldom while that goes on, if grace periods pass anyway (PREEMPT_RCU).
 */
#define WAIT_FIRST_NS   300000000ULL /* of all calls, beside a hundredth of the time */
#define WAIT_SHARE      100
#define WAIT_ITERATIONS (1 << 23)
#define WAIT_LOOK_NS    500000
#define WAIT_SELDOM_NS  4000000

struct wait {
	struct loader_thread *w;
	__u64 seq, end_ns, looked_ns, addr;
};

static long wait_step(__u32 i, struct wait *k)
{
	bool seldom = config.rcu_preempt && *(volatile __u32 *)&loader_attaching;
	__u64 now_ns = bpf_ktime_get_ns();

	if (now_ns - k->looked_ns >= (seldom ? WAIT_SELDOM_NS : WAIT_LOOK_NS)) {
		bpf_copy_from_user_task(&k->w->words[0], sizeof(k->w->words[0]), (void *)k->addr,
					bpf_get_current_task_btf(), 0);
		k->looked_ns = bpf_ktime_get_ns();
	}
	return *(volatile __u64 *)&loader_ready >= k->seq || *(volatile __u32 *)&inert ||
	       now_ns >= k->end_ns;
}

static __subprog int wait_for_probes(struct loader_thread *w, struct loader_call *c, __u64 sp)
{
	__u64 begin_ns = bpf_ktime_get_ns();
	struct wait k = { .w = w,
			  .seq = c->r.seq,
			  .end_ns = begin_ns + config.wait_ns,
			  .looked_ns = begin_ns,
			  .addr = sp };

	if (loader_waited_ns > WAIT_FIRST_NS + (begin_ns - loader_begin_ns) / WAIT_SHARE)
		return 0;
	bpf_loop(WAIT_ITERATIONS, wait_step, &k, 0);
	c->r.waited_ns = bpf_ktime_get_ns() - begin_ns;
	__sync_fetch_and_add(&loader_waited_ns, c->r.waited_ns);
	return 0;
}

/* musl's loader leaves its words in the thread: so far from its pointer is their address. */
static __subprog int read_musl_error(struct loader_thread *w, struct loader_call *c, __u64 offset)
{
	__u64 text = read_word(w, bpf_get_current_task_btf()->thread.fsbase + offset);

	if (!text ||
	    bpf_probe_read_user_str(c->r.error_text, sizeof(c->r.error_text), (void *)text) <= 0)
		return 0;
	c->r.failed = 1;
	return 0;
}

/* Something was loaded and nobody has said what: user space looks, and probes it, meanwhile. */
static __subprog int tell_change(struct loader_call *c)
{
	c->r.mapped_ns = bpf_ktime_get_ns();
	c->r.seq = __sync_fetch_and_add(&loader_seq, 1) + 1;
	return call_send(c);
}

/* The ends of these. */
SEC("?uprobe.s")
int pb_loader_leave(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct loader_thread *w = bpf_task_storage_get(&loader_threads, task, 0, 0);
	struct loader_call *c;
	__u64 offset;

	if (inert || !w || !w->depth || closing)
		return 0;
	loader_drop_stale(w, PT_REGS_SP(ctx), false);
	c = call_now(w);
	if (!w->depth || c->sp != PT_REGS_SP(ctx))
		return 0;
	w->depth--;
	if (c->r.call == PB_LOADER_DLCLOSE) {
		c->r.result = (__s32)PT_REGS_RC(ctx);
	} else {
		c->r.handle = PT_REGS_RC(ctx);
		read_handle(w, c);
		if (!c->r.path[0]) /* its page was not in memory yet */
			read_path(c->r.path, c->path_at);
	}
	if (config.wait_ns && c->r.handle && !c->r.seq && c->r.seen & PB_SEEN_CHANGE)
		tell_change(c);
	c->r.seen |= PB_SEEN_RETURN;
	offset = bpf_get_attach_cookie(ctx);
	if (offset && !c->r.handle && c->r.call != PB_LOADER_DLCLOSE && !c->r.failed)
		read_musl_error(w, c, offset);
	if (config.wait_ns && c->r.seq && c->r.handle)
		wait_for_probes(w, c, PT_REGS_SP(ctx));
	call_send(c);
	return 0;
}

/* A walk along namespaces to the one that changes. */
struct namespace_walk {
	struct loader_thread *w;
	__u64 at, found;
};

static long namespace_step(__u32 i, struct namespace_walk *k)
{
	if (!k->at || bpf_probe_read_user(k->w->words, sizeof(k->w->words), (void *)k->at))
		return 1;
	if ((__u32)k->w->words[R_STATE / 8]) {
		k->found = k->at;
		return 1;
	}
	if ((__u32)k->w->words[R_VERSION] < 2)
		return 1;
	k->at = k->w->words[R_NEXT / 8];
	return 0;
}

/* The namespace that changes: where its state is kept, which is in w->words then; or 0. */
__weak __u64 loader_changing(struct loader_thread *w, __u64 r_debug)
{
	struct namespace_walk k = { .w = w, .at = r_debug };

	if (w)
		bpf_loop(NAMESPACES_MAX, namespace_step, &k, 0);
	return k.found;
}

/* A walk along link maps: to the last one, or telling of those from `from` on. */
struct link_walk {
	struct loader_thread *w;
	struct loader_call *c; /* NULL: only look */
	__u64 at, last, from;
};

static __subprog int tell_object(struct link_walk *k, __u64 link_map)
{
	struct pb_plugin_object *o = &k->w->object;

	o->h.time_ns = bpf_ktime_get_ns();
	o->h.kind = PB_PLUGIN_OBJECT;
	o->h.size = sizeof(*o);
	o->h.pid = k->c->r.h.pid;
	o->h.tid = k->c->r.h.tid;
	o->start_ns = k->c->r.start_ns;
	o->link_map = link_map;
	o->bias = k->w->words[L_ADDR / 8];
	read_path(o->name, k->w->words[L_NAME / 8]);
	if (bpf_ringbuf_output(&records, o, sizeof(*o), BPF_RB_NO_WAKEUP))
		count(PB_LOST_EVENTS);
	return 0;
}

static long link_step(__u32 i, struct link_walk *k)
{
	__u64 next;

	if (!k->at || bpf_probe_read_user(k->w->words, 32, (void *)k->at))
		return 1;
	next = k->w->words[L_NEXT / 8];
	k->last = k->at;
	if (k->at == k->from)
		k->from = 0;
	if (k->c && !k->from) {
		if (k->w->told++ >= OBJECTS_MAX) {
			k->c->r.seen |= PB_SEEN_CUT;
			return 1;
		}
		tell_object(k, k->at);
	}
	k->at = next;
	return 0;
}

/* To the last object of a namespace; tell: of those from c->last on. */
__weak __u64 loader_walk(struct loader_thread *w, struct loader_call *c, __u64 r_debug, __u32 tell)
{
	struct link_walk k = { .w = w };

	if (!w || !c)
		return 0;
	if (tell)
		k.c = c;
	k.at = read_word(w, r_debug + R_MAP);
	k.from = c->last;
	w->told = 0;
	bpf_loop(LINK_MAPS_MAX, link_step, &k, 0);
	return k.last;
}

/* Objects have come, all at their places; none of their code has run. */
static __always_inline void objects_mapped(struct loader_thread *w, struct loader_call *c)
{
	c->r.mapped_ns = bpf_ktime_get_ns();
	loader_walk(w, c, c->changing, true);
	c->r.seq = __sync_fetch_and_add(&loader_seq, 1) + 1;
	if (!c->r.path[0])
		read_path(c->r.path, c->path_at);
	call_send(c);
}

static __always_inline void loader_state(struct loader_thread *w, struct loader_call *c,
					 __u64 r_debug)
{
	__u64 changing = loader_changing(w, r_debug);
	__u32 state = changing ? (__u32)w->words[R_STATE / 8] : RT_CONSISTENT;

	if (state == RT_ADD) {
		c->r.seen |= PB_SEEN_ADD;
		c->changing = changing;
		c->last = loader_walk(w, c, changing, false);
	} else if (state == RT_DELETE) {
		c->r.seen |= PB_SEEN_DELETE;
		c->r.delete_ns = bpf_ktime_get_ns();
	} else if (c->changing && !c->r.mapped_ns) {
		objects_mapped(w, c);
	} else if (!c->r.seen) {
		c->r.seen |= PB_SEEN_CHANGE;
	}
}

/* Nobody's call: begins with RT_ADD or RT_DELETE. */
static __always_inline void other_state(struct loader_thread *w, struct task_struct *task,
					__u32 pid, __u64 r_debug)
{
	struct loader_call *c = &w->calls[LOADER_DEPTH];

	if (!(c->r.seen & (PB_SEEN_ADD | PB_SEEN_DELETE)))
		call_begin(c, task, pid, PB_LOADER_OTHER);
	loader_state(w, c, r_debug);
	if (c->r.seen & PB_SEEN_DELETE && !loader_changing(w, r_debug))
		call_send(c);
	else if (!c->r.mapped_ns)
		return;
	c->r.seen = 0;
}

static __subprog int on_state(struct pt_regs *ctx, struct loader_thread *w, __u32 pid,
			      __s32 distance)
{
	__u64 r_debug = PT_REGS_IP(ctx) + distance;

	loader_drop_stale(w, PT_REGS_SP(ctx), true);
	if (w->depth)
		loader_state(w, call_now(w), r_debug);
	else
		other_state(w, bpf_get_current_task_btf(), pid, r_debug);
	return 0;
}

/*
 * _dl_signal_exception(errno, { object, text }, occasion) and _dl_signal_error(errno, object,
 * occasion, text): the first within a call is the reason; others only hand it on.
 */
static __subprog int on_error(struct pt_regs *ctx, struct loader_thread *w, __u32 probe)
{
	struct loader_call *c = call_now(w);
	__u64 object, text;

	if (c->r.failed)
		return 0;
	c->r.failed = 1;
	c->r.error = (__s32)PT_REGS_PARM1(ctx);
	object = PT_REGS_PARM2(ctx);
	text = PT_REGS_PARM4(ctx);
	asm volatile("" : "+r"(object), "+r"(text)); /* as in read_arguments() */
	if (probe == PB_LOADER_EXCEPTION) {
		w->words[1] = w->words[2] = 0;
		bpf_probe_read_user(&w->words[1], 16, (void *)object);
		object = w->words[1];
		text = w->words[2];
	}
	read_path(c->r.error_object, object);
	c->r.error_text[0] = 0;
	bpf_probe_read_user_str(c->r.error_text, sizeof(c->r.error_text), (void *)text);
	return 0;
}

/*
 * _dl_catch_exception(NULL, function, …): within dlopen() the loader has begun to call
 * constructors, within dlclose() destructors: errors in them are not its own.
 */
static __always_inline void on_init(struct loader_call *c)
{
	if (!c->r.init_ns)
		c->r.init_ns = bpf_ktime_get_ns();
}

/* The thread's state; made where something begins. */
static __always_inline struct loader_thread *loader_thread_of(__u32 probe)
{
	bool begins = probe <= PB_LOADER_DLCLOSE || probe == PB_LOADER_STATE;
	struct task_struct *task = bpf_get_current_task_btf();
	struct loader_thread *w;

	if (!begins)
		return bpf_task_storage_get(&loader_threads, task, 0, 0);
	w = bpf_task_storage_get(&loader_threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!w)
		count(PB_LOST_EVENTS);
	return w;
}

/* Within a call, other than at its own ends. */
static __always_inline void on_inner(struct pt_regs *ctx, struct loader_thread *w, __u32 probe)
{
	if (!w->depth)
		return;
	if (probe == PB_LOADER_INIT)
		on_init(call_now(w));
	else if (probe == PB_LOADER_STATE_MUSL)
		call_now(w)->r.seen |= PB_SEEN_CHANGE;
	else
		on_error(ctx, w, probe);
}

SEC("?uprobe")
int pb_loader(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 probe = (__u32)cookie;
	struct loader_thread *w;
	struct thread *t;

	if (probe == PB_LOADER_INIT && PT_REGS_PARM1(ctx))
		return 0; /* the most frequent: dlsym() */
	t = thread_of(bpf_get_current_task_btf());
	if (!t || closing)
		return 0;
	w = loader_thread_of(probe);
	if (!w)
		return 0;
	if (probe <= PB_LOADER_DLCLOSE)
		on_enter(ctx, w, t, probe);
	else if (probe == PB_LOADER_STATE)
		on_state(ctx, w, t->pid, (__s32)(cookie >> PB_LOADER_DISTANCE));
	else
		on_inner(ctx, w, probe);
	return 0;
}
