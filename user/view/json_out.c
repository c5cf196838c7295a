/* SPDX-License-Identifier: GPL-2.0-only */
/* Writing JSON piece by piece. */
#include "view/json_out.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "data/report.h"

#define NS_PER_SEC UINT64_C(1000000000)

static void lead_in(struct json_out *j, const char *key)
{
	if (j->more)
		fputc(',', j->out);
	fputc('\n', j->out);
	if (key)
		fprintf(j->out, "\"%s\":", key);
	j->more = true;
}

void json_open(struct json_out *j, const char *key, char bracket)
{
	if (j->err)
		return;
	lead_in(j, key);
	fputc(bracket, j->out);
	j->more = false;
}

void json_close(struct json_out *j, char bracket)
{
	if (j->err)
		return;
	fputc(bracket, j->out);
	j->more = true;
}

void json_put(struct json_out *j, const char *key, json_t *value)
{
	if (!value)
		j->err = -ENOMEM;
	if (j->err) {
		json_decref(value);
		return;
	}
	lead_in(j, key);
	/* A failed write is seen by the caller, on the stream. */
	if (json_dumpf(value, j->out, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)) &&
	    !ferror(j->out))
		j->err = -ENOMEM;
	json_decref(value);
}

json_t *json_text(const char *s)
{
	struct buf b = {};
	json_t *text;

	text_clean(&b, s);
	text = b.err ? NULL : json_stringn(buf_str(&b), b.len);
	buf_done(&b);
	return text;
}

json_t *json_time(uint64_t ns)
{
	time_t sec = (time_t)(ns / NS_PER_SEC);
	char date[32] = "", text[64];
	struct tm tm;

	if (gmtime_r(&sec, &tm))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%09" PRIu64 "Z", date, ns % NS_PER_SEC);
	return json_string(text);
}

json_t *json_known(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_optional(const char *s)
{
	return s ? json_text(s) : json_null();
}
