/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the entry of an object's function is probed: trace/entrysite.h, fed from its file. */
#pragma once

#include "sym/symbols.h"
#include "trace/entrysite.h"

/*
 * Finds the site for a function of a trustworthy size (sym->size), in the object open as fd. 0,
 * -ENOMEM, or -ENOTSUP with a phrase in `why` (static): nothing there may be probed.
 */
int entry_find(int fd, const struct symbols *symbols, const struct symbol *sym,
	       const struct entry_wants *wants, struct entry_site *ret, const char **why);
