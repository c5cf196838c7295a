/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages and the progress line on standard error. */
#include "lib/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/text.h"

static enum log_level max_level = LOG_WARN;
static bool progress_shown;

void log_set_level(enum log_level level)
{
	max_level = level;
}

enum log_level log_level(void)
{
	return max_level;
}

/*
 * Messages quote what others wrote: names, arguments, files. Only debug messages may have lines
 * of their own: the verifier's.
 */
static void print(enum log_level level, int err, const char *fmt, va_list args)
{
	_cleanup_(buf_done) struct buf clean = {};
	const char *shown;
	char text[1024];

	if (level > max_level)
		return;
	log_progress_end();
	vsnprintf(text, sizeof(text), fmt, args);
	if (level == LOG_DEBUG)
		buf_add_str(&clean, text);
	else
		text_clean(&clean, text);
	shown = clean.err ? "out of memory" : buf_str(&clean);
	if (err)
		fprintf(stderr, "pathbpf: %s: %s\n", shown, strerror(abs(err)));
	else
		fprintf(stderr, "pathbpf: %s\n", shown);
}

#define PRINT(level, err)                                                                          \
	do {                                                                                       \
		va_list args;                                                                      \
		va_start(args, fmt);                                                               \
		print(level, err, fmt, args);                                                      \
		va_end(args);                                                                      \
	} while (0)

int log_err(int err, const char *fmt, ...)
{
	PRINT(LOG_ERR, err);
	return err;
}

int log_warn(int err, const char *fmt, ...)
{
	PRINT(LOG_WARN, err);
	return err;
}

void log_info(const char *fmt, ...)
{
	PRINT(LOG_INFO, 0);
}

void log_debug(const char *fmt, ...)
{
	PRINT(LOG_DEBUG, 0);
}

void log_progress(const char *fmt, ...)
{
	char text[160];
	va_list args;

	if (max_level < LOG_WARN || !isatty(STDERR_FILENO))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr, "\r\033[K%s", text);
	fflush(stderr);
	progress_shown = true;
}

void log_progress_end(void)
{
	if (!progress_shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress_shown = false;
}
