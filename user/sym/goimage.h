/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the data of a Go program by address, pointers as they will be after relocation, and finds
 * what only its first bytes tell of. Everything is hostile.
 */
#pragma once

#include "lib/vec.h"
#include "sym/elf.h"

/* What the dynamic loader writes: value (plus the load address) to addr. */
struct go_relocation {
	uint64_t addr, value;
};

struct go_image {
	const struct elf_file *file;
	VEC(struct go_relocation) relocations; /* sorted */
};

/* 0 or -ENOMEM; the file must outlive the image. */
int go_image_init(struct go_image *im, const struct elf_file *f);
void go_image_done(struct go_image *im);

/* Reads n bytes at an address; false: not all are in the file. */
bool go_image_read(const struct go_image *im, uint64_t addr, void *buf, size_t n);
/* Writes what relocations say into n bytes that were read at an address: linkers may leave 0. */
void go_image_relocate(const struct go_image *im, uint64_t addr, uint8_t *buf, size_t n);
/* The pointer at an address, relocated; false: it is not in the file. */
bool go_image_pointer(const struct go_image *im, uint64_t addr, uint64_t *ret);

/* Words that begin what is looked for, and a look at what follows one. */
struct go_search {
	uint64_t words[3];
	uint32_t n, align; /* align: of the address, a multiple of 8 */
	bool (*accept)(const struct go_image *im, uint64_t addr, void *arg);
	void *arg;
};

/* The address of the first place in data (not code) that is accepted; ELF_NONE: there is none. */
uint64_t go_image_find(const struct go_image *im, const struct go_search *search);
