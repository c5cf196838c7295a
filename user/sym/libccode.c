/* SPDX-License-Identifier: GPL-2.0-only */
/* Recognises functions of a stripped GNU C library by their code. */
#include "sym/libccode.h"

#include <errno.h>
#include <string.h>
#include <Zydis/Zydis.h>

#include "lib/cleanup.h"
#include "sym/roots.h"

#define FUNCTION_MAX 65536 /* bytes; pthread_create has 4000 */
#define CALLEES_MAX  64

/* One function's code, decoded from its start. */
struct code {
	const struct roots_object *object;
	uint64_t start;
	uint8_t *bytes; /* owned */
	size_t size, at;
	uint64_t exit; /* address of exit(), 0: not known */
	ZydisDecoder decoder;
	ZydisDecodedInstruction insn;
};

static void code_done(struct code *c)
{
	free(c->bytes);
}

/* Reads the function of an FDE; `size` is 0 when it cannot be read. */
static int code_init(struct code *c, const struct roots_object *o, const struct cfi_function *f,
		     uint64_t exit_addr)
{
	uint64_t offset = elf_offset_of(o->segments, f->start);
	ssize_t n;

	*c = (struct code){ .object = o, .start = f->start, .exit = exit_addr };
	if (offset == ELF_NONE || f->end - f->start > FUNCTION_MAX)
		return 0;
	c->bytes = malloc(f->end - f->start);
	if (!c->bytes)
		return -ENOMEM;
	n = elf_read_at(o->fd, c->bytes, f->end - f->start, offset);
	if (n > 0 && ZYAN_SUCCESS(ZydisDecoderInit(&c->decoder, ZYDIS_MACHINE_MODE_LONG_64,
						   ZYDIS_STACK_WIDTH_64)))
		c->size = (size_t)n;
	return 0;
}

static bool next_insn(struct code *c)
{
	if (c->at >= c->size ||
	    !ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&c->decoder, NULL, c->bytes + c->at,
							c->size - c->at, &c->insn)))
		return false;
	c->at += c->insn.length;
	return true;
}

static bool is_call(const struct code *c)
{
	return c->insn.mnemonic == ZYDIS_MNEMONIC_CALL;
}

/* The target of a direct call or jump, or 0. */
static uint64_t branch_target(const struct code *c)
{
	if ((!is_call(c) && c->insn.mnemonic != ZYDIS_MNEMONIC_JMP) || !c->insn.raw.imm[0].size ||
	    !c->insn.raw.imm[0].is_relative)
		return 0;
	return c->start + c->at + (uint64_t)c->insn.raw.imm[0].value.s;
}

static uint64_t call_target(const struct code *c)
{
	return is_call(c) ? branch_target(c) : 0;
}

/* The address that `lea disp(%rip), reg` makes, or 0. */
static uint64_t lea_target(const struct code *c)
{
	if (c->insn.mnemonic != ZYDIS_MNEMONIC_LEA || c->insn.raw.modrm.mod != 0 ||
	    c->insn.raw.modrm.rm != 5)
		return 0;
	return c->start + c->at + (uint64_t)c->insn.raw.disp.value;
}

/* The exported symbol of that name, or NULL. */
static const struct symbol *exported(const struct roots_object *o, const char *name)
{
	for (uint32_t i = 0; i < o->symtab->n; i++)
		if (o->symtab->v[i].global && !strcmp(o->symtab->v[i].name, name))
			return &o->symtab->v[i];
	return NULL;
}

static bool is_exported(const struct roots_object *o, uint64_t addr)
{
	uint32_t i = symtab_below(o->symtab, elf_offset_of(o->segments, addr));

	/* Among aliases the global ones stand first. */
	return i != SYMTAB_NONE && o->symtab->v[i].addr == addr && o->symtab->v[i].global;
}

/* Is addr the start of a function that has no exported name? */
static bool is_static(const struct roots_object *o, uint64_t addr, struct cfi_function *ret)
{
	return addr && unwindinfo_function(o->unwind, addr, ret) && ret->start == addr &&
	       !is_exported(o, addr);
}

/*
 * Both functions call the user's code through a pointer and may end in exit(): the caller of
 * main() at once, with what main() returned; that of a thread's function after the last thread.
 */
static int calls_user(const struct code *outer, const struct cfi_function *f, bool exit_next,
		      bool *ret)
{
	_cleanup_(code_done) struct code c = {};
	bool pointer = false, found = false;
	int err = code_init(&c, outer->object, f, outer->exit);

	while (!err && !found && next_insn(&c)) {
		found = pointer && branch_target(&c) == c.exit;
		if (is_call(&c))
			pointer = !call_target(&c) || (pointer && !exit_next);
	}
	*ret = found;
	return err;
}

/* Looks in a function's code for the static function that it calls, and that calls main(). */
static int find_call_main(struct code *c, struct cfi_function *ret)
{
	struct cfi_function f;
	bool found = false;
	int err = 0;

	while (!err && !found && next_insn(c))
		if (is_static(c->object, call_target(c), &f))
			err = calls_user(c, &f, true, &found);
	if (found)
		*ret = f;
	return err;
}

/* Looks for the static function whose address a function takes, and that calls the thread's. */
static int find_thread(struct code *c, struct cfi_function *ret)
{
	struct cfi_function f;
	bool found = false;
	int err = 0;

	while (!err && !found && next_insn(c))
		if (is_static(c->object, lea_target(c), &f))
			err = calls_user(c, &f, false, &found);
	if (found)
		*ret = f;
	return err;
}

/* pthread_create() takes the address itself, or by a static function (create_thread). */
static int find_thread_below(struct code *c, struct cfi_function *ret)
{
	struct cfi_function f;
	int err = find_thread(c, ret), callees = 0;

	c->at = 0;
	while (!err && !ret->start && callees < CALLEES_MAX && next_insn(c)) {
		_cleanup_(code_done) struct code callee = {};

		if (!is_static(c->object, call_target(c), &f))
			continue;
		callees++;
		err = code_init(&callee, c->object, &f, c->exit);
		if (!err)
			err = find_thread(&callee, ret);
	}
	return err;
}

static int find_below(const struct roots_object *o, const char *name, uint64_t exit_addr,
		      int (*find)(struct code *, struct cfi_function *), struct cfi_function *ret)
{
	_cleanup_(code_done) struct code c = {};
	const struct symbol *s = exported(o, name);
	struct cfi_function f;
	int err;

	if (!s || !unwindinfo_function(o->unwind, s->addr, &f) || f.start != s->addr)
		return 0;
	err = code_init(&c, o, &f, exit_addr);
	return err ? err : find(&c, ret);
}

int libc_code_find(const struct roots_object *o, struct libc_code *ret)
{
	const struct symbol *exit_symbol = exported(o, "exit");
	struct libc_code code = {};
	int err;

	if (!exit_symbol || o->traits->has_symtab || o->traits->machine != EM_X86_64)
		return 0;
	err =
	    find_below(o, "__libc_start_main", exit_symbol->addr, find_call_main, &code.call_main);
	if (!err)
		err = find_below(o, "pthread_create", exit_symbol->addr, find_thread_below,
				 &code.thread);
	if (!err)
		*ret = code;
	return err;
}
