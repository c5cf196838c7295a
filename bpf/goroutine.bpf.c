/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Spans of Go functions. A goroutine moves between threads, and its stack between addresses: its
 * calls are kept under the address of its runtime.g, which r14 holds in Go's register ABI (1.17),
 * and frames are known by their distance from the stack's upper end, which a move keeps.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#define SPANS_MAX   PB_GO_DEPTH
#define SPANS_TYPE  struct goroutine_spans
#define SPANS_CLOSE goroutine_span_close
#include "guard.bpf.h"
#include "outside.bpf.h"

#define G_STACK_HI 8 /* runtime.g begins with stack{lo, hi} */

/* Where runtime.g.goid lies: differs by version; set by user space at load. */
const volatile __u32 go_goid_offset = 160;

/* Where the frame whose address is sp lies, in bytes below the end of its stack, negative. */
static __always_inline __u64 place_on_stack(struct thread *t, __u64 g, __u64 sp)
{
	t->words[0] = 0;
	bpf_probe_read_user(&t->words[0], sizeof(t->words[0]), (void *)(g + G_STACK_HI));
	return sp - t->words[0];
}

static __always_inline struct goroutine *goroutine_of(struct thread *t, __u64 g, bool create)
{
	struct goroutine *s;

	t->has_goroutines = 1;
	t->goroutine.g = g;
	t->goroutine.pid = t->pid;
	s = bpf_map_lookup_elem(&goroutines, &t->goroutine);
	if (s || !create)
		return s;
	bpf_map_update_elem(&goroutines, &t->goroutine, no_goroutine, BPF_NOEXIST);
	s = bpf_map_lookup_elem(&goroutines, &t->goroutine);
	if (!s)
		count(PB_LOST_SPANS);
	return s;
}

/* A runtime.g is used again after its goroutine has ended, which leaves what that was in. */
static __always_inline void check_identity(struct thread *t, struct goroutine *g, __u64 addr)
{
	t->words[1] = 0;
	bpf_probe_read_user(&t->words[1], sizeof(t->words[1]), (void *)(addr + go_goid_offset));
	if (g->spans.depth && g->spans.goid != t->words[1])
		spans_end_all(&g->spans, 0);
	g->spans.goid = t->words[1];
}

static __always_inline struct pb_node *node_of(struct spans *s, __u64 cookie)
{
	s->new_path = (__u32)cookie; /* a key, off the stack */
	return bpf_map_lookup_elem(&nodes, &s->new_path);
}

#define NO_SPAN 0xffffffff

/*
 * The plugin that a call is an execution of, or 0: of none; NO_SPAN: it comes from the plugin
 * itself, and nobody has named the function. The return address is at sp.
 */
static __subprog __u32 executes(struct pt_regs *ctx, struct thread *t, __u32 node, __u64 sp)
{
	struct pb_node *n = node_of(&t->spans, node);

	if (!n || !n->plugin)
		return 0;
	t->words[2] = 0;
	bpf_probe_read_user(&t->words[2], sizeof(t->words[2]), (void *)sp);
	if (t->words[2] - (PT_REGS_IP(ctx) - n->before) >= n->size)
		return n->plugin;
	return n->named ? 0 : NO_SPAN;
}

SEC("?uprobe")
int pb_go_enter(struct pt_regs *ctx)
{
	struct thread *t = thread_of(bpf_get_current_task_btf());
	__u64 now_ns = bpf_ktime_get_ns(), cookie = bpf_get_attach_cookie(ctx), sp;
	struct goroutine *g;
	__u32 plugin = 0;
	struct span *f;

	guard_hit(cookie, now_ns);
	if (!t || closing)
		return 0;
	sp = PT_REGS_SP(ctx) + (cookie >> PB_COOKIE_MOVED);
	if (config.plugins)
		plugin = executes(ctx, t, (__u32)cookie, sp);
	if (plugin == NO_SPAN)
		return 0;
	g = goroutine_of(t, ctx->r14, true);
	if (!g)
		return 0;
	g->spans.now_ns = now_ns;
	check_identity(t, g, ctx->r14);
	if (cookie & PB_COOKIE_WINDOW && !window_takes(&g->spans, &g->window_epoch, (__u32)cookie))
		return 0;
	sp = place_on_stack(t, ctx->r14, sp);
	/* A function begins again when its prologue has made the stack larger. */
	g->spans.restarts = 1;
	if (spans_enter(&g->spans, (__u32)cookie, sp, ON_THREAD))
		return 0;
	f = span_open(&g->spans, (__u32)cookie, sp, ON_THREAD);
	if (f && cookie & PB_COOKIE_WINDOW)
		window_span(&g->spans, f);
	if (f && plugin)
		plugin_entered(&g->spans, f, plugin);
	return 0;
}

/* Keeps the compiler from making one load of several, which the verifier would not take. */
#define COPY(to, from)                                                                             \
	do {                                                                                       \
		(to) = (from);                                                                     \
		asm volatile("" : "+r"(to));                                                       \
	} while (0)

/* The result register that tells of an error, in the order of Go's ABI. */
static __subprog __u64 result(struct pt_regs *ctx, __u8 reg)
{
	__u64 value;

	if (reg == 0)
		COPY(value, ctx->ax);
	else if (reg == 1)
		COPY(value, ctx->bx);
	else if (reg == 2)
		COPY(value, ctx->cx);
	else if (reg == 3)
		COPY(value, ctx->di);
	else if (reg == 4)
		COPY(value, ctx->si);
	else if (reg == 5)
		COPY(value, ctx->r8);
	else if (reg == 6)
		COPY(value, ctx->r9);
	else if (reg == 7)
		COPY(value, ctx->r10);
	else
		COPY(value, ctx->r11);
	return value;
}

SEC("?uprobe")
int pb_go_leave(struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns(), cookie, sp;
	struct thread *t = thread_of(bpf_get_current_task_btf());
	struct goroutine *g;
	struct pb_node *n;
	bool entry;
	__u32 node;

	if (!t || closing)
		return 0;
	cookie = bpf_get_attach_cookie(ctx);
	node = (__u32)cookie;
	n = node_of(&t->spans, cookie);
	entry = config.plugins && n && n->plugin && !n->named;
	g = goroutine_of(t, ctx->r14, false);
	if (!g) {
		if (!entry)
			count(PB_MISSED_RETURNS);
		return 0;
	}
	g->spans.now_ns = now_ns;
	sp = place_on_stack(t, ctx->r14, PT_REGS_SP(ctx));
	window_sync(&g->spans, &g->window_epoch);
	/* Calls from within the plugin have no spans. */
	if (entry && !(g->spans.depth && span_top(&g->spans)->sp <= sp))
		return 0;
	if (span_find(&g->spans, node, sp, ON_THREAD))
		span_close(&g->spans, cookie & PB_COOKIE_NO_VALUE ? SPAN_TAIL : SPAN_RETURNED,
			   result(ctx, n ? n->reg : 0));
	if (!g->spans.depth)
		bpf_map_delete_elem(&goroutines, &t->goroutine);
	return 0;
}

/* runtime.gopanic: the calls that it leaves, if it is recovered, have failed. */
SEC("?uprobe")
int pb_go_panic(struct pt_regs *ctx)
{
	struct thread *t = thread_of(bpf_get_current_task_btf());
	struct goroutine *g;

	if (!t || closing)
		return 0;
	g = goroutine_of(t, ctx->r14, false);
	if (!g || !g->spans.depth)
		return 0;
	raise_begin(&g->spans, PB_ERROR_PANIC, 0);
	return 0;
}

/* runtime.Goexit: the goroutine ends, and none of its calls returns. */
SEC("?uprobe")
int pb_go_exit(struct pt_regs *ctx)
{
	struct thread *t = thread_of(bpf_get_current_task_btf());
	struct goroutine *g;

	if (!t || closing)
		return 0;
	g = goroutine_of(t, ctx->r14, false);
	if (!g)
		return 0;
	g->spans.now_ns = bpf_ktime_get_ns();
	spans_end_all(&g->spans, 0);
	bpf_map_delete_elem(&goroutines, &t->goroutine);
	return 0;
}
