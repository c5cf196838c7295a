/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages for people, on standard error, one line each: "pathbpf: TEXT". Only cmd/ and main
 * report errors; layers below return them.
 */
#pragma once

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Messages above this level are dropped; LOG_WARN at start. */
void log_set_level(enum log_level level);
enum log_level log_level(void);

/*
 * Prints a message; errors and warnings that carry an errno append its text. Each returns err
 * unchanged, so that `return log_err(err, "cannot open '%s'", path);` is one statement. A
 * trailing newline is added. Err 0 appends nothing. What is not printable in an argument is shown
 * as '?', so that a hostile name can neither add lines nor move the cursor.
 */
int log_err(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int log_warn(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The progress line: rewritten in place when standard error is a terminal, silent otherwise.
 * log_*() clears it before it prints. A NULL or empty text removes it.
 */
void log_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_progress_end(void);
