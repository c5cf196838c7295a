/* SPDX-License-Identifier: GPL-2.0-only */
/* How the callers of Go's functions are found. */
#include "sym/gostack.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/gocode.h"
#include "sym/goimage.h"
#include "sym/gopclntab.h"

#define CODE_MAX 4096        /* of what is read: 600 bytes are known */
#define ROWS_MAX (32u << 20) /* of an object: programs of 200 MiB have 3 million */

/* Functions that are not what the table of sizes makes of them. */
enum special {
	PLAIN,
	ROOT,
	ENDS, /* as soon as it has left the stack */
	SIGNAL,
	CUT,
	SYSTEM,
	GROW,
	CALLS_C,
	CALLBACK,
};

struct walk {
	const struct gopclntab *table;
	const struct go_image *image;
	const struct cfi_visitor *visitor;
	uint64_t base; /* address that rules count from */
	struct go_thread thread;
	bool thread_known;
	uint64_t leaves, returns; /* gocode_switch() of the function at hand */
	uint64_t rows;
	uint8_t code[CODE_MAX];
};

static enum special special_of(const char *name)
{
	static const struct {
		const char *name;
		enum special is;
	} list[] = {
		{ "runtime.goexit", ROOT },
		{ "runtime.mstart", ROOT },
		{ "runtime.rt0_go", ROOT },
		{ "_rt0_amd64", ROOT },
		{ "_rt0_amd64_linux", ROOT },
		{ "runtime.mcall", ENDS },
		{ "runtime.gogo", ENDS },
		{ "gogo", ENDS },
		{ "runtime.clone", ENDS },
		{ "runtime.sigreturn", SIGNAL },
		{ "runtime.sigreturn__sigaction", SIGNAL },
		{ "runtime.asyncPreempt", CUT },
		{ "runtime.sigpanic", CUT },
		{ "runtime.sigpanic0", CUT },
		{ "runtime.systemstack", SYSTEM },
		{ "runtime.morestack", GROW },
		{ "runtime.asmcgocall", CALLS_C },
		{ "runtime.cgocallback", CALLBACK },
	};

	if (name && (!strncmp(name, "runtime.", 8) || *name == '_' || *name == 'g'))
		for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
			if (!strcmp(name, list[i].name))
				return list[i].is;
	return PLAIN;
}

/* The kernel enters these as if they were called, and a signal's frame follows. */
static bool is_handler(const char *name)
{
	return name && (!strncmp(name, "runtime.sigtramp", 16) ||
			!strncmp(name, "runtime.sigprofNonGo", 20));
}

static struct go_code read_code(struct walk *w, const struct go_record *r)
{
	struct go_code code = { r->addr, w->code, 0 };
	size_t n = r->size < CODE_MAX ? r->size : CODE_MAX;

	if (go_image_read(w->image, r->addr, w->code, n))
		code.size = n;
	return code;
}

static int state(struct walk *w, uint64_t addr, const struct cfi_rule *rule)
{
	struct cfi_state st = { .rule = *rule };

	w->rows++;
	return w->visitor->state(addr, &st, w->visitor->arg);
}

static int one_state(struct walk *w, uint64_t addr, enum cfi_base base)
{
	return state(w, addr, &(struct cfi_rule){ .base = base, .ra_reg = CFI_REG_NONE });
}

/* The switch from one stack to another that a function is there for. */
static void make_switch(const struct walk *w, enum special is, struct cfi_rule *rule)
{
	int64_t tls = w->thread.tls;

	if (!w->thread_known || rule->offset > INT16_MAX) {
		rule->base = CFI_BASE_BAD;
		return;
	}
	if (w->thread.by_got)
		tls -= (int64_t)w->base;
	rule->base = is == SYSTEM ? CFI_BASE_GO_SYSTEM
		     : is == GROW ? CFI_BASE_GO_GROW
				  : CFI_BASE_GO_CALLBACK;
	rule->reg = w->thread.by_got;
	rule->add = (int16_t)rule->offset;
	rule->offset = (int32_t)tls;
	rule->rbx_words = (int16_t)(w->thread.goroutine / 8);
}

/* A function keeps its return address in a register while it makes a child on its stack. */
static struct cfi_rule rule_without_return(struct walk *w, const struct go_record *r)
{
	struct go_code code = read_code(w, r);
	struct cfi_rule rule = gocode_rule(0);

	rule.offset = 0;
	rule.ra_reg = gocode_return_register(&code);
	if (rule.ra_reg == CFI_REG_NONE)
		rule.base = CFI_BASE_BAD;
	return rule;
}

/* The rule where the frame has some size, and rbp is saved so many words below its base, or 0. */
static struct cfi_rule rule_of_size(struct walk *w, const struct go_record *r, int32_t size,
				    uint32_t saved)
{
	struct cfi_rule rule = gocode_rule(size);

	if (size == -8 && r->flags & GO_FLAG_ASSEMBLY)
		return rule_without_return(w, r);
	if (rule.rbp == CFI_AT_BASE && !saved) {
		rule.rbp = CFI_SAME;
		rule.rbp_words = 0;
	} else if (rule.rbp == CFI_AT_BASE) {
		rule.rbp_words = (int16_t)-saved;
	}
	return rule;
}

/* Where the frame has one size, in a function of which a part runs on another stack. */
static int visit_switch(struct walk *w, const struct go_values *v, const struct cfi_rule *rule,
			enum special is)
{
	struct cfi_rule away = *rule;
	int err = 0;

	if (rule->base == CFI_BASE_REG)
		make_switch(w, is, &away);
	if (v->start < w->leaves)
		err = state(w, v->start, rule);
	if (!err && v->end > w->leaves && v->start < w->returns)
		err = state(w, v->start > w->leaves ? v->start : w->leaves, &away);
	if (!err && v->end > w->returns)
		err = state(w, v->start > w->returns ? v->start : w->returns, rule);
	return err;
}

/* By the sizes alone. */
static int visit_sizes(struct walk *w, const struct go_record *r, enum special is)
{
	uint32_t saved = 2; /* where compiled functions keep rbp */
	struct go_values v;
	int err = 0;

	if (r->flags & GO_FLAG_ASSEMBLY || is >= SYSTEM) {
		struct go_code code = read_code(w, r);

		saved = gocode_saves_rbp(&code, w->table, r);
		gocode_switch(&code, &w->leaves, &w->returns);
	}
	gofunc_values(w->table, r, r->frame_sizes, &v);
	while (!err && gofunc_values_next(&v)) {
		struct cfi_rule rule = rule_of_size(w, r, v.value, saved);

		if (is == CUT && rule.base == CFI_BASE_REG)
			rule.base = CFI_BASE_CUT;
		if (is >= SYSTEM)
			err = visit_switch(w, &v, &rule, is);
		else
			err = state(w, v.start, &rule);
	}
	return err;
}

static int visit_frames(struct walk *w, const struct go_record *r, enum special is)
{
	struct go_code code = read_code(w, r);
	struct go_frames known = { .ends = is == ENDS };

	if (is == CALLS_C)
		known.c_slot = gocode_c_slot(&code);
	return gocode_frames(&code, w->table, r, &known, w->visitor);
}

static int visit_states(struct walk *w, const struct go_record *r, const char *name,
			enum special is)
{
	if (is == ROOT || (r->flags & GO_FLAG_TOP && !is_handler(name)))
		return one_state(w, r->addr, CFI_BASE_STOP);
	/* The kernel returns to its first instruction: no call stands before it. */
	if (is == SIGNAL)
		return one_state(w, r->addr - 1, CFI_BASE_SIGNAL);
	if (is == ENDS || is == CALLS_C || (is == SYSTEM && !w->thread_known) ||
	    (is == PLAIN && r->flags & GO_FLAG_WRITES_SP))
		return visit_frames(w, r, is);
	return visit_sizes(w, r, is);
}

static bool record_of(const struct walk *w, uint64_t i, struct go_record *r, const char **name)
{
	if (i >= w->table->n || !gofunc_record(w->table, i, r))
		return false;
	*name = gofunc_name(w->table, r->name);
	return true;
}

static int visit_all(struct walk *w)
{
	const struct cfi_visitor *v = w->visitor;
	struct go_record r, after;
	const char *name, *after_name;
	uint64_t last = 0;
	int err = 0;

	for (uint64_t i = 0; !err && i < w->table->n && w->rows < ROWS_MAX; i++) {
		struct cfi_function f;
		enum special is;

		/* C code that Go's linker took in is listed, but its frames are not known. */
		if (!record_of(w, i, &r, &name) || r.addr < last || !r.addr)
			continue;
		last = r.addr + r.size;
		is = special_of(name);
		if (!r.frame_sizes && is != SIGNAL)
			continue;
		f = (struct cfi_function){ r.addr - (is == SIGNAL), r.addr + r.size };
		if (record_of(w, i + 1, &after, &after_name) && special_of(after_name) == SIGNAL)
			f.end--;
		if (f.end > f.start && v->function(&f, v->arg))
			err = visit_states(w, &r, name, is);
	}
	return err;
}

/* Looks for runtime.systemstack, whose code tells how threads find their goroutines. */
static void find_thread(struct walk *w)
{
	struct go_record r;
	const char *name;

	for (uint64_t i = 0; i < w->table->n; i++) {
		struct go_code code;
		int64_t tls;

		if (!record_of(w, i, &r, &name) || special_of(name) != SYSTEM)
			continue;
		code = read_code(w, &r);
		w->thread_known = gocode_thread(&code, &w->thread);
		tls = w->thread.tls - (w->thread.by_got ? (int64_t)w->base : 0);
		if (tls != (int32_t)tls)
			w->thread_known = false;
		return;
	}
}

int gostack_walk(const struct elf_file *f, uint64_t base, const struct cfi_visitor *visitor)
{
	_cleanup_(gopclntab_done) struct gopclntab table = {};
	_cleanup_(go_image_done) struct go_image image = {};
	_cleanup_free_ struct walk *w = NULL;
	int err = gopclntab_possible(f) ? gopclntab_read(f, &table) : 0;

	if (err || !table.data)
		return err;
	w = calloc(1, sizeof(*w));
	err = w ? go_image_init(&image, f) : -ENOMEM;
	if (err)
		return err;
	w->table = &table;
	w->image = &image;
	w->visitor = visitor;
	w->base = base;
	find_thread(w);
	return visit_all(w);
}
