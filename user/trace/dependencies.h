/* SPDX-License-Identifier: GPL-2.0-only */
/* The shared objects that a program will have mapped when it runs, before it does. */
#pragma once

struct object_files;

/*
 * Enters what the loader `interp` would map for `program`, by its own word: `LD.SO --list PROGRAM`
 * loads and relocates, but runs nothing of the program. 0 or a negative errno.
 */
int dependencies_add(struct object_files *objects, const char *interp, const char *program);
