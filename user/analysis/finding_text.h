/* SPDX-License-Identifier: GPL-2.0-only */
/* What a finding says. */
#pragma once

#include "analysis/findings.h"
#include "analysis/subject.h"

/* Appends one clean sentence: what, with figures, and what to do about it. */
void finding_format(struct buf *b, const struct report *r, const struct subject *s,
		    const struct finding *f);
