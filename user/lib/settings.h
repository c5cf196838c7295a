/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was set, where: the text of every option that the command line, the environment, a file
 * and the presets of the table give, before any of it takes effect. What takes effect and what
 * `pathbpf config` shows are the same text.
 *
 * A layer overrules those below it: option by option, and what an option contradicts
 * (opt.overrules). Within a layer the rules are those of the command line.
 */
#pragma once

#include <stdbool.h>

#include "lib/opt.h"
#include "lib/vec.h"

struct buf;

#define SETTINGS_MAX 10000

enum setting_layer { SETTING_PRESET, SETTING_FILE, SETTING_VARIABLE, SETTING_FLAG };

struct setting {
	const struct opt *opt;
	const char *value; /* NULL: of a switch */
	unsigned count;    /* of a switch: 0 for "no", 1, or more for one that counts; else 1 */
	unsigned line;     /* in the file */
	enum setting_layer layer;
	bool overruled; /* by a higher layer; a switch also by itself, later in its layer */
};

struct settings {
	VEC(struct setting) list; /* by layer from settings_apply() on */
	VEC(char *) texts;        /* owned: values point into these, into argv and environment */
	const char *file;         /* that was read, one of `texts`; NULL: none */
	const char *stranger;     /* the first PATHBPF_* variable that is none of ours, or NULL */
	unsigned strangers;
};

void settings_done(struct settings *s);

/* Hands over a text on the heap, to live as long; NULL when out of memory (the text is freed). */
char *settings_keep(struct settings *s, char *text);

/*
 * These return -1 to go on, or the exit status after they have reported what is wrong and where
 * it stands.
 */

/* Adds what a layer gives; NULL is a switch without a value. The text must live as long. */
int settings_add(struct settings *s, const struct opt *opt, enum setting_layer layer, unsigned line,
		 const char *value);
/* The same for a text on the heap, which is taken over; values of a list stand between ';'. */
int settings_add_text(struct settings *s, const struct opt *opt, enum setting_layer layer,
		      char *text);
/* The lowest layer: what the table says. */
int settings_add_presets(struct settings *s, const struct opt_usage *u);

/* Takes out the flags of this name: the last one's value, or NULL when there was none. */
const char *settings_take_flag(struct settings *s, const char *name);
/* Overrules what lies below the command line of options with these names (between blanks). */
void settings_overrule(struct settings *s, const char *names);
/* Decides which settings count and calls their setters, from the lowest layer to the highest. */
int settings_apply(struct settings *s, void *ctx, const char *why);
/* Calls one setter, whatever counts. */
int setting_apply(const struct settings *s, const struct setting *one, void *ctx, const char *why);

/*
 * Walks over the settings that an option has in effect, from NULL: one at most, or as many as a
 * list has. For a switch that counts, see settings_count().
 */
const struct setting *settings_next(const struct settings *s, const struct opt *opt,
				    const struct setting *after);
/* How often a switch was given. */
unsigned settings_count(const struct settings *s, const struct opt *opt);

/* The highest layer that has this option in effect, or -1. */
int settings_layer(const struct settings *s, const char *name);

/* Appends "flag", "environment PATHBPF_NAME", "file PATH:LINE" or "default". */
void setting_origin(struct buf *b, const struct settings *s, const struct setting *one);
/*
 * Appends " (NAME: ORIGIN; NAME: ORIGIN)" of what is in effect of the options with these names;
 * nothing when all of it are flags. Four at most are told.
 */
void settings_origins(struct buf *b, const struct settings *s, const char *names);
/* "PATHBPF_NAME", an option's variable. */
void setting_variable(struct buf *b, const struct opt *opt);
