/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arguments of a static probe: "SIZE@OPERAND", separated by blanks, where OPERAND is what a
 * compiler wrote for the assembler (AT&T syntax): %reg, $constant, disp(%base,%index,scale).
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sym/usdt.h"

#define WIDTHS 4 /* of a register: 64, 32, 16 and 8 bits */

static const struct {
	const char *names[WIDTHS];
	uint8_t reg;
} registers[] = {
	{ { "rax", "eax", "ax", "al" }, USDT_RAX },
	{ { "rbx", "ebx", "bx", "bl" }, USDT_RBX },
	{ { "rcx", "ecx", "cx", "cl" }, USDT_RCX },
	{ { "rdx", "edx", "dx", "dl" }, USDT_RDX },
	{ { "rsi", "esi", "si", "sil" }, USDT_RSI },
	{ { "rdi", "edi", "di", "dil" }, USDT_RDI },
	{ { "rbp", "ebp", "bp", "bpl" }, USDT_RBP },
	{ { "rsp", "esp", "sp", "spl" }, USDT_RSP },
	{ { "r8", "r8d", "r8w", "r8b" }, USDT_R8 },
	{ { "r9", "r9d", "r9w", "r9b" }, USDT_R9 },
	{ { "r10", "r10d", "r10w", "r10b" }, USDT_R10 },
	{ { "r11", "r11d", "r11w", "r11b" }, USDT_R11 },
	{ { "r12", "r12d", "r12w", "r12b" }, USDT_R12 },
	{ { "r13", "r13d", "r13w", "r13b" }, USDT_R13 },
	{ { "r14", "r14d", "r14w", "r14b" }, USDT_R14 },
	{ { "r15", "r15d", "r15w", "r15b" }, USDT_R15 },
};

/* What is left of one argument. */
struct text {
	const char *p, *end;
};

static bool take(struct text *t, char c)
{
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

static bool at_digit(const struct text *t)
{
	return t->p < t->end && *t->p >= '0' && *t->p <= '9';
}

/* An unsigned number as the assembler reads it, of 64 bits at most. */
static bool take_number(struct text *t, uint64_t *ret)
{
	char *end;

	if (!at_digit(t))
		return false;
	errno = 0;
	*ret = strtoull(t->p, &end, 0);
	if (errno || end > t->end)
		return false;
	t->p = end;
	return true;
}

/* "%reg" of one of the first `widths` widths, or USDT_NONE. */
static uint8_t take_register(struct text *t, int widths)
{
	size_t len = 0;
	const char *name = t->p + 1;

	if (!take(t, '%'))
		return USDT_NONE;
	while (t->p < t->end && ((*t->p >= 'a' && *t->p <= 'z') || at_digit(t))) {
		t->p++;
		len++;
	}
	for (size_t i = 0; i < sizeof(registers) / sizeof(*registers); i++)
		for (int w = 0; w < widths; w++)
			if (strlen(registers[i].names[w]) == len &&
			    !memcmp(registers[i].names[w], name, len))
				return registers[i].reg;
	return USDT_NONE;
}

static bool parse_constant(struct text *t, struct usdt_arg *arg)
{
	bool negative = take(t, '-');
	uint64_t value;

	if (!take_number(t, &value))
		return false;
	arg->kind = USDT_CONST;
	arg->value = (int64_t)(negative ? -value : value);
	return true;
}

/* A sum such as "-16+8", as compilers write it for a part of a larger variable. */
static bool parse_displacement(struct text *t, int64_t *ret)
{
	int64_t sum = 0;
	uint64_t n;
	bool negative;

	for (bool first = true; t->p < t->end && *t->p != '('; first = false) {
		bool plus = take(t, '+');

		negative = take(t, '-');
		if ((!first && !plus && !negative) || !take_number(t, &n) || n > INT32_MAX + 1ull)
			return false;
		sum += negative ? -(int64_t)n : (int64_t)n;
		if (sum < INT32_MIN || sum > INT32_MAX)
			return false;
	}
	*ret = sum;
	return true;
}

/* ",%index,scale" up to the closing bracket. */
static bool parse_index(struct text *t, struct usdt_arg *arg)
{
	uint64_t scale = 1;

	arg->index = take_register(t, 1);
	if (arg->index == USDT_NONE || arg->index == USDT_RSP)
		return false;
	if (take(t, ',') && (!take_number(t, &scale) || scale > 8 || !scale || scale & (scale - 1)))
		return false;
	arg->scale = (uint8_t)scale;
	return true;
}

static bool parse_memory(struct text *t, struct usdt_arg *arg)
{
	arg->kind = USDT_MEM;
	if (t->p == t->end || !parse_displacement(t, &arg->value))
		return false;
	if (!take(t, '('))
		return true; /* an absolute address */
	if (t->p < t->end && *t->p == '%') {
		/* Relative to rip needs the symbol's value, which these strings leave out. */
		arg->reg = take_register(t, 1);
		if (arg->reg == USDT_NONE)
			return false;
	}
	if (take(t, ',') && !parse_index(t, arg))
		return false;
	return take(t, ')') && (arg->reg != USDT_NONE || arg->index != USDT_NONE);
}

static bool parse_operand(struct text *t, struct usdt_arg *arg)
{
	if (take(t, '$'))
		return parse_constant(t, arg);
	if (t->p == t->end || *t->p != '%')
		return parse_memory(t, arg);
	arg->kind = USDT_REG;
	arg->reg = take_register(t, WIDTHS);
	return arg->reg != USDT_NONE;
}

/* "-4@"; a letter behind the size ("8f@") tells of a value that is no integer. */
static bool parse_size(struct text *t, int8_t *ret)
{
	bool negative = take(t, '-');
	uint64_t n;

	if (!take_number(t, &n) || n > 8 || !n || n & (n - 1))
		return false;
	*ret = (int8_t)(negative ? -(int)n : (int)n);
	return take(t, '@');
}

static struct usdt_arg parse_arg(struct text t)
{
	struct usdt_arg arg = { .reg = USDT_NONE, .index = USDT_NONE };

	if (!parse_size(&t, &arg.size) || !parse_operand(&t, &arg) || t.p != t.end)
		return (struct usdt_arg){ .size = arg.size, .reg = USDT_NONE, .index = USDT_NONE };
	return arg;
}

uint8_t usdt_args_parse(const char *text, struct usdt_arg args[static USDT_ARGS_MAX])
{
	uint8_t n = 0;

	for (;;) {
		struct text t;
		int depth = 0;

		text += strspn(text, " ");
		if (!*text || n == USDT_ARGS_MAX)
			return n;
		t.p = text;
		/* A blank within brackets separates nothing. */
		for (; *text && (*text != ' ' || depth > 0); text++)
			depth += (*text == '(') - (*text == ')');
		t.end = text;
		args[n++] = parse_arg(t);
	}
}
