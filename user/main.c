/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of commands. Without a verb, `record` runs. */
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "lib/log.h"
#include "lib/opt.h"

#ifndef PATHBPF_VERSION
#define PATHBPF_VERSION "unknown"
#endif

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))

static const struct command *const commands[] = { &cmd_record, &cmd_ps,    &cmd_ctl,
						  &cmd_config, &cmd_funcs, &cmd_overhead,
						  &cmd_doctor };

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	const char *names[ARRAY_LEN(commands) + 1] = { "help" }, *near;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		names[i + 1] = commands[i]->name;
	near = opt_nearest(name, names, ARRAY_LEN(names));
	if (near)
		return opt_fail("unknown command '%s' (did you mean '%s'?)", name, near);
	return opt_fail("unknown command '%s'; to start a program, write: pathbpf -- %s", name,
			name);
}

/* `help CMD` is `CMD --help`; `help` alone also lists the commands. */
static int help(const char *name)
{
	const struct command *c = name ? find(name) : &cmd_record;
	char verb[32], option[] = "--help";
	char *argv[] = { verb, option, NULL };
	int status;

	if (!c)
		return unknown(name);
	snprintf(verb, sizeof(verb), "%s", c->name);
	status = c->run(2, argv);
	if (status || name)
		return status;
	printf("\nCommands:\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		printf("  %-24s%s%s\n", commands[i]->name, commands[i]->summary,
		       commands[i] == &cmd_record ? " (the default)" : "");
	printf("  %-24s%s\n", "help [COMMAND]", "describe a command");
	printf("      %-20s%s\n", "--version", "print the version");
	return 0;
}

static int run(int argc, char **argv)
{
	const char *first = argc > 1 ? argv[1] : "";
	const struct command *c;

	if (!strcmp(first, "--version")) {
		printf("pathbpf %s\n", PATHBPF_VERSION);
		return 0;
	}
	if (!strcmp(first, "--help"))
		return help(NULL);
	if (!strcmp(first, "help"))
		return help(argc > 2 ? argv[2] : NULL);
	if (!*first || *first == '-')
		return cmd_record.run(argc, argv);
	c = find(first);
	return c ? c->run(argc - 1, argv + 1) : unknown(first);
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	/* Results that could not be written are no success. */
	if (fflush(stdout) || ferror(stdout)) {
		log_err(0, "cannot write to standard output");
		return status ? status : STATUS_FAILED;
	}
	return status;
}
