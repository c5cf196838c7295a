/* SPDX-License-Identifier: GPL-2.0-only */
/* What an ELF object tells the dynamic loader: its own name, and the names of those it needs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"

struct dyninfo {
	char *soname;      /* owned; NULL: none */
	VEC(char *) names; /* owned; DT_NEEDED, in order */
	bool nodelete;     /* DF_1_NODELETE: it is never unloaded */
	bool dynamic;      /* it has a dynamic section */
	/* Its first executable segment: address, file offset, bytes. */
	uint64_t exec_addr, exec_offset, exec_size;
	char build_id[2 * 64 + 1]; /* hex; "": none */
};

#define DYNINFO_NAMES_MAX 512 /* names; further ones are left out */

/* 0, -ENOEXEC (no ELF file, or a damaged one) or -ENOMEM. fd stays the caller's. */
int dyninfo_read(int fd, struct dyninfo *ret);
void dyninfo_done(struct dyninfo *n);
