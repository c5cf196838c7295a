/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects that tests compile: known source, what a real toolchain makes of it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct compiled {
	int fd;
	char path[64];
	struct symbols *symbols;
};

/*
 * Feeds a source to a compiler, which is to write an object: "gcc -g -shared -fPIC -x c -". A
 * compiler that is not installed skips the test, one that fails fails it.
 */
void compiled_open(struct compiled *c, const char *command, const char *source);
void compiled_done(struct compiled *c);
/* The address of a function, which must be there. */
uint64_t compiled_addr(const struct compiled *c, const char *function);
/* Opens a changed copy, without a name, of the object's bytes; the caller closes it. */
int compiled_copy(const struct compiled *c, void (*change)(uint8_t *bytes, size_t n, void *arg),
		  void *arg);
