/* SPDX-License-Identifier: GPL-2.0-only */
/* What kind of code an object holds. */
#include "sym/traits.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lib/cleanup.h"

#define COMMENT_MAX 65536
#define DYNAMIC_MAX 65536 /* entries */

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(name, *list))
			return true;
	return false;
}

/* Calls fn for each entry of the dynamic section; text is "" for those that name nothing. */
static void each_dynamic(const struct elf_file *f,
			 void (*fn)(const GElf_Dyn *d, const char *text, void *arg), void *arg)
{
	const struct elf_section *s = elf_section_typed(f, SHT_DYNAMIC);
	Elf_Data *data = elf_section_data(s);
	struct elf_strings strings;
	GElf_Dyn d;

	if (!data)
		return;
	strings = elf_strings_of(f, s->header.sh_link);
	for (int i = 0; i < DYNAMIC_MAX && gelf_getdyn(data, i, &d) && d.d_tag != DT_NULL; i++) {
		const char *text = NULL;

		if (d.d_tag == DT_NEEDED || d.d_tag == DT_SONAME)
			text = elf_string(&strings, d.d_un.d_val);
		fn(&d, text ? text : "", arg);
	}
}

static void see_dynamic(const GElf_Dyn *d, const char *text, void *arg)
{
	struct traits_context *ctx = arg;

	if (d->d_tag == DT_NEEDED &&
	    (starts_with(text, "libstdc++.so") || starts_with(text, "libc++.so")))
		ctx->traits->needs_cxx = true;
	if (d->d_tag == DT_SONAME && !strcmp(text, "libc.so.6"))
		ctx->is_libc = true;
}

static void see_entry(const GElf_Dyn *d, const char *text, void *arg)
{
	bool *has_entry = arg;

	if (d->d_tag == DT_FLAGS_1 && d->d_un.d_val & DF_1_PIE)
		*has_entry = true;
	if (d->d_tag == DT_SONAME && (starts_with(text, "ld-") || starts_with(text, "ld.so")))
		*has_entry = true;
}

/*
 * Older linkers gave every shared library an entry point, the beginning of .text, where any
 * function may lie.
 */
bool traits_has_entry(const struct elf_file *f)
{
	bool has_entry = f->ehdr.e_type == ET_EXEC;
	GElf_Phdr p;

	if (!f->ehdr.e_entry)
		return false;
	if (elf_segment_typed(f, PT_INTERP, &p))
		return true;
	each_dynamic(f, see_entry, &has_entry);
	return has_entry;
}

static int read_interp(const struct elf_file *f, char **ret)
{
	char path[PATH_MAX];
	GElf_Phdr p;
	ssize_t n;

	if (!elf_segment_typed(f, PT_INTERP, &p))
		return 0;
	n = elf_read_at(f->fd, path, p.p_filesz < sizeof(path) ? p.p_filesz : sizeof(path),
			p.p_offset);
	if (n <= 0 || !memchr(path, '\0', (size_t)n) || !*path)
		return 0;
	*ret = strdup(path);
	return *ret ? 0 : -ENOMEM;
}

/* Compilers sign their work in .comment. */
static bool has_comment(const struct elf_file *f, const char *text)
{
	const struct elf_section *s = elf_section_named(f, ".comment");
	const Elf_Data *d = s && s->header.sh_size <= COMMENT_MAX ? elf_section_data(s) : NULL;

	return d && memmem(d->d_buf, d->d_size, text, strlen(text));
}

int traits_read(const struct elf_file *f, struct traits_context *ctx, char **ret_interp)
{
	struct elf_traits *t = ctx->traits;

	t->machine = f->ehdr.e_machine;
	t->type = f->ehdr.e_type;
	t->is_64 = f->ehdr.e_ident[EI_CLASS] == ELFCLASS64;
	t->build_id_len = elf_build_id(f, t->build_id, sizeof(t->build_id));
	t->is_go =
	    elf_section_named(f, ".gopclntab") || elf_section_named(f, ".data.rel.ro.gopclntab") ||
	    elf_section_named(f, ".go.buildinfo") || elf_section_named(f, ".note.go.buildid");
	t->is_rust = has_comment(f, "rustc version");
	t->entry_offset = f->ehdr.e_entry ? elf_offset_of(&f->segments, f->ehdr.e_entry) : ELF_NONE;
	each_dynamic(f, see_dynamic, ctx);
	return read_interp(f, ret_interp);
}

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !memcmp(s + n - m, suffix, m);
}

/* Functions that make or switch stacks: of the C library, Boost and its copies, libco, Ruby. */
static bool is_fiber(const char *name)
{
	static const char *const names[] = { "makecontext",        "swapcontext",
					     "co_switch",          "co_create",
					     "coro_transfer",      "coctx_swap",
					     "coroutine_transfer", NULL };

	return is_one_of(name, names) || ends_with(name, "_fcontext");
}

static bool is_rust(const char *name)
{
	static const char *const names[] = { "rust_eh_personality",
					     "rust_panic",
					     "rust_begin_unwind",
					     "__rust_alloc",
					     "__rust_dealloc",
					     "__rust_realloc",
					     NULL };

	return is_one_of(name, names);
}

static bool is_personality(const char *name)
{
	/* C, C++, Objective-C, D, Ada … : what follows the double underscore is the language's. */
	return strstr(name, "_personality_v0") || strstr(name, "_eh_personality");
}

void traits_see(const char *name, bool defined, void *arg)
{
	struct traits_context *ctx = arg;
	struct elf_traits *t = ctx->traits;

	if (defined && !strcmp(name, "_Unwind_RaiseException"))
		t->has_unwinder = true;
	if (!strcmp(name, "__cxa_begin_catch"))
		t->catches = true;
	if (is_personality(name))
		t->cleans_up = true;
	if (!ctx->is_libc && (!strcmp(name, "pthread_cancel") || !strcmp(name, "pthread_exit")))
		t->forces_unwinding = true;
	if (!defined &&
	    (starts_with(name, "ASYNC_") || (starts_with(name, "SSL_") && strstr(name, "async"))))
		t->uses_async_jobs = true;
	if (is_rust(name))
		t->is_rust = true;
	if (!ctx->is_libc && !strcmp(name, "sigaltstack"))
		t->uses_signal_stacks = true;
	/* The C library only offers these; that it is there says nothing of their use. */
	if (!ctx->is_libc && is_fiber(name))
		t->uses_fibers = true;
}
