/* SPDX-License-Identifier: GPL-2.0-only */
/* What a trace has answered, for people. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "serve/message.h"

/* named: several are asked, so that each says who it is. 0 or a negative errno. */
int ctl_print(enum verb verb, json_t *data, uint32_t pid, bool named, bool json);
