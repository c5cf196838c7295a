/* SPDX-License-Identifier: GPL-2.0-only */
/* A file that this process has mapped as code, and a plan with functions in it. */
#pragma once

#include "trace/objectfile.h"
#include "trace/plan.h"
#include "trace/process.h"

#define TEXT_PAGE  4096UL
#define TEXT_PAGES 4UL
#define TEXT_AT    TEXT_PAGE /* file offset of the first mapped byte */

struct mapped_text {
	uint8_t *at; /* of TEXT_PAGES pages, all bytes TEXT_BYTE */
	struct object_files objects;
	struct processes processes;
	struct plan plan;
};

#define TEXT_BYTE 0x90

void mapped_text_init(struct mapped_text *t);
void mapped_text_done(struct mapped_text *t);
/* A function at an offset of the mapping, `entry` bytes into which it is probed; returns its id. */
uint32_t mapped_text_function(struct mapped_text *t, uint64_t at, uint64_t size, uint64_t entry);
/* Writes to the text, which makes a private copy of the page. */
void mapped_text_write(struct mapped_text *t, uint64_t at, const void *bytes, size_t size);
void mapped_text_set(struct mapped_text *t, uint64_t at, uint8_t byte);
/* The next access brings the page from the file. */
void mapped_text_drop(struct mapped_text *t, uint64_t at);
/* Puts anonymous memory of the same contents in the place of a page. */
void mapped_text_move(struct mapped_text *t, uint64_t at);
/* Reads the mappings of the process anew. */
void mapped_text_read_maps(struct mapped_text *t);
