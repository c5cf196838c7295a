/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The dynamic loader's list of objects in another process, read from its memory while it runs on:
 * what is read may be wrong or change meanwhile, so that all of it is bounded. The way there:
 * /proc/PID/auxv tells the program headers, PT_DYNAMIC's DT_DEBUG the struct r_debug (glibc's
 * <link.h>, musl's the same), which begins the list; glibc 2.35 and later chain further namespaces.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"

struct linked_object {
	uint64_t link_map; /* address of its struct link_map: what dlopen() returns */
	uint64_t bias;     /* l_addr: addresses in memory minus those in the file */
	char *name;        /* owned; as the loader names it: "" for the executable */
	uint32_t ns;       /* namespace: 0 the program's own, then those of dlmopen() */
};

typedef VEC(struct linked_object) linked_vec;

#define LINKMAP_MAX 4096 /* objects of a process; further ones are left out */

/*
 * The objects of a process, in the loader's order, appended. 0, -ENOENT (it has no dynamic loader,
 * or that has not begun), -ESRCH, -EPERM, -EFAULT, -EINVAL (no 64-bit program), -ENOMEM; what was
 * appended before an error remains.
 */
int linkmap_read(uint32_t pid, linked_vec *ret);
void linkmap_done(linked_vec *v);
