/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opens DWARF and walks it with care. libdw checks bounds; what it would do on its own and we do
 * not want is opening files that the object names: the alternate file is found and handed over
 * here, split units (.dwo) are never asked for.
 */
#include "sym/dwarfinfo.h"

#include <dwarf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "sym/altfile.h"
#include "sym/debugfile.h"
#include "sym/elf.h"
#include "sym/symbols.h"

#define TIME_MAX_NS       2000000000ull /* for all questions about one object */
#define TICKS_A_CHECK     64
#define SECTIONS_SIZE_MAX (512ull << 20) /* libdw holds them in memory, uncompressed */

struct dwarf_part {
	int fd; /* owned */
	struct elf_file *file;
	Dwarf *dwarf;
};

DEFINE_CLEANUP(struct elf_file *, elf_file_free)
DEFINE_CLEANUP(struct dwarfinfo *, dwarfinfo_free)

static void part_free(struct dwarf_part *p)
{
	if (!p)
		return;
	dwarf_end(p->dwarf);
	elf_file_free(p->file);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

DEFINE_CLEANUP(struct dwarf_part *, part_free)

void dwarfinfo_free(struct dwarfinfo *d)
{
	if (!d)
		return;
	part_free(d->main);
	part_free(d->alt);
	free(d);
}

/* What follows ".debug_" or (compressed in GNU's older way) ".zdebug_"; NULL: another section. */
static const char *debug_name(const char *section)
{
	static const char plain[] = ".debug_", old[] = ".zdebug_";

	if (!strncmp(section, plain, sizeof(plain) - 1))
		return section + sizeof(plain) - 1;
	if (!strncmp(section, old, sizeof(old) - 1))
		return section + sizeof(old) - 1;
	return NULL;
}

/* The sections that types and functions are described by. */
static bool is_needed(const char *name)
{
	static const char *const needed[] = { "info", "types",  "abbrev",   "str",  "line_str",
					      "line", "ranges", "rnglists", "addr", "str_offsets" };

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (!strcmp(name, needed[i]))
			return true;
	return false;
}

static uint64_t size_in_memory(const struct elf_file *f, const struct elf_section *s)
{
	uint8_t head[12]; /* "ZLIB", the size in big-endian order */
	uint64_t size = 0;
	GElf_Chdr compressed;

	if (s->header.sh_flags & SHF_COMPRESSED)
		return gelf_getchdr(s->scn, &compressed) ? compressed.ch_size : 0;
	if (s->name[1] != 'z' ||
	    elf_read_at(f->fd, head, sizeof(head), s->header.sh_offset) != sizeof(head))
		return s->header.sh_size;
	for (size_t i = 4; i < sizeof(head); i++)
		size = size << 8 | head[i];
	return size;
}

/*
 * Hides all other sections of DWARF from libdw, which would read them: most of the bytes. 0,
 * -ENODATA when nothing is left, or -EFBIG.
 */
static int choose_sections(const struct elf_file *f)
{
	bool has_info = false;
	uint64_t total = 0;

	vec_foreach (s, &f->sections) {
		const char *name = s->scn ? debug_name(s->name) : NULL;
		GElf_Shdr header = s->header;
		uint64_t size;

		if (!name || header.sh_type == SHT_NOBITS)
			continue;
		if (!is_needed(name)) {
			header.sh_type = SHT_NOBITS;
			if (!gelf_update_shdr(s->scn, &header))
				return -ENOEXEC;
			continue;
		}
		has_info |= !strcmp(name, "info");
		size = size_in_memory(f, s);
		if (size > SECTIONS_SIZE_MAX || header.sh_size > SECTIONS_SIZE_MAX)
			return -EFBIG;
		total += size > header.sh_size ? size : header.sh_size;
	}
	if (!has_info)
		return -ENODATA;
	return total > SECTIONS_SIZE_MAX ? -EFBIG : 0;
}

/* Takes fd over, also on failure. */
static int part_open(int fd, struct dwarf_part **ret)
{
	_cleanup_(part_freep) struct dwarf_part *p = calloc(1, sizeof(*p));
	int err;

	if (!p) {
		close(fd);
		return -ENOMEM;
	}
	p->fd = fd;
	err = elf_file_open(fd, &p->file);
	if (!err)
		err = choose_sections(p->file);
	if (err)
		return err;
	p->dwarf = dwarf_begin_elf(p->file->elf, DWARF_C_READ, NULL);
	if (!p->dwarf)
		return -ENODATA;
	*ret = TAKE_PTR(p);
	return 0;
}

static int open_separate(int fd, const char *path, const char *root, struct dwarf_part **ret)
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	struct elf_traits traits = {};
	int err = elf_file_open(fd, &f);

	if (err)
		return err;
	traits.build_id_len = elf_build_id(f, traits.build_id, sizeof(traits.build_id));
	fd = debugfile_open(f, &traits, path, root);
	return fd < 0 ? -ENODATA : part_open(fd, ret);
}

/* Without the alternate file a part of the types is unknown, the rest is good. */
static void open_alternate(struct dwarfinfo *d, const char *root)
{
	int fd = altfile_open(d->main->file, root);

	if (fd < 0 || part_open(fd, &d->alt))
		return;
	dwarf_setalt(d->main->dwarf, d->alt->dwarf);
}

static int open_main(int fd, struct dwarf_part **ret)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return own >= 0 ? part_open(own, ret) : -EMFILE;
}

static void start(struct dwarfinfo *d, const char *root)
{
	d->dwarf = d->main->dwarf;
	d->machine = d->main->file->ehdr.e_machine;
	d->left_ns = TIME_MAX_NS;
	open_alternate(d, root);
}

int dwarfinfo_open(int fd, const char *path, const char *root, struct dwarfinfo **ret)
{
	_cleanup_(dwarfinfo_freep) struct dwarfinfo *d = calloc(1, sizeof(*d));
	int err = d ? open_main(fd, &d->main) : -ENOMEM;

	root = root ? root : "";
	if (err == -ENODATA)
		err = open_separate(fd, path, root, &d->main);
	if (err)
		return err;
	start(d, root);
	*ret = TAKE_PTR(d);
	return 0;
}

int dwarfinfo_open_with(int fd, int debug_fd, const char *root, struct dwarfinfo **ret)
{
	_cleanup_(dwarfinfo_freep) struct dwarfinfo *d = calloc(1, sizeof(*d));
	int err = d ? open_main(fd, &d->main) : -ENOMEM;

	if (err == -ENODATA && debug_fd >= 0)
		err = open_main(debug_fd, &d->main);
	if (err)
		return err;
	start(d, root);
	*ret = TAKE_PTR(d);
	return 0;
}

struct elf_bytes dwarfinfo_section(const struct dwarfinfo *d, const char *name)
{
	return elf_section_debug(d->main->file, name);
}

void dwarfinfo_begin(struct dwarfinfo *d)
{
	d->started = clock_monotonic_ns();
}

void dwarfinfo_end(struct dwarfinfo *d)
{
	uint64_t spent = clock_monotonic_ns() - d->started;

	d->over |= spent >= d->left_ns;
	d->left_ns -= d->over ? d->left_ns : spent;
	d->started = 0;
}

static bool check_time(struct dwarfinfo *d)
{
	d->over |= clock_monotonic_ns() - d->started >= d->left_ns;
	return !d->over;
}

bool dwarfinfo_tick(struct dwarfinfo *d)
{
	return ++d->ticks % TICKS_A_CHECK ? !d->over : check_time(d);
}

/* Does the attribute point into the alternate file? libdw would look for one by itself. */
static bool is_alternate(Dwarf_Attribute *attr)
{
	switch (dwarf_whatform(attr)) {
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
	case DW_FORM_ref_sup4:
	case DW_FORM_ref_sup8:
	case DW_FORM_strp_sup:
		return true;
	default:
		return false;
	}
}

enum dwarf_follow dwarfinfo_follow(const struct dwarfinfo *d, Dwarf_Die *die, unsigned int name,
				   Dwarf_Die *ret)
{
	Dwarf_Attribute attr;
	Dwarf_Die to;

	if (!dwarf_attr(die, name, &attr))
		return DWARF_NONE;
	if ((is_alternate(&attr) && !d->alt) || !dwarf_formref_die(&attr, &to))
		return DWARF_BROKEN;
	*ret = to;
	return DWARF_FOUND;
}

bool dwarfinfo_child(struct dwarfinfo *d, Dwarf_Die *parent, Dwarf_Die *child)
{
	Dwarf_Die next;
	int err;

	/* To get past its children libdw may have to read them all. */
	if (child->addr && dwarf_haschildren(child) > 0 && !check_time(d))
		return false;
	err = child->addr ? dwarf_siblingof(child, &next) : dwarf_child(parent, &next);
	if (err || !dwarfinfo_tick(d))
		return false;
	/* DW_AT_sibling could lead back, for ever. */
	if (next.addr <= (child->addr ? child->addr : parent->addr))
		return false;
	*child = next;
	return true;
}

const char *dwarfinfo_string(const struct dwarfinfo *d, Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;

	if (!dwarf_attr(die, name, &attr) || (is_alternate(&attr) && !d->alt))
		return NULL;
	return dwarf_formstring(&attr);
}

const char *dwarfinfo_name(const struct dwarfinfo *d, Dwarf_Die *die)
{
	const char *name = dwarfinfo_string(d, die, DW_AT_name);

	return name ? name : "";
}

bool dwarfinfo_unit(Dwarf_Die *die, Dwarf_Die *ret)
{
	return dwarf_diecu(die, ret, NULL, NULL);
}

int dwarfinfo_language(Dwarf_Die *die)
{
	Dwarf_Die unit;
	int language = dwarfinfo_unit(die, &unit) ? dwarf_srclang(&unit) : -1;

	return language > 0 ? language : 0;
}
