/* SPDX-License-Identifier: GPL-2.0-only */
/* What main.go calls. */
#pragma once

int c_burns(int n);
int c_calls_go(int depth);
void c_starts_thread(void);
