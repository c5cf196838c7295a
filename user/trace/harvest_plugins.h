/* SPDX-License-Identifier: GPL-2.0-only */
/* Plugins and their events go into the report. */
#pragma once

struct collect;
struct loaders;
struct report;
struct resolver;

/* Fills the report's plugins; those of collect must have ended. 0 or -ENOMEM. */
int harvest_plugins(struct collect *c, const struct loaders *l, struct resolver *res,
		    struct report *r);
