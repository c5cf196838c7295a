/* SPDX-License-Identifier: GPL-2.0-only */
/* The files of a snapshot. */
#include "cmd/ctl_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/outputs.h"
#include "view/view.h"

/* Devices, pipes and the like are written directly: a rename would replace them. */
static bool is_regular(const char *file)
{
	struct stat st;

	return lstat(file, &st) ? errno == ENOENT : S_ISREG(st.st_mode);
}

static int open_file(struct snapshot_file *f, const char *path, int *ret_fd)
{
	f->path = strdup(path);
	if (!f->path || (is_regular(path) && asprintf(&f->part, "%s.part", path) < 0))
		return -ENOMEM;
	*ret_fd = open(f->part ? f->part : f->path,
		       O_WRONLY | O_CLOEXEC | O_TRUNC | (f->part ? O_CREAT : 0), 0666);
	return *ret_fd < 0 ? -errno : 0;
}

static int open_all(struct snapshot_files *f, const char *file, const struct view *view,
		    struct request *r)
{
	char *companion;
	int err;

	if (!strcmp(file, "-")) {
		r->fds[0] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
		return r->fds[0] < 0 ? -errno : 0;
	}
	err = open_file(&f->v[0], file, &r->fds[0]);
	if (err || !view->companion || !f->v[0].part)
		return err;
	companion = output_companion_name(file, view->suffix);
	err = companion ? open_file(&f->v[1], companion, &r->fds[1]) : -ENOMEM;
	free(companion);
	return err;
}

int snapshot_files_open(struct snapshot_files *f, const char *file, const char *format,
			struct request *r, char *why, size_t why_size)
{
	const struct view *view = format               ? view_by_name(format)
				  : !strcmp(file, "-") ? &view_text
						       : view_by_suffix(file);
	int err;

	if (!view) {
		snprintf(why, why_size,
			 "cannot tell the format of '%s' by its suffix: add --format (%s)", file,
			 view_names());
		return -EINVAL;
	}
	r->text = strdup(view->name);
	err = r->text ? open_all(f, file, view, r) : -ENOMEM;
	if (err)
		snprintf(why, why_size, "cannot write '%s': %s", file, strerror(-err));
	return err;
}

static int close_file(struct snapshot_file *f, bool companion, int err)
{
	struct stat st;

	/* A companion without anything in it was not wanted. */
	if (!err && companion && f->part && !stat(f->part, &st) && !st.st_size)
		unlink(f->part);
	else if (!err && f->part && rename(f->part, f->path))
		err = -errno;
	if (err && f->part)
		unlink(f->part);
	free(f->path);
	free(f->part);
	*f = (struct snapshot_file){};
	return err;
}

int snapshot_files_close(struct snapshot_files *f, int err)
{
	for (int i = 0; i < MESSAGE_FDS; i++) {
		int failed = close_file(&f->v[i], i > 0, err);

		err = err ? err : failed;
	}
	return err;
}
