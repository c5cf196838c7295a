/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzes what is said on the control socket, read as a request, as an answer and as a status. What
 * is accepted as a request can be said again, and means the same.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "serve/message.h"
#include "serve/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct request *r)
{
	char *line = request_format(r), why[200];
	struct request back;

	/* A string that was read is one that can be written. */
	if (!line || request_parse(line, strlen(line) - 1, &back, why, sizeof(why)))
		abort();
	if (back.verb != r->verb || back.settings.n != r->settings.n || !back.text != !r->text ||
	    (r->text && strcmp(back.text, r->text) != 0))
		abort();
	request_done(&back);
	free(line);
}

static void read_answer(const char *text, size_t size)
{
	struct trace_status s;
	char why[200] = "";
	json_t *answer = NULL;
	int err = answer_parse(text, size, &answer, why, sizeof(why));

	if (err && (answer || !*why))
		abort();
	if (err)
		return;
	if (!status_parse(answer, &s) &&
	    (!s.pid || s.state >= TRACE_STATES || s.pids_n > STATUS_PIDS ||
	     strlen(s.target) >= sizeof(s.target) || strlen(s.comm) >= sizeof(s.comm)))
		abort();
	json_decref(answer);
}

static void read_both(const char *text, size_t size)
{
	struct request r;
	char why[200] = "";
	int err = request_parse(text, size, &r, why, sizeof(why));

	if (err && (err != -EPROTO || !*why || r.text || r.settings.n))
		abort();
	if (!err)
		check_again(&r);
	request_done(&r);
	read_answer(text, size);
}

/* Pieces of messages: bytes alone would hardly ever make one. */
static const char *const pieces[] = {
	"{\"pathbpf\":1",
	",\"do\":\"add\"",
	",\"do\":\"limits\"",
	",\"do\":\"snapshot\"",
	",\"text\":\"",
	",\"settings\":{",
	",\"ok\":true",
	",\"ok\":false",
	",\"error\":\"",
	",\"data\":{",
	"\"pid\":",
	"\"state\":\"running\"",
	"\"state\":\"paused\"",
	"\"target\":\"",
	"\"process\":\"",
	"\"pids\":[",
	"\"cost_pct\":",
	"\"lost\":",
	"\"everybody\":true",
	"\"",
	"}",
	"]",
	":",
	",",
	"-1",
	"1e300",
	"9223372036854775807",
	"0.5",
	"\\u001b",
	"\\u0000",
	"null",
	"\"a\":\"1\"",
};

#define PIECES (sizeof(pieces) / sizeof(*pieces))

/* Bytes below PIECES stand for one of these, others for themselves. */
static void read_composed(const uint8_t *data, size_t size)
{
	size_t room = size * 24 + 1, len = 0;
	char *text = malloc(room);

	for (size_t i = 0; text && i < size; i++) {
		size_t n = data[i] < PIECES ? strlen(pieces[data[i]]) : 1;

		memcpy(text + len, data[i] < PIECES ? pieces[data[i]] : (const char *)&data[i], n);
		len += n;
	}
	if (text)
		read_both(text, len);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_both((const char *)data, size);
	read_composed(data, size);
	return 0;
}
