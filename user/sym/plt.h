/* SPDX-License-Identifier: GPL-2.0-only */
/* Names for the stubs by which an object calls others: "FUNCTION@plt". x86-64 only. */
#pragma once

#include "sym/symtab.h"

/* An empty table when there are no stubs; 0 or -ENOMEM. */
int plt_read(const struct elf_file *f, struct symtab *ret);
