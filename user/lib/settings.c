/* SPDX-License-Identifier: GPL-2.0-only */
/* What was set, where. */
#include "lib/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/conftext.h"
#include "lib/log.h"

#define FAILED    1
#define COUNT_MAX 9
#define TOLD_MAX  4

void settings_done(struct settings *s)
{
	vec_foreach (text, &s->texts)
		free(*text);
	vec_done(&s->texts);
	vec_done(&s->list);
	s->file = s->stranger = NULL;
}

char *settings_keep(struct settings *s, char *text)
{
	if (!text || !vec_push(&s->texts, text))
		return text;
	free(text);
	return NULL;
}

void setting_variable(struct buf *b, const struct opt *opt)
{
	buf_add_str(b, OPT_VARIABLES);
	for (const char *p = opt->name; *p; p++)
		buf_add_char(b, *p == '-' ? '_' : (char)toupper((unsigned char)*p));
}

void setting_origin(struct buf *b, const struct settings *s, const struct setting *one)
{
	switch (one->layer) {
	case SETTING_PRESET:
		buf_add_str(b, "default");
		break;
	case SETTING_FILE:
		buf_printf(b, "file %s:%u", s->file, one->line);
		break;
	case SETTING_VARIABLE:
		buf_add_str(b, "environment ");
		setting_variable(b, one->opt);
		break;
	case SETTING_FLAG:
		buf_add_str(b, "flag");
		break;
	}
}

/* Says what is wrong with a value, and where it stands. */
static int fail_value(const struct settings *s, const struct setting *one, const char *text)
{
	_cleanup_(buf_done) struct buf variable = {};

	switch (one->layer) {
	case SETTING_FILE:
		log_err(0, "%s:%u: %s: %s", s->file, one->line, one->opt->name, text);
		return OPT_USAGE_STATUS;
	case SETTING_VARIABLE:
		setting_variable(&variable, one->opt);
		log_err(0, "%s: %s", buf_str(&variable), text);
		return OPT_USAGE_STATUS;
	default:
		return opt_fail("--%s: %s", one->opt->name, text);
	}
}

static int fail_memory(void)
{
	log_err(0, "out of memory");
	return FAILED;
}

/* "yes", "no" and their kind, or how often: 0, or -EINVAL. */
static int parse_switch(const struct opt *opt, const char *s, unsigned *ret)
{
	static const char *const words[][2] = {
		{ "no", "yes" }, { "false", "true" }, { "off", "on" }, { "0", "1" }
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		for (unsigned yes = 0; yes < 2; yes++) {
			if (!strcmp(s, words[i][yes])) {
				*ret = yes;
				return 0;
			}
		}
	}
	if (opt->repeat != OPT_COUNT || s[0] < '2' || s[0] > '0' + COUNT_MAX || s[1])
		return -EINVAL;
	*ret = (unsigned)(s[0] - '0');
	return 0;
}

int settings_add(struct settings *s, const struct opt *opt, enum setting_layer layer, unsigned line,
		 const char *value)
{
	struct setting one = {
		.opt = opt, .value = value, .count = 1, .line = line, .layer = layer
	};
	_cleanup_(buf_done) struct buf text = {};

	if (!opt->arg && value && parse_switch(opt, value, &one.count)) {
		buf_printf(&text, "'%.60s' is neither yes%s", value,
			   opt->repeat == OPT_COUNT ? ", no nor a number up to 9" : " nor no");
		return fail_value(s, &one, buf_str(&text));
	}
	if (!opt->arg)
		one.value = NULL;
	if (s->list.n == SETTINGS_MAX) {
		log_err(0, "more than %d settings", SETTINGS_MAX);
		return OPT_USAGE_STATUS;
	}
	return vec_push(&s->list, one) ? fail_memory() : -1;
}

int settings_add_text(struct settings *s, const struct opt *opt, enum setting_layer layer,
		      char *text)
{
	const struct setting place = { .opt = opt, .layer = layer };
	const char *value;
	char why[128];
	int more, status = -1;

	text = settings_keep(s, text);
	if (!text)
		return fail_memory();
	if (!opt->arg || (opt->repeat != OPT_LIST && opt->repeat != OPT_KEYED))
		return settings_add(s, opt, layer, 0, text);
	while (status < 0 && (more = conf_list_next(&text, &value, why, sizeof(why))) != 0)
		status =
		    more < 0 ? fail_value(s, &place, why) : settings_add(s, opt, layer, 0, value);
	return status;
}

int settings_add_presets(struct settings *s, const struct opt_usage *u)
{
	int status = -1;

	for (size_t g = 0; g < u->n; g++) {
		for (size_t i = 0; i < u->groups[g].n && status < 0; i++) {
			const struct opt *o = &u->groups[g].opts[i];

			if (o->preset)
				status = settings_add_text(s, o, SETTING_PRESET, strdup(o->preset));
		}
	}
	return status;
}

const char *settings_take_flag(struct settings *s, const char *name)
{
	const char *value = NULL;
	size_t n = 0;

	vec_foreach (one, &s->list) {
		if (one->layer == SETTING_FLAG && !strcmp(one->opt->name, name))
			value = one->value;
		else
			s->list.v[n++] = *one;
	}
	s->list.n = n;
	return value;
}

/* Is the name among names, which stand between blanks? */
static bool has_name(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = names; p && *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (n == len && !memcmp(p, name, len))
			return true;
		p += n;
	}
	return false;
}

void settings_overrule(struct settings *s, const char *names)
{
	vec_foreach (one, &s->list)
		if (one->layer != SETTING_FLAG && has_name(names, one->opt->name))
			one->overruled = true;
}

/* Of NAME=VALUE; other options have one key only. */
static bool same_key(const struct setting *a, const struct setting *b)
{
	size_t len;

	if (a->opt->repeat != OPT_KEYED)
		return true;
	len = strcspn(a->value, "=");
	return strcspn(b->value, "=") == len && !memcmp(a->value, b->value, len);
}

/* `high` stands behind `low`, in the same layer or above. */
static bool overrules(const struct setting *high, const struct setting *low)
{
	if (high->opt == low->opt && high->layer == low->layer)
		return !low->opt->arg && low->opt->repeat != OPT_COUNT;
	if (high->opt == low->opt)
		return same_key(high, low);
	/* A switch that says no contradicts nobody. */
	return high->layer > low->layer && high->count && low->layer != SETTING_PRESET &&
	       has_name(high->opt->overrules, low->opt->name);
}

/* From the highest down: what is overruled has no say itself. */
static void find_overruled(struct settings *s)
{
	for (size_t high = s->list.n; high-- > 0;)
		for (size_t low = 0; low < high && !s->list.v[high].overruled; low++)
			if (overrules(&s->list.v[high], &s->list.v[low]))
				s->list.v[low].overruled = true;
}

static int sort_by_layer(struct settings *s)
{
	struct settings sorted = {};

	if (vec_reserve(&sorted.list, s->list.n))
		return fail_memory();
	for (int layer = SETTING_PRESET; layer <= SETTING_FLAG; layer++)
		vec_foreach (one, &s->list)
			if ((int)one->layer == layer)
				sorted.list.v[sorted.list.n++] = *one;
	free(s->list.v);
	s->list.v = sorted.list.v;
	s->list.cap = sorted.list.cap;
	return -1;
}

int setting_apply(const struct settings *s, const struct setting *one, void *ctx, const char *why)
{
	_cleanup_(buf_done) struct buf text = {};
	int err = 0;

	for (unsigned i = 0; i < one->count && !err; i++)
		err = one->opt->set(ctx, one->value);
	if (!err)
		return -1;
	if (err == -ENOMEM)
		return fail_memory();
	if (why && *why)
		return fail_value(s, one, why);
	buf_printf(&text, "'%s' is not valid", one->value ? one->value : "");
	return fail_value(s, one, buf_str(&text));
}

int settings_apply(struct settings *s, void *ctx, const char *why)
{
	int status = sort_by_layer(s);

	if (status >= 0)
		return status;
	find_overruled(s);
	vec_foreach (one, &s->list) {
		if (!one->overruled)
			status = setting_apply(s, one, ctx, why);
		if (status >= 0)
			break;
	}
	return status;
}

/* Is there a later one that replaces it? */
static bool is_replaced(const struct settings *s, const struct setting *one)
{
	if (one->opt->repeat == OPT_LIST)
		return false;
	for (const struct setting *later = one + 1; later < s->list.v + s->list.n; later++)
		if (later->opt == one->opt && !later->overruled && same_key(later, one))
			return true;
	return false;
}

const struct setting *settings_next(const struct settings *s, const struct opt *opt,
				    const struct setting *after)
{
	const struct setting *one = after ? after + 1 : s->list.v;

	for (; one < s->list.v + s->list.n; one++)
		if (one->opt == opt && !one->overruled && !is_replaced(s, one))
			return one;
	return NULL;
}

unsigned settings_count(const struct settings *s, const struct opt *opt)
{
	unsigned count = 0;

	vec_foreach (one, &s->list)
		if (one->opt == opt && !one->overruled)
			count += one->count;
	return count;
}

int settings_layer(const struct settings *s, const char *name)
{
	int layer = -1;

	vec_foreach (one, &s->list)
		if (!one->overruled && (int)one->layer > layer && !strcmp(one->opt->name, name))
			layer = (int)one->layer;
	return layer;
}

void settings_origins(struct buf *b, const struct settings *s, const char *names)
{
	_cleanup_(buf_done) struct buf text = {};
	unsigned told = 0;
	bool elsewhere = false;

	vec_foreach (one, &s->list) {
		if (one->overruled || one->layer == SETTING_PRESET ||
		    !has_name(names, one->opt->name))
			continue;
		elsewhere = elsewhere || one->layer != SETTING_FLAG;
		if (told++ == TOLD_MAX)
			break;
		buf_printf(&text, "%s%s: ", told > 1 ? "; " : "", one->opt->name);
		setting_origin(&text, s, one);
	}
	if (elsewhere)
		buf_printf(b, " (%s%s)", buf_str(&text), told > TOLD_MAX ? "; …" : "");
}
