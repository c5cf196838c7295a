/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stacks merged into one tree, the shape that flame graphs draw: a node is a chain of frames
 * from the process name inwards, with what was measured at it and below it.
 *
 * Frames that differ only in their address are one place to a reader, so the tree is made of
 * sites: a function of an object, an unnamed address, or a process name.
 */
#pragma once

#include <stdint.h>

#include "data/report.h"

#define FLAME_NONE UINT32_MAX

struct flame_site {
	const char *comm;               /* a process name; NULL: code, and the rest is set */
	uint32_t frame;                 /* one of the report's frames at this site */
	uint32_t line_first, line_last; /* of its source lines that were seen; 0: none known */
};

struct flame_sites {
	VEC(struct flame_site) v;
	struct table index;
	uint32_t *of_frame; /* owned: site of a report frame, or FLAME_NONE while not asked for */
	size_t n_frames;
};

enum flame_kind { FLAME_CPU, FLAME_OFFCPU };

/* Columns of values: on-CPU samples fill the first; off-CPU time is split by enum offcpu_why. */
#define FLAME_COLUMNS 2

struct flame_node {
	uint32_t parent, site; /* FLAME_NONE at the root, node 0, which stands for everything */
	uint32_t depth;        /* 0 at the root, 1 for process names */
	uint32_t child, next;  /* first child and next sibling, or FLAME_NONE; widest first */
	uint64_t self[FLAME_COLUMNS], total[FLAME_COLUMNS]; /* samples, or ns off CPU */
};

struct flame {
	VEC(struct flame_node) nodes; /* a parent stands before its children */
	struct table index;
	uint32_t depth; /* of the deepest node */
};

/* Merges one kind of stacks; sites may be shared between several trees. 0 or -ENOMEM. */
int flame_build(const struct report *r, enum flame_kind kind, struct flame_sites *sites,
		struct flame *ret);
void flame_done(struct flame *f);
void flame_sites_done(struct flame_sites *s);

/* All columns of a node's total. */
uint64_t flame_total(const struct flame_node *n);
/* What a reader calls a site; cleaned of bytes that are not text. */
void flame_label(struct buf *b, const struct report *r, const struct flame_site *s);
/* "redis-server (1234)", "nginx (5 processes), php-fpm (77)": whom the report is about. */
void flame_title(struct buf *b, const struct report *r);
