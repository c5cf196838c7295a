/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The targets' text against its file, before it is probed. The kernel probes places of a file, and
 * what it executes in place of a probed instruction is the file's, too. A process may have
 *   - changed a function in memory: probed, an instruction would run as the file has it. Such a
 *     function is left alone, and so is one in which somebody else's breakpoint stands;
 *   - moved its text to memory of its own (huge pages): no probe would ever be hit there.
 * Only private copies of pages differ from the file. Which pages are copies is cheap to know, so
 * that little is compared.
 */
#pragma once

struct object_files;
struct plan;
struct processes;

/*
 * Refuses functions and hooks of a plan that are not attached yet, and in a live process not as
 * the file has them. 0 or -ENOMEM. A process that cannot be read (any more) is passed over.
 */
int textcheck_plan(struct plan *plan, const struct object_files *objects,
		   const struct processes *processes);
