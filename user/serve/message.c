/* SPDX-License-Identifier: GPL-2.0-only */
/* What is said on a trace's socket. */
#include "serve/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[VERBS] = {
	[VERB_STATUS] = "status", [VERB_LIST] = "list",
	[VERB_ADD] = "add",       [VERB_REMOVE] = "remove",
	[VERB_PAUSE] = "pause",   [VERB_RESUME] = "resume",
	[VERB_LIMITS] = "limits", [VERB_SNAPSHOT] = "snapshot",
	[VERB_STOP] = "stop",     [VERB_EMERGENCY_STOP] = "emergency-stop",
};

void request_init(struct request *r, enum verb verb)
{
	*r = (struct request){ .verb = verb };
	for (int i = 0; i < MESSAGE_FDS; i++)
		r->fds[i] = -1;
}

void request_done(struct request *r)
{
	free(r->text);
	vec_foreach (s, &r->settings) {
		free(s->name);
		free(s->value);
	}
	vec_done(&r->settings);
	for (int i = 0; i < MESSAGE_FDS; i++) {
		if (r->fds[i] >= 0)
			close(r->fds[i]);
	}
	request_init(r, VERB_STATUS);
}

const char *verb_name(enum verb v)
{
	return names[v];
}

enum verb verb_of(const char *name)
{
	enum verb v = 0;

	while (v < VERBS && strcmp(names[v], name) != 0)
		v++;
	return v;
}

static int bad(char *why, size_t size, const char *text)
{
	snprintf(why, size, "%s", text);
	return -EPROTO;
}

/* Of this version, or why not. */
static int check_version(const json_t *root, char *why, size_t size)
{
	const json_t *version = json_object_get(root, "pathbpf");

	if (!json_is_integer(version))
		return bad(why, size, "it is no message of pathbpf's");
	if (json_integer_value(version) == MESSAGE_VERSION)
		return 0;
	snprintf(why, size, "it speaks version %lld of the protocol, not %d: another pathbpf",
		 (long long)json_integer_value(version), MESSAGE_VERSION);
	return -EPROTO;
}

/* A copy of a short string; NULL: it is none, or there is no memory. */
static char *copy_text(const json_t *value)
{
	return json_is_string(value) && json_string_length(value) <= MESSAGE_TEXT_MAX
		   ? strdup(json_string_value(value))
		   : NULL;
}

static int take_settings(json_t *settings, struct request *r)
{
	for (void *it = json_object_iter(settings); it; it = json_object_iter_next(settings, it)) {
		struct limit_setting s = { .value = copy_text(json_object_iter_value(it)) };
		const char *name = json_object_iter_key(it);

		s.name = s.value && strlen(name) <= MESSAGE_TEXT_MAX ? strdup(name) : NULL;
		if (!s.name || r->settings.n >= MESSAGE_SETTINGS_MAX || vec_push(&r->settings, s)) {
			free(s.name);
			free(s.value);
			return -EPROTO;
		}
	}
	return 0;
}

static bool wants_text(enum verb v)
{
	return v == VERB_ADD || v == VERB_REMOVE || v == VERB_SNAPSHOT;
}

static int take(const json_t *root, struct request *r, char *why, size_t size)
{
	const json_t *verb = json_object_get(root, "do");
	json_t *settings = json_object_get(root, "settings");
	int err = check_version(root, why, size);

	if (err)
		return err;
	r->verb = json_is_string(verb) ? verb_of(json_string_value(verb)) : VERBS;
	if (r->verb == VERBS)
		return bad(why, size, "it asks for nothing that this version can do");
	if (wants_text(r->verb)) {
		r->text = copy_text(json_object_get(root, "text"));
		if (!r->text || !*r->text)
			return bad(why, size, "its text is missing, or too long");
	}
	if (settings &&
	    (r->verb != VERB_LIMITS || !json_is_object(settings) || take_settings(settings, r)))
		return bad(why, size, "its settings are wrong, or too many");
	return 0;
}

int request_parse(const char *line, size_t len, struct request *ret, char *why, size_t why_size)
{
	json_error_t error;
	json_t *root;
	int err;

	request_init(ret, VERB_STATUS);
	if (len > MESSAGE_REQUEST_MAX)
		return bad(why, why_size, "it is too long");
	root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	err = json_is_object(root) ? take(root, ret, why, why_size)
				   : bad(why, why_size, "it is no JSON object");
	json_decref(root);
	if (err) {
		request_done(ret);
		return err;
	}
	return 0;
}

/* A line of its own. Takes the reference. */
static char *format(json_t *root)
{
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL, *line = NULL;

	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	json_decref(root);
	return line;
}

char *request_format(const struct request *r)
{
	json_t *root =
	    json_pack("{s:i, s:s}", "pathbpf", MESSAGE_VERSION, "do", verb_name(r->verb));
	int err = root ? 0 : -1;

	if (!err && r->text)
		err = json_object_set_new(root, "text", json_string(r->text));
	if (!err && r->settings.n) {
		json_t *settings = json_object();

		vec_foreach (s, &r->settings)
			err = err ? err
				  : json_object_set_new(settings, s->name, json_string(s->value));
		err = json_object_set_new(root, "settings", settings) || err;
	}
	if (!err)
		return format(root);
	json_decref(root);
	return NULL;
}

char *answer_format(json_t *data)
{
	json_t *root = json_pack("{s:i, s:b}", "pathbpf", MESSAGE_VERSION, "ok", 1);

	if (data && (!root || json_object_set_new(root, "data", data))) {
		json_decref(root);
		return NULL;
	}
	return format(root);
}

char *answer_format_error(const char *error)
{
	json_t *text = json_string(error);

	return format(json_pack("{s:i, s:b, s:o}", "pathbpf", MESSAGE_VERSION, "ok", 0, "error",
				text ? text : json_string("it cannot be told in UTF-8")));
}

static int take_answer(const json_t *root, json_t **ret_data, char *why, size_t size)
{
	const json_t *ok = json_object_get(root, "ok");
	json_t *data = json_object_get(root, "data");
	const json_t *error = json_object_get(root, "error");
	int err = check_version(root, why, size);

	if (err)
		return err;
	if (!json_is_boolean(ok) || (data && !json_is_object(data)))
		return bad(why, size, "it does not answer as pathbpf does");
	if (json_is_false(ok)) {
		snprintf(why, size, "%s",
			 json_is_string(error) ? json_string_value(error) : "it does not say why");
		return -EREMOTEIO;
	}
	*ret_data = data ? json_incref(data) : json_object();
	return *ret_data ? 0 : -ENOMEM;
}

int answer_parse(const char *line, size_t len, json_t **ret_data, char *why, size_t why_size)
{
	json_error_t error;
	json_t *root = len <= MESSAGE_ANSWER_MAX
			   ? json_loadb(line, len, JSON_REJECT_DUPLICATES, &error)
			   : NULL;
	int err = json_is_object(root) ? take_answer(root, ret_data, why, why_size)
				       : bad(why, why_size, "it does not answer in JSON");

	json_decref(root);
	return err;
}
