/* SPDX-License-Identifier: GPL-2.0-only */
/* CPython 3.8 and later, as a program or a library. */
#pragma once

#include "runtime/runtime.h"

extern const struct runtime runtime_python;
