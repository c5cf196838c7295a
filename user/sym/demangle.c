/* SPDX-License-Identifier: GPL-2.0-only */
/* Readable names of C++, Rust and D symbols, by libiberty. */
#include "sym/demangle.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libiberty/demangle.h>

#include "lib/buf.h"

#define INPUT_MAX  4096  /* longer ones are hostile, or of use to nobody */
#define OUTPUT_MAX 65536 /* back references let short names stand for ones without end */
#define D_REFS_MAX 16    /* in D; each may double the length, and the output has no bound */

/* Without DMGL_VERBOSE Rust's hash is left out. Recursion stays limited by default. */
#define OPTIONS (DMGL_PARAMS | DMGL_ANSI)

typedef int (*demangler)(const char *name, int options, demangle_callbackref fn, void *arg);

struct output {
	struct buf text;
	jmp_buf too_long;
};

/* The demanglers cannot be told to stop, but all that they hold lies on the stack. */
static void collect(const char *s, size_t len, void *arg)
{
	struct output *o = arg;

	if (len > OUTPUT_MAX - o->text.len)
		longjmp(o->too_long, 1);
	buf_add(&o->text, s, len);
}

static bool run(demangler fn, const char *name, int options, struct output *o)
{
	if (setjmp(o->too_long))
		return false;
	return fn(name, options, collect, o);
}

static char *demangle_by(demangler fn, const char *name, int options)
{
	struct output o = {};

	if (run(fn, name, options, &o) && !o.text.err && o.text.len)
		return o.text.data;
	buf_done(&o.text);
	return NULL;
}

/*
 * "return scope" of a parameter is NkM today and was MNk; libiberty knows the latter only. An
 * identifier with these letters would be changed, too: then there is no name.
 */
static char *demangle_d_scope(const char *name)
{
	char other[INPUT_MAX], *text;
	bool changed = false;

	snprintf(other, sizeof(other), "%s", name);
	for (char *p = other; (p = strstr(p, "NkM")); p += 3) {
		memcpy(p, "MNk", 3);
		changed = true;
	}
	text = changed ? cplus_demangle(other, OPTIONS | DMGL_DLANG) : NULL;
	if (!text || !strstr(text, "MNk"))
		return text;
	free(text);
	return NULL;
}

static char *demangle_d(const char *name)
{
	size_t refs = 0;
	char *text;

	for (const char *p = name; *p; p++)
		refs += *p == 'Q';
	if (refs > D_REFS_MAX)
		return NULL;
	text = cplus_demangle(name, OPTIONS | DMGL_DLANG);
	return text ? text : demangle_d_scope(name);
}

static char *demangle_plain(const char *name)
{
	char *text = NULL;

	if (!strncmp(name, "_D", 2))
		return demangle_d(name);
	/* Rust first: its older names look like C++. */
	if (!strncmp(name, "_R", 2) || !strncmp(name, "_Z", 2))
		text = demangle_by(rust_demangle_callback, name, OPTIONS);
	if (!text && !strncmp(name, "_Z", 2))
		text = demangle_by(cplus_demangle_v3_callback, name, OPTIONS);
	return text;
}

/* Where the parts that a compiler made of a function begin (".cold"), or NULL. */
static const char *clones_of(const char *name)
{
	const char *hash;

	/* In C++ libiberty knows them; Rust's older names may have dots in the midst. */
	if (name[1] != 'Z')
		return strchr(name, '.');
	hash = strstr(name, "E.");
	while (hash && (hash - name < 19 || strncmp(hash - 19, "17h", 3) != 0))
		hash = strstr(hash + 1, "E.");
	return hash ? hash + 1 : NULL;
}

/* ".part.0.cold" is " [clone .part.0] [clone .cold]". LLVM's numbers say nothing to a reader. */
static void add_clones(struct buf *b, const char *clones)
{
	while (*clones == '.') {
		size_t len = 1 + strcspn(clones + 1, ".");

		while (clones[len] == '.' && isdigit((unsigned char)clones[len + 1]))
			len += 1 + strcspn(clones + len + 1, ".");
		if (strncmp(clones, ".llvm.", 6) != 0) {
			buf_add_str(b, " [clone ");
			buf_add(b, clones, len);
			buf_add_char(b, ']');
		}
		clones += len;
	}
}

/* A name without what tools append to it, and that in readable form. */
static char *demangle_parts(char *name, const char *plt)
{
	const char *clones = clones_of(name), *llvm = strstr(name, ".llvm.");
	struct buf b = {};
	char *text;

	if (clones)
		add_clones(&b, clones);
	buf_add_str(&b, plt);
	if (clones || llvm)
		name[(clones ? clones : llvm) - name] = '\0';
	text = demangle_plain(name);
	if (text && b.len && !b.err) {
		char *whole = realloc(text, strlen(text) + b.len + 1);

		if (!whole)
			free(text);
		text = whole ? strcat(whole, b.data) : NULL;
	}
	buf_done(&b);
	return text;
}

char *demangle(const char *name)
{
	static const char plt[] = "@plt";
	char mangled[INPUT_MAX];
	size_t len = strnlen(name, INPUT_MAX), n = sizeof(plt) - 1;
	bool is_stub;

	if (len == INPUT_MAX || name[0] != '_' || !name[1] || !strchr("ZRD", name[1]))
		return NULL;
	is_stub = len > n && !strcmp(name + len - n, plt);
	if (is_stub)
		len -= n;
	memcpy(mangled, name, len);
	mangled[len] = '\0';
	return demangle_parts(mangled, is_stub ? plt : "");
}

char *demangle_type(const char *name)
{
	/* The compiler's mark on types that only one file of the program knows. */
	if (*name == '*')
		name++;
	if (!*name || *name == '_' || strnlen(name, INPUT_MAX) == INPUT_MAX)
		return NULL;
	return demangle_by(cplus_demangle_v3_callback, name, OPTIONS | DMGL_TYPES);
}
