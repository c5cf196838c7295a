/* SPDX-License-Identifier: GPL-2.0-only */
/* Readable names of C++, Rust and D symbols, by libiberty. */
#include "sym/demangle.h"

#include <setjmp.h>
#include <stdbool.h>
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

static char *demangle_d(const char *name)
{
	size_t refs = 0;

	for (const char *p = name; *p; p++)
		refs += *p == 'Q';
	return refs <= D_REFS_MAX ? cplus_demangle(name, OPTIONS | DMGL_DLANG) : NULL;
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

/* Ends that tools add to a mangled name: "@plt" stays, LLVM's numbers say nothing to a reader. */
static size_t mangled_len(const char *name, const char **ret_end)
{
	static const char plt[] = "@plt";
	const char *llvm = strstr(name, ".llvm.");
	size_t len = strlen(name), n = sizeof(plt) - 1;

	*ret_end = "";
	if (len > n && !strcmp(name + len - n, plt)) {
		*ret_end = plt;
		len -= n;
	}
	return llvm && (size_t)(llvm - name) < len ? (size_t)(llvm - name) : len;
}

char *demangle(const char *name)
{
	char mangled[INPUT_MAX], *text, *whole;
	const char *end;
	size_t len;

	if (name[0] != '_' || !name[1] || !strchr("ZRD", name[1]) ||
	    strnlen(name, INPUT_MAX) == INPUT_MAX)
		return NULL;
	len = mangled_len(name, &end);
	memcpy(mangled, name, len);
	mangled[len] = '\0';
	text = demangle_plain(mangled);
	if (!text || !*end)
		return text;
	whole = realloc(text, strlen(text) + strlen(end) + 1);
	if (!whole) {
		free(text);
		return NULL;
	}
	return strcat(whole, end);
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
