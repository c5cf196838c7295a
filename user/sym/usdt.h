/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Static probes of an ELF file, as its .note.stapsdt lists them: where each site lies, which
 * counter arms it, and where its arguments are to be found. x86-64 only. The file is hostile:
 * a site that is no `nop` of its code is left out, because a probe on it could break a program.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"

#define USDT_ARGS_MAX 12 /* what <sys/sdt.h> offers */

/* A register: its index among the 64-bit words of x86-64's struct pt_regs. */
enum usdt_reg {
	USDT_R15,
	USDT_R14,
	USDT_R13,
	USDT_R12,
	USDT_RBP,
	USDT_RBX,
	USDT_R11,
	USDT_R10,
	USDT_R9,
	USDT_R8,
	USDT_RAX,
	USDT_RCX,
	USDT_RDX,
	USDT_RSI,
	USDT_RDI,
	USDT_RIP = 16,
	USDT_RSP = 19,
	USDT_NONE = 255,
};

enum usdt_arg_kind {
	USDT_OTHER, /* not to be had: relative to a symbol, floating point, a high byte, … */
	USDT_CONST,
	USDT_REG,
	USDT_MEM, /* at reg + index * scale + value */
};

struct usdt_arg {
	uint8_t kind;  /* enum usdt_arg_kind */
	int8_t size;   /* bytes: 1, 2, 4, 8, negative for a signed value; of USDT_OTHER also 0 */
	uint8_t scale; /* 1, 2, 4, 8; 0: without index */
	uint8_t reg;   /* of USDT_REG and USDT_MEM, else USDT_NONE; USDT_MEM may lack it */
	uint8_t index; /* USDT_NONE: without */
	int64_t value; /* the constant, or the displacement */
};

/* One site; several may have the same provider and name. */
struct usdt_probe {
	const char *provider, *name; /* valid as long as the probes */
	uint64_t addr;               /* ELF virtual address of the nop */
	uint64_t offset;             /* its file offset */
	uint64_t semaphore; /* file offset of its counter (ref_ctr_offset of a uprobe); 0: none */
	bool nop5;          /* a nop of five bytes, not of one */
	uint8_t nargs;
	struct usdt_arg args[USDT_ARGS_MAX];
};

typedef VEC(struct usdt_probe) usdt_probe_vec;

struct usdt_probes {
	usdt_probe_vec sites; /* in the order of the file */
	char *names;          /* what the sites' strings point into */
};

/*
 * 0 also when there are none, -ENOEXEC (no ELF file, or a damaged one), -ENOTSUP (not x86-64),
 * -ENOMEM, … ret is set on success only; usdt_done() releases it. fd stays the caller's.
 */
int usdt_read(int fd, struct usdt_probes *ret);
void usdt_done(struct usdt_probes *p);

/*
 * Parses a site's argument string, "-4@%edi 8@-16(%rbp)": how many there are, at most
 * USDT_ARGS_MAX. What it does not understand is USDT_OTHER.
 */
uint8_t usdt_args_parse(const char *text, struct usdt_arg args[static USDT_ARGS_MAX]);
