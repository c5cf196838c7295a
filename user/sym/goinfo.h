/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which Go made a program, and what of its runtime follows from that. The version is read from
 * the build information that every Go program carries, stripped or not.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sym/elf.h"

struct go_info {
	uint32_t version_major, version_minor;
	/*
	 * Where runtime.g, to which r14 points in Go's own code, holds the goroutine's ID (eight
	 * bytes); 0: not known. g.stack.hi, the end of its stack, is at 8 in all versions.
	 */
	uint32_t goid_offset;
	bool register_abi; /* arguments travel in registers, g in r14: not in assembly (ABI0) */
};

/* 0, -ENOENT (no build information, or none that can be read), -ENOMEM. */
int goinfo_read(const struct elf_file *f, struct go_info *ret);

/* The same of a file that may be anything: -ENOENT also of one that no Go has made. */
int goinfo_of_file(int fd, struct go_info *ret);

/* What follows from a version as runtime.Version() gives it, on x86-64; false: it is none. */
bool goinfo_of_version(const char *version, struct go_info *ret);
