/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the symbols of one ELF object, and of its debug file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/cleanup.h"
#include "sym/debugfile.h"
#include "sym/elf.h"
#include "sym/gopclntab.h"
#include "sym/minidebug.h"
#include "sym/plt.h"
#include "sym/symbols_state.h"

#define CODE_MAX 256 /* executable sections that bound symbols without size */

/* An open debug file; file NULL: none. */
struct debug {
	int fd;
	struct elf_file *file;
};

DEFINE_CLEANUP(struct elf_file *, elf_file_free)
DEFINE_CLEANUP(struct symbols *, symbols_free)

static void debug_done(struct debug *d)
{
	if (!d->file)
		return;
	elf_file_free(d->file);
	close(d->fd);
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	symbols_late_free(s->late);
	symtab_done(&s->table);
	symtab_done(&s->former);
	symtab_done(&s->plt);
	vec_done(&s->segments);
	vec_done(&s->code);
	free(s->interp);
	free(s);
}

static int put_off(struct symbols *s, const struct elf_file *f, const char *root)
{
	struct symbols_late *l = s->late = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->debug_fd = -1;
	l->place = unwindinfo_locate(f);
	l->root = strdup(root);
	l->fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3);
	if (!l->root)
		return -ENOMEM;
	return 0;
}

static int read_code_sections(struct symbols *s, const struct elf_file *f)
{
	int err = 0;

	vec_foreach (section, &f->sections) {
		const GElf_Shdr *h = &section->header;
		struct code_section c = { .start = h->sh_offset, .end = h->sh_offset + h->sh_size };

		if (!section->scn || !(h->sh_flags & SHF_EXECINSTR) || h->sh_type == SHT_NOBITS ||
		    c.end < c.start || s->code.n >= CODE_MAX)
			continue;
		c.stubs = !strncmp(section->name, ".plt", 4) || !strcmp(section->name, ".iplt");
		c.whole = !strcmp(section->name, ".init") || !strcmp(section->name, ".fini");
		err = vec_push(&s->code, c);
		if (err)
			return err;
	}
	return 0;
}

/* A debug file, or what stands in its place; *ret stays NULL when it is no good. Takes fd. */
static int read_debug(int own_fd, struct debug *ret)
{
	struct debug d = { .fd = own_fd };
	int err = elf_file_open(d.fd, &d.file);

	if (err) {
		close(d.fd);
		return err == -ENOMEM ? err : 0;
	}
	*ret = d;
	return 0;
}

/* Of an object that has been stripped; nothing is found when none is installed. */
static int find_debug(const struct elf_file *f, struct symbols *s, const char *path,
		      const char *root, struct debug *ret)
{
	int fd = debugfile_open(f, &s->traits, path, root);

	if (fd >= 0) {
		s->late->debug_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return read_debug(fd, ret);
	}
	fd = minidebug_open(f);
	return fd >= 0 ? read_debug(fd, ret) : 0;
}

/* Only where section headers are gone must the contents tell whether it is a Go program. */
static int read_go(struct symbols *s, const struct elf_file *f, struct symtab_builder *b,
		   struct gopclntab *table)
{
	int err = 0;

	if (!s->traits.is_go && f->sections.n)
		return 0;
	err = gopclntab_read(f, table);
	if (err || (!s->traits.is_go && !table->data))
		return err;
	s->traits.is_go = true;
	s->traits.has_go_table = table->data;
	err = goinfo_read(f, &s->go);
	if (err == -ENOMEM)
		return err;
	return table->data ? gopclntab_add(table, &f->segments, b) : 0;
}

static int read_tables(struct symbols *s, const struct elf_file *f, const struct elf_file *debug)
{
	_cleanup_(symtab_builder_done) struct symtab_builder b = {};
	_cleanup_(gopclntab_done) struct gopclntab go = {};
	int err = symtab_add(&b, f, SHT_DYNSYM, &f->segments, traits_see, &s->context);

	s->traits.has_symtab |= debug != NULL;
	if (!err)
		err = symtab_add(&b, debug ? debug : f, SHT_SYMTAB, &f->segments, traits_see,
				 &s->context);
	if (!err)
		err = read_go(s, f, &b, &go);
	if (err)
		return err;
	s->former = s->table;
	s->table = (struct symtab){};
	return symtab_build(&b, &s->table);
}

/* All that does not depend on a debug file. */
static int read_object(struct symbols *s, const struct elf_file *f, const char *root)
{
	int err;

	s->context.traits = &s->traits;
	err = traits_read(f, &s->context, &s->interp);
	if (!err)
		err = plt_read(f, &s->plt);
	if (!err)
		err = read_code_sections(s, f);
	if (!err)
		err = vec_reserve(&s->segments, f->segments.n);
	if (err)
		return err;
	s->traits.interp = s->interp;
	s->traits.has_symtab = elf_section_data(elf_section_typed(f, SHT_SYMTAB));
	s->has_entry = traits_has_entry(f);
	if (f->segments.n)
		memcpy(s->segments.v, f->segments.v, f->segments.n * sizeof(*f->segments.v));
	s->segments.n = f->segments.n;
	return put_off(s, f, root);
}

int symbols_open(int fd, const char *path, const char *root, struct symbols **ret)
{
	_cleanup_(symbols_freep) struct symbols *s = calloc(1, sizeof(*s));
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	_cleanup_(debug_done) struct debug debug = {};
	int err = s ? elf_file_open(fd, &f) : -ENOMEM;

	root = root ? root : "";
	if (!err)
		err = read_object(s, f, root);
	if (!err && !s->traits.has_symtab)
		err = find_debug(f, s, path, root, &debug);
	if (!err)
		err = read_tables(s, f, debug.file);
	if (err)
		return err;
	/* So many files are open that there is no descriptor to keep. */
	if (s->late->fd < 0)
		symbols_late_make(s, fd);
	*ret = TAKE_PTR(s);
	return 0;
}

int symbols_add_debug(struct symbols *s, int debug_fd)
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	_cleanup_(debug_done) struct debug debug = {};
	int own, err;

	if (s->late->debug_fd >= 0 || s->former.v)
		return -EEXIST;
	own = fcntl(debug_fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0)
		return -errno;
	err = read_debug(own, &debug);
	if (!err)
		err = s->late->fd >= 0 ? elf_file_open(s->late->fd, &f) : -EBADF;
	if (!err && (!debug.file || !debugfile_belongs(debug.file, f)))
		err = -ENOEXEC;
	if (!err)
		err = read_tables(s, f, debug.file);
	if (err)
		return err;
	source_free(s->late->source);
	s->late->source = NULL;
	s->late->has_source = false;
	s->late->debug_fd = fcntl(debug_fd, F_DUPFD_CLOEXEC, 3);
	return 0;
}

int symbols_open_memory(const void *image, size_t size, struct symbols **ret)
{
	_cleanup_close_ int fd = memfd_create("pathbpf-object", MFD_CLOEXEC);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < size) {
		ssize_t n = write(fd, (const char *)image + done, size - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	return symbols_open(fd, NULL, "", ret);
}
