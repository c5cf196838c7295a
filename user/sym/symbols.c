/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbols of one ELF object. The symbol table is made at once; unwind information and stack
 * roots wait for the first question about them, with a descriptor of the file kept until then.
 */
#include "sym/symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/cleanup.h"
#include "sym/debugfile.h"
#include "sym/elf.h"
#include "sym/goinfo.h"
#include "sym/gopclntab.h"
#include "sym/minidebug.h"
#include "sym/plt.h"
#include "sym/roots.h"
#include "sym/source_object.h"
#include "sym/symtab.h"
#include "sym/traits.h"
#include "sym/unwindinfo.h"

#define CODE_MAX 256 /* executable sections that bound symbols without size */

/* What is made when first asked for. */
struct late {
	int fd;       /* owned; -1: there was none to keep */
	int debug_fd; /* owned; of the separate debug file, or -1 */
	char *root;
	bool has_code, has_source; /* made, or they could not be */
	struct unwindinfo_place place;
	struct unwindinfo *unwind;
	struct roots roots;
	struct source *source;
};

/* An executable section, in file offsets. */
struct code_section {
	uint64_t start, end;
	bool stubs; /* of the procedure linkage table */
	bool whole; /* one function put together by the linker */
};

struct symbols {
	struct symtab table, plt;
	struct symtab former; /* before a debug file was added: its names are in use */
	elf_segments segments;
	VEC(struct code_section) code;
	struct elf_traits traits;
	struct traits_context context; /* of traits */
	struct go_info go;             /* version 0: not known */
	bool has_entry;
	char *interp;
	struct late *late;
};

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

static void late_free(struct late *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	if (l->debug_fd >= 0)
		close(l->debug_fd);
	unwindinfo_free(l->unwind);
	roots_done(&l->roots);
	source_free(l->source);
	free(l->root);
	free(l);
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	late_free(s->late);
	symtab_done(&s->table);
	symtab_done(&s->former);
	symtab_done(&s->plt);
	vec_done(&s->segments);
	vec_done(&s->code);
	free(s->interp);
	free(s);
}

/* Without memory, or when the file has become unreadable, the answers are "not known". */
static void make_late(const struct symbols *s, int fd)
{
	struct late *l = s->late;
	struct roots_object o = {
		.fd = fd,
		.symtab = &s->table,
		.segments = &s->segments,
		.traits = &s->traits,
		.has_entry = s->has_entry,
	};

	if (l->place.size && unwindinfo_read(fd, &l->place, &s->segments, &l->unwind))
		l->unwind = NULL;
	o.unwind = l->unwind;
	if (roots_find(&o, &l->roots))
		l->roots = (struct roots){};
}

static const struct late *late(const struct symbols *s)
{
	struct late *l = s->late;

	if (!l->has_code)
		make_late(s, l->fd);
	l->has_code = true;
	return l;
}

static int put_off(struct symbols *s, const struct elf_file *f, const char *root)
{
	struct late *l = s->late = calloc(1, sizeof(*l));

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
	if (s->late->fd < 0) {
		make_late(s, fd);
		s->late->has_code = true;
	}
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

const struct elf_traits *symbols_traits(const struct symbols *s)
{
	return &s->traits;
}

/* The end of the section and the segment that a symbol lies in, at most `end`. */
static uint64_t section_end(const struct symbols *s, const struct symbol *sym, uint64_t end,
			    bool *whole)
{
	const struct elf_segment *seg = elf_segment_of(&s->segments, sym->addr);

	*whole = false;
	if (seg && end > seg->offset + seg->size)
		end = seg->offset + seg->size;
	vec_foreach (c, &s->code) {
		if (sym->offset < c->start || sym->offset >= c->end)
			continue;
		*whole |= c->whole && sym->offset == c->start;
		if (end > c->end)
			end = c->end;
	}
	return end;
}

/*
 * Where a symbol ends of which the table does not say the size: where its piece of unwind
 * information does, or before the next one, the next symbol or the section's end. Of a stripped
 * object that is not enough: functions without a symbol may follow. There a name holds for the
 * piece that begins with it, or for .init and .fini, which are one function.
 */
static uint64_t open_end(const struct symbols *s, uint32_t i)
{
	const struct symbol *sym = &s->table.v[i];
	const struct unwindinfo *unwind = late(s)->unwind;
	bool whole, covered;
	uint64_t end = section_end(s, sym, symtab_next_offset(&s->table, i), &whole);
	struct cfi_function f;

	covered = unwindinfo_function(unwind, sym->addr, &f);
	if (!s->traits.has_symtab && !whole && !(covered && f.start == sym->addr))
		return sym->offset;
	if (covered && end - sym->offset > f.end - sym->addr)
		end = sym->offset + (f.end - sym->addr);
	else if (!covered && unwindinfo_next(unwind, sym->addr, &f) &&
		 end - sym->offset > f.start - sym->addr)
		end = sym->offset + (f.start - sym->addr);
	return end;
}

/* Stubs are no functions: they have names for stacks, but are not listed or probed. */
static const struct symbol *find_stub(const struct symbols *s, uint64_t offset)
{
	uint32_t i = symtab_below(&s->plt, offset);
	const struct symbol *sym = i != SYMTAB_NONE ? &s->plt.v[i] : NULL;

	return sym && offset - sym->offset < sym->size ? sym : NULL;
}

const struct symbol *symbols_find(const struct symbols *s, uint64_t offset)
{
	uint32_t i = symtab_below(&s->table, offset);

	while (i != SYMTAB_NONE) {
		const struct symbol *sym = &s->table.v[i];
		uint64_t end = sym->size ? sym->offset + sym->size : open_end(s, i);

		if (offset < end)
			return sym;
		i = symtab_outer(&s->table, i);
	}
	return find_stub(s, offset);
}

int symbols_each(const struct symbols *s, int (*fn)(const struct symbol *, void *), void *arg)
{
	int err = 0;

	for (uint32_t i = 0; i < s->table.n && !err; i++)
		err = fn(&s->table.v[i], arg);
	return err;
}

uint64_t symbols_offset_of(const struct symbols *s, uint64_t addr)
{
	return elf_offset_of(&s->segments, addr);
}

uint64_t symbols_addr_of(const struct symbols *s, uint64_t offset)
{
	return elf_addr_of(&s->segments, offset);
}

bool symbols_is_stack_root(const struct symbols *s, uint64_t offset)
{
	uint64_t addr = elf_addr_of(&s->segments, offset);
	const struct late *l;

	if (addr == ELF_NONE)
		return false;
	l = late(s);
	return unwindinfo_state(l->unwind, addr).no_caller || roots_cover(&l->roots, addr);
}

int symbols_keeps_frame_pointer(const struct symbols *s, uint64_t offset)
{
	uint64_t addr = elf_addr_of(&s->segments, offset);

	if (addr == ELF_NONE)
		return -1;
	switch (unwindinfo_state(late(s)->unwind, addr).frame) {
	case CFI_FRAME:
		return 1;
	case CFI_NO_FRAME:
		return 0;
	default:
		return -1;
	}
}

bool symbols_code_range(const struct symbols *s, uint64_t addr, uint64_t *start, uint64_t *end)
{
	struct cfi_function f;

	if (!unwindinfo_function(late(s)->unwind, addr, &f))
		return false;
	*start = f.start;
	*end = f.end;
	return true;
}

static bool is_stub(const struct symbols *s, uint64_t offset)
{
	vec_foreach (c, &s->code)
		if (c->stubs && offset >= c->start && offset < c->end)
			return true;
	return false;
}

bool symbols_next_code(const struct symbols *s, uint64_t addr, uint64_t *start, uint64_t *end)
{
	struct cfi_function f = { .end = addr };

	do {
		if (!unwindinfo_next(late(s)->unwind, f.end, &f))
			return false;
	} while (is_stub(s, elf_offset_of(&s->segments, f.start)));
	*start = f.start;
	*end = f.end;
	return true;
}

bool symbols_frame_base(const struct symbols *s, uint64_t offset, uint32_t *base_words,
			uint32_t *rbp_words)
{
	uint64_t addr = elf_addr_of(&s->segments, offset);
	struct cfi_state state;

	if (addr == ELF_NONE)
		return false;
	state = unwindinfo_state(late(s)->unwind, addr);
	if (state.frame != CFI_NO_FRAME || !state.base_words)
		return false;
	*base_words = state.base_words;
	*rbp_words = state.rbp_words;
	return true;
}

bool symbols_go_info(const struct symbols *s, struct go_info *ret)
{
	if (!s->go.version_major)
		return false;
	*ret = s->go;
	return true;
}

/* What there is no memory for is unknown. */
static struct source *source_of(const struct symbols *s)
{
	struct late *l = s->late;
	struct source_object o = { .fd = l->fd, .debug_fd = l->debug_fd, .root = l->root };

	if (!l->has_source && l->fd >= 0 && source_open(&o, &l->source))
		l->source = NULL;
	l->has_source = true;
	return l->source;
}

int symbols_source(const struct symbols *s, uint64_t offset, source_frames *ret)
{
	uint64_t addr = elf_addr_of(&s->segments, offset);
	struct source *source = addr != ELF_NONE ? source_of(s) : NULL;

	ret->n = 0;
	return source ? source_find(source, addr, ret) : 0;
}

bool symbols_source_given_up(const struct symbols *s)
{
	return s->late->source && source_given_up(s->late->source);
}

static size_t table_memory(const struct symtab *t)
{
	return t->names_size + t->n * (sizeof(*t->v) + (t->outer ? sizeof(*t->outer) : 0));
}

size_t symbols_memory(const struct symbols *s)
{
	size_t size = sizeof(*s) + sizeof(*s->late);

	size += table_memory(&s->table) + table_memory(&s->former) + table_memory(&s->plt);
	size += s->segments.cap * sizeof(*s->segments.v) + s->code.cap * sizeof(*s->code.v);
	size += s->interp ? strlen(s->interp) + 1 : 0;
	size += s->late->roots.ranges.cap * sizeof(*s->late->roots.ranges.v);
	size += s->late->source ? source_memory(s->late->source) : 0;
	return size + unwindinfo_memory(s->late->unwind);
}
