/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes small ELF files for tests: 4 KiB of code at IMAGE_TEXT, read-only data with .eh_frame
 * behind it, symbol tables, a build ID, a debug link.
 */
#pragma once

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "sym/symbols.h"

#define IMAGE_TEXT        0x401000 /* address */
#define IMAGE_TEXT_OFFSET 0x1000   /* in the file */
#define IMAGE_TEXT_SIZE   0x1000
#define IMAGE_DATA        0x402000
#define IMAGE_AT(at)      (IMAGE_TEXT_OFFSET + (uint64_t)(at)) /* file offset in the code */

struct elf_image {
	uint64_t entry;     /* address */
	uint32_t text_size; /* of section .text; 0: IMAGE_TEXT_SIZE */
	struct buf text;    /* code from IMAGE_TEXT on; zeroes follow */
	struct buf symtab, dynsym, strings, eh_frame, build_id, debuglink, comment;
};

/* To .symtab, or with `dynamic` to .dynsym; an undefined symbol has section SHN_UNDEF. */
void elf_image_add_symbol(struct elf_image *im, int dynamic, const char *name, Elf64_Sym sym);
/* A function of .text in .symtab: `at` is relative to IMAGE_TEXT. */
void elf_image_add_function(struct elf_image *im, const char *name, uint64_t at, uint64_t size,
			    int bind);
/* An FDE for code at `at` relative to IMAGE_TEXT; the CIE says CFA = rsp + 8. */
void elf_image_add_fde(struct elf_image *im, uint64_t at, uint32_t size, const void *program,
		       size_t len);
void elf_image_set_build_id(struct elf_image *im, const void *id, uint32_t len);
void elf_image_set_debuglink(struct elf_image *im, const char *name, uint32_t crc);

void elf_image_write(struct elf_image *im, struct buf *out);
void elf_image_done(struct elf_image *im);

/* The symbols of an image, which is released, and of a file; failure fails the test. */
struct symbols *elf_image_open(struct elf_image *im);
struct symbols *elf_image_open_file(const char *path);
/* The last symbol of that name, or NULL. */
const struct symbol *elf_image_symbol(const struct symbols *s, const char *name);
