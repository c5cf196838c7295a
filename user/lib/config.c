/* SPDX-License-Identifier: GPL-2.0-only */
/* Options from everywhere. */
#include "lib/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/conftext.h"
#include "lib/log.h"

#define FAILED 1

/* It is looked for among the settings, before any of them takes effect. */
int config_set(void *ctx, const char *value)
{
	(void)ctx;
	(void)value;
	return 0;
}

static int fail_memory(void)
{
	log_err(0, "out of memory");
	return FAILED;
}

static const struct opt *nearest(const struct opt_usage *u, const char *name)
{
	VEC(const char *) names = {};
	const char *near = NULL;
	int err = 0;

	for (size_t g = 0; g < u->n; g++)
		for (size_t i = 0; i < u->groups[g].n && !err; i++)
			err = vec_push(&names, u->groups[g].opts[i].name);
	if (!err)
		near = opt_nearest(name, names.v, names.n);
	vec_done(&names);
	return near ? opt_find(u, near) : NULL;
}

/* "MAX_OVERHEAD" → "max-overhead"; *ret_exact: is it written as variables are? */
static char *option_name(const char *variable, bool *ret_exact)
{
	char *name = strdup(variable);

	*ret_exact = true;
	for (char *p = name; p && *p; p++) {
		if (*p == '-' || islower((unsigned char)*p))
			*ret_exact = false;
		*p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	}
	return name;
}

/*
 * A slip is an error; but the prefix is not ours alone: Kubernetes makes PATHBPF_SERVICE_HOST of a
 * service's name, and scripts have variables of their own.
 */
static int unknown_variable(const struct opt_usage *known, const char *variable, const char *name,
			    struct settings *s)
{
	_cleanup_(buf_done) struct buf near = {};
	const struct opt *o = nearest(known, name);

	if (o) {
		setting_variable(&near, o);
		log_err(0, "%s: no option has this variable (did you mean %s?)", variable,
			buf_str(&near));
		return OPT_USAGE_STATUS;
	}
	if (!s->strangers++)
		s->stranger = settings_keep(s, strdup(variable));
	return -1;
}

/* One "PATHBPF_NAME=VALUE" of the environment. An empty variable counts as none. */
static int add_variable(const struct opt_usage *own, const struct opt_usage *known,
			const char *entry, struct settings *s)
{
	const char *value = strchr(entry, '=');
	_cleanup_free_ char *variable = NULL, *name = NULL;
	bool exact;
	const struct opt *o;

	if (!value || !value[1])
		return -1;
	variable = strndup(entry, (size_t)(value - entry));
	name = variable ? option_name(variable + strlen(OPT_VARIABLES), &exact) : NULL;
	if (!name)
		return fail_memory();
	if (!exact || !opt_find(known, name))
		return unknown_variable(known, variable, name, s);
	o = opt_find(own, name);
	return o ? settings_add_text(s, o, SETTING_VARIABLE, strdup(value + 1)) : -1;
}

static int add_variables(const struct opt_usage *own, const struct opt_usage *known,
			 struct settings *s)
{
	int status = -1;

	for (char **entry = environ; entry && *entry && status < 0; entry++)
		if (!strncmp(*entry, OPT_VARIABLES, strlen(OPT_VARIABLES)))
			status = add_variable(own, known, *entry, s);
	return status;
}

/* Root obeys nobody else: why the default file is not to be read, or NULL. */
static const char *distrust(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (geteuid() != 0)
		return NULL;
	if (st->st_uid != 0)
		return "it belongs to another user than root";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "others than root can write it (chmod go-w)";
	return NULL;
}

/* Reads up to the bound and one byte more, with a byte free behind. */
static int read_all(int fd, struct buf *text)
{
	char part[4096];

	while (text->len <= CONFIG_SIZE_MAX) {
		ssize_t n = read(fd, part, sizeof(part));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		buf_add(text, part, (size_t)n);
	}
	return text->err;
}

/* The whole file in *ret (buf.data NULL: empty, or there is none, which is fine by default). */
static int read_file(const char *path, bool is_default, struct buf *ret, bool *ret_absent)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (is_default ? O_NONBLOCK : 0);
	_cleanup_close_ int fd = open(path, flags);
	const char *why = NULL;
	struct stat st = {};
	int err = fd < 0 || fstat(fd, &st) ? -errno : 0;

	*ret_absent = is_default && err == -ENOENT;
	if (*ret_absent)
		return -1;
	if (!err && is_default)
		why = distrust(&st);
	if (why) {
		log_err(0, "'%s' is not read: %s; --config none does without", path, why);
		return FAILED;
	}
	if (!err)
		err = read_all(fd, ret);
	if (err) {
		log_err(err, "cannot read '%s'%s", path,
			is_default ? " (--config none does without)" : "");
		return FAILED;
	}
	if (ret->len > CONFIG_SIZE_MAX) {
		log_err(0, "'%s' is no configuration: it has more than %d bytes", path,
			CONFIG_SIZE_MAX);
		return OPT_USAGE_STATUS;
	}
	return -1;
}

static int unknown_key(const struct opt_usage *known, const struct settings *s, unsigned line,
		       const char *key)
{
	const struct opt *near = nearest(known, key);

	if (near && !near->no_file)
		log_err(0, "%s:%u: unknown option '%.60s' (did you mean '%s'?)", s->file, line, key,
			near->name);
	else
		log_err(0, "%s:%u: unknown option '%.60s'; 'pathbpf config' lists all", s->file,
			line, key);
	return OPT_USAGE_STATUS;
}

/* The line that gave an option before, in the file; or 0. */
static unsigned given_before(const struct settings *s, const struct opt *o)
{
	if (o->repeat == OPT_LIST || o->repeat == OPT_KEYED)
		return 0;
	vec_foreach (one, &s->list)
		if (one->layer == SETTING_FILE && one->opt == o)
			return one->line;
	return 0;
}

static int add_pair(const struct opt_usage *own, const struct opt_usage *known,
		    const struct conf_pair *pair, unsigned line, struct settings *s)
{
	const struct opt *o = opt_find(known, pair->key);
	unsigned before;

	if (!o)
		return unknown_key(known, s, line, pair->key);
	if (o->no_file) {
		log_err(0, "%s:%u: '%s' cannot be set in a file", s->file, line, o->name);
		return OPT_USAGE_STATUS;
	}
	o = opt_find(own, pair->key);
	if (!o)
		return -1;
	before = given_before(s, o);
	if (before) {
		log_err(0, "%s:%u: '%s' is set in line %u already", s->file, line, o->name, before);
		return OPT_USAGE_STATUS;
	}
	return settings_add(s, o, SETTING_FILE, line, pair->value);
}

static int add_text(const struct opt_usage *own, const struct opt_usage *known, struct buf *text,
		    struct settings *s)
{
	struct conf_text c = { .next = text->data, .end = text->data + text->len };
	struct conf_pair pair;
	char why[160];
	int more, status = -1;

	if (!text->data)
		return -1;
	if (!settings_keep(s, TAKE_PTR(text->data)))
		return fail_memory();
	while (status < 0 && (more = conf_next(&c, &pair, why, sizeof(why))) != 0) {
		if (more > 0) {
			status = add_pair(own, known, &pair, c.line, s);
			continue;
		}
		log_err(0, "%s:%u: %s", s->file, c.line, why);
		status = OPT_USAGE_STATUS;
	}
	return status;
}

static int add_file(const struct opt_usage *own, const struct opt_usage *known, struct settings *s)
{
	_cleanup_(buf_done) struct buf text = {};
	enum setting_layer layer = SETTING_PRESET;
	const char *path = CONFIG_FILE;
	bool absent;
	int status;

	vec_foreach (one, &s->list) {
		if (strcmp(one->opt->name, "config") != 0 || one->layer < layer)
			continue;
		layer = one->layer;
		path = one->value;
	}
	if (!strcmp(path, CONFIG_NONE))
		return -1;
	status = read_file(path, layer == SETTING_PRESET, &text, &absent);
	if (status >= 0 || absent)
		return status;
	s->file = settings_keep(s, strdup(path));
	return s->file ? add_text(own, known, &text, s) : fail_memory();
}

int config_read(const struct opt_usage *own, const struct opt_usage *known, int argc, char **argv,
		struct settings *s, int *ret_rest)
{
	int rest, status = opt_collect(own, argc, argv, s, &rest);

	if (status < 0)
		status = add_variables(own, known, s);
	if (status < 0)
		status = add_file(own, known, s);
	if (status < 0)
		status = settings_add_presets(s, own);
	if (status < 0)
		*ret_rest = rest;
	return status;
}

void config_warn(const struct settings *s)
{
	if (s->strangers > 1)
		log_warn(0, "no option has the variable %s, nor %u others: ignored", s->stranger,
			 s->strangers - 1);
	else if (s->strangers)
		log_warn(0, "no option has the variable %s: ignored", s->stranger);
}
