/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers as people write them on a command line. */
#include "lib/parse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NSEC_PER_SEC UINT64_C(1000000000)

static int fail(char *why, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int fail(char *why, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, size, fmt, args);
	va_end(args);
	return -EINVAL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Reads DIGITS into *ret and moves *s behind them. 0, -EINVAL (no digit) or -ERANGE (more than
 * 64 bits; *s still moves).
 */
static int digits(const char **s, uint64_t *ret)
{
	uint64_t value = 0;
	int err = 0;

	if (!is_digit(**s))
		return -EINVAL;
	for (; is_digit(**s); (*s)++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(**s - '0'), &value))
			err = -ERANGE;
	*ret = value;
	return err;
}

/* Reads DIGITS[.DIGITS] times unit, to nine decimals; 0, -EINVAL or -ERANGE. */
static int decimal(const char **s, uint64_t unit, uint64_t *ret)
{
	uint64_t whole = 0, fraction = 0, weight = NSEC_PER_SEC / 10;
	int err = 0;

	if (is_digit(**s))
		err = digits(s, &whole);
	else if (**s != '.')
		return -EINVAL;
	if (**s == '.') {
		if (!is_digit(*++*s))
			return -EINVAL;
		for (; is_digit(**s); (*s)++, weight /= 10)
			fraction += weight * (uint64_t)(**s - '0');
	}
	if (err)
		return err;
	fraction = (uint64_t)((unsigned __int128)unit * fraction / NSEC_PER_SEC);
	if (__builtin_mul_overflow(whole, unit, &whole) ||
	    __builtin_add_overflow(whole, fraction, ret))
		return -ERANGE;
	return 0;
}

int parse_number(const char *s, uint64_t min, uint64_t max, uint64_t *ret, char *why, size_t size)
{
	const char *p = s;
	uint64_t value;
	int err = digits(&p, &value);

	if (err == -EINVAL || *p)
		return fail(why, size, "'%s' is not a whole number", s);
	if (err || value < min || value > max)
		return fail(why, size, "%s is not within %" PRIu64 " to %" PRIu64, s, min, max);
	*ret = value;
	return 0;
}

/* Nanoseconds in a unit, or 0 for an unknown one. */
static uint64_t unit_ns(const char *s)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "", NSEC_PER_SEC },
		{ "s", NSEC_PER_SEC },
		{ "ms", 1000000 },
		{ "us", 1000 },
		{ "ns", 1 },
		{ "m", 60 * NSEC_PER_SEC },
		{ "h", 3600 * NSEC_PER_SEC },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(s, units[i].name))
			return units[i].ns;
	return 0;
}

int parse_duration(const char *s, uint64_t max_ns, uint64_t *ret_ns, char *why, size_t size)
{
	const char *p = s;
	uint64_t value, unit = unit_ns(s + strspn(s, "0123456789."));
	int err = decimal(&p, unit ? unit : 1, &value);

	if (err == -EINVAL || p != s + strspn(s, "0123456789.") || !unit)
		return fail(why, size,
			    "'%s' is not a time: write seconds (10, 0.5) or a unit (500ms, 2m, 1h)",
			    s);
	if (err || value > max_ns)
		return fail(why, size, "%s is too long: at most %" PRIu64 " seconds", s,
			    max_ns / NSEC_PER_SEC);
	if (!value)
		return fail(why, size, "%s is no time at all: it must be above 0", s);
	*ret_ns = value;
	return 0;
}

/* Bytes in a unit, or 0 for an unknown one. */
static uint64_t unit_bytes(const char *s)
{
	static const char letters[] = "KMGT";
	const char *letter = *s ? strchr(letters, *s) : NULL;

	if (!*s || !strcmp(s, "B"))
		return 1;
	if (!letter || (s[1] && strcmp(s + 1, "B") && strcmp(s + 1, "iB")))
		return 0;
	return UINT64_C(1024) << (10 * (letter - letters));
}

int parse_bytes(const char *s, uint64_t *ret, char *why, size_t size)
{
	const char *p = s;
	uint64_t value, unit = unit_bytes(s + strspn(s, "0123456789."));
	int err = decimal(&p, unit ? unit : 1, &value);

	if (err == -EINVAL || p != s + strspn(s, "0123456789.") || !unit)
		return fail(why, size, "'%s' is not a size: write bytes, or 64K, 100M, 1.5G", s);
	if (err)
		return fail(why, size, "%s is too much", s);
	*ret = value;
	return 0;
}

int parse_percent(const char *s, double min, double max, double *ret, char *why, size_t size)
{
	const char *p = s;
	uint64_t scaled = 0;
	double value;
	int err = decimal(&p, NSEC_PER_SEC, &scaled);

	if (*p == '%')
		p++;
	if (err == -EINVAL || *p)
		return fail(why, size, "'%s' is not a percentage: write 1, 0.5 or 2%%", s);
	value = (double)scaled / (double)NSEC_PER_SEC;
	if (err || value < min || value > max)
		return fail(why, size, "%s is not within %g to %g per cent", s, min, max);
	*ret = value;
	return 0;
}

int parse_frequency(const char *s, uint32_t *ret_hz, char *why, size_t size)
{
	const char *p = s;
	uint64_t hz;
	int err = digits(&p, &hz);

	if (err == -EINVAL || (*p && strcmp(p, "Hz") && strcmp(p, "hz")))
		return fail(why, size, "'%s' is not a sampling rate: write samples a second, as 99",
			    s);
	if (err || !hz || hz > PARSE_HZ_MAX)
		return fail(why, size, "%s is not within 1 to %d samples a second", s,
			    PARSE_HZ_MAX);
	*ret_hz = (uint32_t)hz;
	return 0;
}

/* One process ID of a list; moves *p behind it. */
static int parse_pid(const char **p, const u32_vec *seen, uint32_t *ret, char *why, size_t size)
{
	const char *start = *p;
	uint64_t pid;
	int err = digits(p, &pid);
	int len = (int)strcspn(start, ",");

	if (len > 64)
		len = 64;
	if (err == -EINVAL || (**p && **p != ','))
		return fail(why, size, "'%.*s' is not a process ID", len, start);
	if (err || !pid || pid > PARSE_PID_MAX)
		return fail(why, size, "%.*s is not a process ID: they go from 1 to %d", len, start,
			    PARSE_PID_MAX);
	vec_foreach (old, seen)
		if (*old == pid)
			return fail(why, size, "process %" PRIu64 " is named twice", pid);
	*ret = (uint32_t)pid;
	return 0;
}

int parse_pids(const char *s, u32_vec *pids, char *why, size_t size)
{
	const char *p = s;
	size_t before = pids->n;
	uint32_t pid = 0;
	int err;

	for (;;) {
		err = parse_pid(&p, pids, &pid, why, size);
		if (!err && vec_push(pids, pid)) {
			fail(why, size, "out of memory");
			err = -ENOMEM;
		}
		if (err) {
			pids->n = before;
			return err;
		}
		if (!*p)
			return 0;
		p++;
	}
}
