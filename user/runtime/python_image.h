/* SPDX-License-Identifier: GPL-2.0-only */
/* What BPF must know of CPython in a process. */
#pragma once

#include <linux/types.h>

#include "bpf/wire.h"
#include "runtime/python_process.h"

/* 0, or -EINVAL: the layout cannot be told to BPF. */
int python_image_make(const struct python_process *p, struct pb_python_image *ret);
