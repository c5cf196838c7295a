/* SPDX-License-Identifier: GPL-2.0-only */
/* Results into files. */
#include "cmd/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "view/view.h"

static bool is_stdout(const struct output *out)
{
	return !strcmp(out->file, "-");
}

/* Devices, pipes and the like are written directly: a rename would replace them. */
static bool is_regular(const char *file)
{
	struct stat st;

	return lstat(file, &st) ? errno == ENOENT : S_ISREG(st.st_mode);
}

int outputs_check(struct record_options *o)
{
	vec_foreach (out, &o->outputs) {
		int fd;

		if (is_stdout(out))
			continue;
		if (!is_regular(out->file)) {
			fd = open(out->file, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
			if (fd < 0 && errno != ENXIO) /* a pipe whose reader comes later */
				return log_err(-errno, "cannot write '%s'", out->file);
			if (fd >= 0)
				close(fd);
			continue;
		}
		if (asprintf(&out->part, "%s.part", out->file) < 0)
			return -ENOMEM;
		fd = open(out->part, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
		if (fd < 0)
			return log_err(-errno, "cannot write '%s'", out->file);
		close(fd);
		unlink(out->part);
	}
	return 0;
}

/* Renders into a stream and makes sure that all of it arrived. */
static int render(const struct view *view, const struct report *r, FILE *f)
{
	int err = view->render(r, f);

	errno = 0;
	if (fflush(f) || ferror(f))
		return errno ? -errno : -EIO;
	return err;
}

static int write_file(const struct view *view, const struct report *r, const char *part,
		      const char *file)
{
	const char *to = part ? part : file;
	_cleanup_fclose_ FILE *f = fopen(to, "we");
	int err;

	if (!f)
		return log_err(-errno, "cannot write '%s'", file);
	err = render(view, r, f);
	if (!err && part && fsync(fileno(f)) && errno != EINVAL)
		err = -errno;
	if (!err && part && rename(part, file))
		err = -errno;
	if (err && part)
		unlink(part);
	return err ? log_err(err, "cannot write '%s'", file) : 0;
}

char *output_companion_name(const char *file, const char *suffix)
{
	size_t len = strlen(file), suffix_len = strlen(suffix);
	char *name;

	if (len >= suffix_len && !strcmp(file + len - suffix_len, suffix))
		len -= suffix_len;
	else
		suffix = "";
	return asprintf(&name, "%.*s.offcpu%s", (int)len, file, suffix) < 0 ? NULL : name;
}

static int write_companion(const struct output *out, const struct report *r)
{
	_cleanup_free_ char *file = output_companion_name(out->file, out->view->suffix);
	_cleanup_free_ char *part = NULL;

	if (!file || asprintf(&part, "%s.part", file) < 0)
		return -ENOMEM;
	return write_file(out->view->companion, r, part, file);
}

int outputs_write(struct record_options *o, const struct report *r)
{
	int first = 0;

	vec_foreach (out, &o->outputs) {
		int err;

		if (is_stdout(out)) {
			err = render(out->view, r, stdout);
			if (err)
				log_err(err, "cannot write to standard output");
		} else {
			err = write_file(out->view, r, out->part, out->file);
			if (!err && out->part && out->view->companion && r->has_offcpu)
				err = write_companion(out, r);
		}
		first = first ? first : err;
	}
	return first;
}
