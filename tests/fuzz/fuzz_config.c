/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzes the text of a configuration: files, lists of a variable, quoting. What is refused is
 * explained; what is read can be written and read again; what follows from the settings of any
 * layers is one value an option.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/conftext.h"
#include "lib/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned told;

static int set(void *ctx, const char *value)
{
	(void)ctx;
	(void)value;
	told++;
	return 0;
}

static const struct opt rows[] = {
	{ 0, "rate", "N", "", set, .overrules = "list" },
	{ 0, "list", "X", "", set, OPT_LIST, .overrules = "rate" },
	{ 0, "key", "X=Y", "", set, OPT_KEYED, .preset = "a=1; b=2" },
};

/* "k = VALUE" must give the value back. */
static void check_quote(const char *value)
{
	struct buf line = {};
	struct conf_text c;
	struct conf_pair pair;
	char why[160];

	buf_add_str(&line, "k = ");
	conf_quote(&line, value);
	buf_add_str(&line, " # comment\n");
	if (line.len <= CONF_LINE_MAX) {
		c = (struct conf_text){ .next = line.data, .end = line.data + line.len };
		if (conf_next(&c, &pair, why, sizeof(why)) != 1 || strcmp(pair.value, value) != 0 ||
		    strcmp(pair.key, "k") != 0)
			abort();
		if (conf_next(&c, &pair, why, sizeof(why)) != 0)
			abort();
	}
	buf_done(&line);
}

static void check_file(char *text, size_t len, struct settings *s)
{
	struct conf_text c = { .next = text, .end = text + len };
	struct conf_pair pair;
	char why[160] = "";
	unsigned line = 0;
	int more;

	while ((more = conf_next(&c, &pair, why, sizeof(why))) > 0) {
		unsigned char first = (unsigned char)pair.key[0];

		if (!*pair.key || c.line <= line)
			abort();
		line = c.line;
		check_quote(pair.value);
		if (s->list.n < 200 &&
		    settings_add(s, &rows[first % 3], (enum setting_layer)(first & 3), line,
				 pair.value) >= 0)
			abort();
	}
	if (more && (more != -EINVAL || !*why || !c.line))
		abort();
}

static void check_list(char *text)
{
	const char *value;
	char why[160] = "";
	int more;

	while ((more = conf_list_next(&text, &value, why, sizeof(why))) > 0)
		check_quote(value);
	if (more ? more != -EINVAL || !*why : *text != '\0')
		abort();
}

static void check_settings(struct settings *s)
{
	unsigned in_effect[3] = {};

	told = 0;
	if (settings_apply(s, NULL, NULL) >= 0 || (s->list.n && !told))
		abort();
	for (int i = 0; i < 3; i++) {
		const struct setting *one = NULL;

		while ((one = settings_next(s, &rows[i], one)) != NULL)
			in_effect[i]++;
	}
	if (in_effect[0] > 1 || in_effect[0] + in_effect[1] + in_effect[2] > told)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *list = strndup((const char *)data, size);
	struct settings s = {};

	if (text && list) {
		memcpy(text, data, size);
		check_file(text, size, &s);
		check_settings(&s);
		check_list(list);
	}
	settings_done(&s);
	free(text);
	free(list);
	return 0;
}
