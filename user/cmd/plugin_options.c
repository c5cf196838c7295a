/* SPDX-License-Identifier: GPL-2.0-only */
/* Options of `record` about plugins, findings and trends. */
#include "cmd/plugin_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"

#define NS_PER_SEC    UINT64_C(1000000000)
#define WINDOW_MIN_NS UINT64_C(10000000)
#define YEAR_NS       (366 * 24 * 3600 * NS_PER_SEC)

void plugin_options_init(struct plugin_options *o)
{
	*o = (struct plugin_options){ .timeout_ns = PLUGIN_TIMEOUT_NS,
				      .events_max = PLUGIN_EVENTS_MAX,
				      .limits = LIMITS_DEFAULT };
}

void plugin_options_done(struct plugin_options *o)
{
	vec_done(&o->globs);
}

uint64_t plugin_options_window(const struct plugin_options *o, uint64_t duration_ns)
{
	uint64_t window = duration_ns / 20;

	if (o->window_ns)
		return o->window_ns;
	if (!duration_ns)
		return NS_PER_SEC;
	if (window < NS_PER_SEC / 10)
		return NS_PER_SEC / 10;
	return window > 60 * NS_PER_SEC ? 60 * NS_PER_SEC : window;
}

static bool is_off(const char *s)
{
	return !strcmp(s, "off") || !strcmp(s, "0");
}

int plugin_options_add_glob(struct plugin_options *o, const char *s, char *why, size_t size)
{
	if (!*s) {
		snprintf(why, size, "an empty glob matches nothing");
		return -EINVAL;
	}
	return vec_push(&o->globs, s);
}

int plugin_options_set_timeout(struct plugin_options *o, const char *s, char *why, size_t size)
{
	if (!is_off(s))
		return parse_duration(s, YEAR_NS, &o->timeout_ns, why, size);
	o->timeout_ns = 0;
	return 0;
}

int plugin_options_set_window(struct plugin_options *o, const char *s, char *why, size_t size)
{
	uint64_t window;
	int err = parse_duration(s, YEAR_NS, &window, why, size);

	if (err)
		return err;
	if (window < WINDOW_MIN_NS) {
		snprintf(why, size, "%s is too short: at least 10ms", s);
		return -EINVAL;
	}
	o->window_ns = window;
	return 0;
}

enum limit_kind { LIMIT_PERCENT, LIMIT_TIME, LIMIT_BYTES, LIMIT_COUNT };

static const struct limit_name {
	const char *name;
	enum limit_kind kind;
	size_t offset;
	double max; /* of a percentage */
} limit_names[] = {
	{ "error-rate", LIMIT_PERCENT, offsetof(struct limits, error_pct), 100 },
	{ "slow", LIMIT_TIME, offsetof(struct limits, slow_ns), 0 },
	{ "memory", LIMIT_BYTES, offsetof(struct limits, memory_bytes), 0 },
	{ "cpu", LIMIT_PERCENT, offsetof(struct limits, cpu_pct), 100 },
	{ "failures", LIMIT_COUNT, offsetof(struct limits, failures), 0 },
	{ "min-calls", LIMIT_COUNT, offsetof(struct limits, min_calls), 0 },
	{ "trend", LIMIT_PERCENT, offsetof(struct limits, trend_pct), 1000000 },
};

static int parse_value(const struct limit_name *n, const char *s, struct limits *l, char *why,
		       size_t size)
{
	char *field = (char *)l + n->offset;

	switch (n->kind) {
	case LIMIT_PERCENT:
		if (is_off(s))
			*(double *)field = 0;
		return is_off(s) ? 0 : parse_percent(s, 0, n->max, (double *)field, why, size);
	case LIMIT_TIME:
		if (is_off(s))
			*(uint64_t *)field = 0;
		return is_off(s) ? 0 : parse_duration(s, YEAR_NS, (uint64_t *)field, why, size);
	case LIMIT_BYTES:
		if (is_off(s))
			*(uint64_t *)field = 0;
		return is_off(s) ? 0 : parse_bytes(s, (uint64_t *)field, why, size);
	case LIMIT_COUNT:
		if (is_off(s))
			*(uint64_t *)field = 0;
		return is_off(s) ? 0 : parse_number(s, 0, UINT64_MAX, (uint64_t *)field, why, size);
	}
	return -EINVAL;
}

int limits_parse(const char *s, struct limits *ret, char *why, size_t size)
{
	size_t len = strcspn(s, "=");

	for (size_t i = 0; i < sizeof(limit_names) / sizeof(*limit_names) && s[len]; i++) {
		const struct limit_name *n = &limit_names[i];

		if (strlen(n->name) == len && !memcmp(n->name, s, len))
			return parse_value(n, s + len + 1, ret, why, size);
	}
	snprintf(why, size,
		 "'%s' is no limit: write NAME=VALUE, with error-rate, slow, memory, cpu, "
		 "failures, min-calls or trend",
		 s);
	return -EINVAL;
}
