/* SPDX-License-Identifier: GPL-2.0-only */
/* Options of `record` about plugins, findings and trends. */
#include "cmd/plugin_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"

#define NS_PER_SEC    UINT64_C(1000000000)
#define TREND_MAX_PCT 1e6
#define WINDOW_MIN_NS UINT64_C(10000000)
#define YEAR_NS       (366 * 24 * 3600 * NS_PER_SEC)

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

enum limit { ERROR_RATE, SLOW, MEMORY, CPU, FAILURES, MIN_CALLS, TREND, LIMITS };

static const char *const limit_names[LIMITS] = { "error-rate", "slow",      "memory", "cpu",
						 "failures",   "min-calls", "trend" };

static int parse_share(const char *s, double max, double *ret, char *why, size_t size)
{
	if (!is_off(s))
		return parse_percent(s, 0, max, ret, why, size);
	*ret = 0;
	return 0;
}

static int parse_time(const char *s, uint64_t *ret, char *why, size_t size)
{
	if (!is_off(s))
		return parse_duration(s, YEAR_NS, ret, why, size);
	*ret = 0;
	return 0;
}

int plugin_options_set_timeout(struct plugin_options *o, const char *s, char *why, size_t size)
{
	return parse_time(s, &o->timeout_ns, why, size);
}

static int parse_count(const char *s, uint64_t *ret, char *why, size_t size)
{
	if (!is_off(s))
		return parse_number(s, 0, UINT64_MAX, ret, why, size);
	*ret = 0;
	return 0;
}

int parse_memory(const char *s, uint64_t *ret, char *why, size_t size)
{
	if (!is_off(s))
		return parse_bytes(s, ret, why, size);
	*ret = 0;
	return 0;
}

int limits_parse(const char *s, struct limits *ret, char *why, size_t size)
{
	size_t len = strcspn(s, "=");
	const char *value = s + len + (s[len] == '=');
	int i = 0;

	while (i < LIMITS &&
	       (!s[len] || strlen(limit_names[i]) != len || memcmp(limit_names[i], s, len)))
		i++;
	switch ((enum limit)i) {
	case ERROR_RATE:
		return parse_share(value, 100, &ret->error_pct, why, size);
	case SLOW:
		return parse_time(value, &ret->slow_ns, why, size);
	case MEMORY:
		return parse_memory(value, &ret->memory_bytes, why, size);
	case CPU:
		return parse_share(value, 100, &ret->cpu_pct, why, size);
	case FAILURES:
		return parse_count(value, &ret->failures, why, size);
	case MIN_CALLS:
		return parse_count(value, &ret->min_calls, why, size);
	case TREND:
		return parse_share(value, TREND_MAX_PCT, &ret->trend_pct, why, size);
	case LIMITS:
		break;
	}
	snprintf(why, size,
		 "'%s' is no limit: write NAME=VALUE, with error-rate, slow, memory, cpu, "
		 "failures, min-calls or trend",
		 s);
	return -EINVAL;
}
