/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes on some functions of one object that come and go together: what is dear must be removable
 * at once, by whoever sees it first, without a look at the plan. So a group knows its places.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "trace/gate.h"
#include "trace/uprobe_link.h"

struct bpf_program;

/* The kinds of places that a node is probed at, each by a program; ends before beginnings. */
enum uprobe_part {
	PART_RETURN,  /* by return probe, */
	PART_SESSION, /* or entry and return as one */
	PART_SITES,
	PART_GO_SITES,
	PART_PLUGIN_SITES,
	PART_ENTRY,
	PART_GO_ENTRY,
	PART_PLUGIN_ENTRY,
	PART_POINT,
	PARTS
};

enum group_state {
	GROUP_CLOSED,  /* not attached */
	GROUP_OPEN,    /* attached */
	GROUP_CLOSING, /* its breakpoints are gone, and the kernel waits for who may be in them */
};

struct uprobe_group {
	uint32_t object; /* index into the object files */
	bool plugin;     /* entries of a plugin */
	bool windowed;   /* attached for moments only */
	bool cut;        /* removed by uprobes_cut() */
	bool drop;       /* not wanted any more: let go when it is closed */
	char *path;      /* owned: of the object */
	uint32_t *nodes; /* owned: nodes of the plan */
	uint32_t nodes_n;
	struct uprobe_places parts[PARTS]; /* owned arrays; their path is the group's */
	enum group_state state;
	struct gate_time opened; /* set by whoever opens it */
	struct uprobe_links links;
};

/* Room for so many places; 0 or -ENOMEM. */
int uprobe_places_alloc(struct uprobe_places *p, size_t room);
void uprobe_places_add(struct uprobe_places *p, uint64_t offset, uint64_t cookie,
		       uint64_t semaphore);
void uprobe_places_done(struct uprobe_places *p);

/* An empty group with room for n nodes; NULL: no memory. */
struct uprobe_group *uprobe_group_new(const char *path, uint32_t object, uint32_t n);
/* Closes it, too. */
void uprobe_group_free(struct uprobe_group *g);
DEFINE_CLEANUP(struct uprobe_group *, uprobe_group_free)

/*
 * Attaches all parts of a group, each by its program, ends before beginnings, so that no entry is
 * seen whose return is not. 0 or a negative errno: then nothing is attached.
 */
int uprobe_group_open(struct uprobe_group *g, struct bpf_program *const progs[PARTS]);
bool uprobe_group_has(const struct uprobe_group *g, uint32_t node);
