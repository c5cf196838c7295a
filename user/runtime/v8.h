/* SPDX-License-Identifier: GPL-2.0-only */
/* V8, the JavaScript engine of Node.js. */
#pragma once

#include "runtime/runtime.h"

extern const struct runtime runtime_v8;
