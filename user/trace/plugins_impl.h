/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of trace/plugins share. Nobody else includes this. */
#pragma once

#include <stdbool.h>

#include "data/report.h"
#include "lib/strpool.h"
#include "lib/table.h"
#include "sym/dyninfo.h"
#include "target/linkmap.h"
#include "trace/collect.h"
#include "trace/errornames.h"
#include "trace/plugins.h"

#define PLUGINS_MAX 4096

struct known_plugin {
	struct plugin p;   /* its strings are in plugins.strings */
	uint32_t file;     /* index into the object files, or OBJECT_NONE */
	const char *asked; /* the name by which it was asked for last, or NULL */
	bool nodelete;
	bool along;                      /* others need it, nobody asked for it: it is not probed */
	bool planned;                    /* its entries were looked for */
	uint32_t unplanned;              /* so many of them cannot be probed */
	uint32_t residents;              /* processes that have it, as often as they do */
	uint64_t probed_ns;              /* since when its entries are probed; 0: they are not */
	uint64_t mapped_ns, returned_ns; /* of the last load, for the gap before that */
};

/* An object in a process. */
struct resident {
	uint64_t link_map, bias;
	const char *name;  /* as the loader names it */
	uint32_t plugin;   /* REPORT_NONE: part of the program, or not chosen */
	uint64_t since_ns; /* when it was mapped */
	uint64_t call_ns;  /* begin of the call that brings it; 0: it is there for good */
	uint32_t tid;      /* whose call */
};

struct plugin_process {
	uint32_t pid;
	bool live;
	bool known;    /* what the program consists of is known */
	bool starting; /* its loader has not told yet what the program consists of */
	uint64_t begin_ns;
	uint32_t texts_version; /* of the mappings whose system libraries BPF knows */
	VEC(struct resident) residents;
	VEC(uint32_t) plugins; /* that it ever had */
	/* What was told ahead of a call's record. */
	VEC(struct resident) told;
};

struct raw_plugin_event {
	struct plugin_event e;
	uint64_t stack_id;
};

struct plugins {
	struct plugins_options opt;
	uint64_t begin_ns;
	struct strpool strings;
	VEC(struct known_plugin) all;
	struct table by_identity, by_name;
	VEC(struct plugin_process) processes;
	struct table process_index;  /* by PID */
	VEC(struct dyninfo) objects; /* by object file */
	VEC(uint8_t) objects_read;
	VEC(struct raw_plugin_event) events; /* a ring once it is full */
	size_t first_event;
	uint64_t dropped, lost;
	bool ended;
	bool probing;            /* entries are probed on this kernel */
	bool changed;            /* plugins came or went since the session looked */
	size_t looked_ahead;     /* object files of which the plan knows the hazards */
	uint64_t last_seq;       /* of what was mapped */
	const struct plan *plan; /* names of entries; NULL: none */
	struct error_names errors;
	struct bpf_map *error_names_map; /* NULL: there is none yet */
};

/* plugins.c */
struct plugin_process *plugin_process(struct plugins *p, uint32_t pid, bool make);
/* An object is there. 0 or -ENOMEM, which is counted. */
int plugin_enters(struct plugins *p, struct plugin_process *pp, const struct resident *r);
/* It goes: adds to its time. */
void plugin_leaves(struct plugins *p, struct plugin_process *pp, size_t resident, uint64_t now_ns);
uint64_t plugin_time(const struct plugins *p, uint64_t time_ns);
void plugin_event_add(struct plugins *p, const struct plugin_event *e, uint64_t stack_id);
/* How long its last load was without probes, if it returned before they were there; else 0. */
uint64_t plugin_gap(const struct known_plugin *k);
/* The last load of a plugin was followed by a time without probes. */
void plugin_event_gap(struct plugins *p, uint32_t plugin, uint64_t gap_ns);

/* plugin_calls.c: a record PB_PLUGIN_CRASH or PB_PLUGIN_CALL; false: it is broken. */
bool plugin_call_record(struct plugins *p, const void *data, size_t size);

/* plugin_objects.c: which object is which. */
/* What the loader would know of a file; read anew if `again`. NULL: nothing. */
const struct dyninfo *plugin_dyninfo(struct plugins *p, struct collect *c, uint32_t file,
				     bool again);
/* The plugin of an object, entered when new; REPORT_NONE: it is not chosen, or there is no room. */
uint32_t plugin_of(struct plugins *p, struct collect *c, struct process *proc, uint64_t bias,
		   const char *name, uint64_t time_ns);
/* The plugin that could not be loaded, by the name that was asked for; entered when new. */
uint32_t plugin_failed(struct plugins *p, const char *asked, uint64_t time_ns);
/* Takes stock of a process that was there before. except: a link map to leave out, or 0. */
void plugin_take_stock(struct plugins *p, struct collect *c, struct plugin_process *pp,
		       uint64_t except, uint64_t now_ns);
