/* SPDX-License-Identifier: GPL-2.0-only */
/* The shared objects that a program will have mapped. */
#include "trace/dependencies.h"

#include <string.h>

#include "lib/cleanup.h"
#include "lib/command_pipe.h"
#include "trace/objectfile.h"

int dependencies_add(struct object_files *objects, const char *interp, const char *program)
{
	char *argv[] = { (char *)interp, (char *)"--list", (char *)program, NULL };
	_cleanup_fclose_ FILE *out = NULL;
	char line[4096];
	pid_t pid;
	int err = command_open(argv, &out, &pid);

	if (err)
		return err;
	while (fgets(line, sizeof(line), out)) {
		char *path = strchr(line, '/'), *end = path ? strstr(path, " (0x") : NULL;
		uint32_t object;

		if (!end)
			continue;
		*end = '\0';
		object_files_add_path(objects, path, &object);
	}
	return command_close(pid);
}
