/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds the file to which dwz has moved what several debug files have in common. */
#pragma once

#include "sym/elf.h"

/*
 * Opens the file that .gnu_debugaltlink of a debug file names, if its build ID is the one asked
 * for. An absolute name is looked for below `root` ("" or a prefix), then as it is. An fd, or
 * -ENOENT.
 */
int altfile_open(const struct elf_file *debug, const char *root);
