/* SPDX-License-Identifier: GPL-2.0-only */
/* Debug files from servers. */
#include "trace/debugfiles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "sym/debuginfod.h"
#include "trace/objectfile.h"

static void show_progress(long done, long total, void *arg)
{
	(void)arg;
	if (total > 0)
		log_progress("pathbpf: debug information from a server: %ld of %ld KiB",
			     done / 1024, total / 1024);
	else
		log_progress("pathbpf: waiting for a server's debug information …");
}

static void add_note(struct report *r, const char *what, const char *why)
{
	char note[512];

	snprintf(note, sizeof(note), "%s%s", what, why);
	vec_push(&r->notes, report_str(r, note));
}

/* At the first object that needs it. */
static void load(struct debug_files *d, size_t objects, struct report *r)
{
	int err = debuginfod_new(show_progress, NULL, &d->debuginfod);

	d->tried = true;
	if (err) {
		d->debuginfod = NULL;
		if (err == -ELIBACC)
			add_note(r, "DEBUGINFOD_URLS is set, but has no effect: ",
				 "libdebuginfod.so.1 is not installed");
		return;
	}
	d->asked = calloc(objects + 1, sizeof(*d->asked));
	d->asked_n = d->asked ? objects : 0;
}

static void explain(struct report *r, int err)
{
	if (err == -ETIME)
		add_note(r,
			 "names may be missing: debuginfod took too long and was given up; "
			 "DEBUGINFOD_URLS is ",
			 getenv("DEBUGINFOD_URLS"));
	else
		add_note(r, "names may be missing: no debuginfod server answers: ", strerror(-err));
}

void debug_files_add(struct debug_files *d, struct object_files *files, uint32_t index,
		     struct report *r)
{
	struct symbols *symbols = files->files.v[index]->symbols;
	const struct elf_traits *traits = symbols ? symbols_traits(symbols) : NULL;
	_cleanup_close_ int fd = -1;

	/* The vdso is the kernel's. */
	if (!files->files.v[index]->ino || !traits || traits->has_symtab || !traits->build_id_len)
		return;
	if (!d->tried)
		load(d, files->files.n, r);
	if (!d->debuginfod || d->over || index >= d->asked_n || d->asked[index])
		return;
	d->asked[index] = true;
	fd = debuginfod_fetch(d->debuginfod, traits->build_id, traits->build_id_len);
	if (fd >= 0) {
		/* What is no debug file after all changes nothing. */
		symbols_add_debug(symbols, fd);
	} else if (fd != -ENOENT) {
		d->over = true;
		explain(r, fd);
	}
}

void debug_files_done(struct debug_files *d)
{
	debuginfod_free(d->debuginfod);
	free(d->asked);
	*d = (struct debug_files){};
}
