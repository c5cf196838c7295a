/* SPDX-License-Identifier: GPL-2.0-only */
/* A module of redis with one command, PLUG.ECHO NUMBER. Redis hands its API over by name. */
#include <stddef.h>

typedef int (*command)(void *ctx, void **argv, int argc);

static int (*get_api)(const char *name, void *to);
static int (*reply_with_long)(void *ctx, long long value);
static int (*wrong_arity)(void *ctx);
static int (*string_to_long)(const void *string, long long *to);

int RedisModule_OnLoad(void *ctx, void **argv, int argc);

#define OK        0
#define ERR       1
#define API_LEVEL 1

static int echo_command(void *ctx, void **argv, int argc)
{
	long long value;

	if (argc != 2 || string_to_long(argv[1], &value))
		return wrong_arity(ctx);
	return reply_with_long(ctx, value);
}

int RedisModule_OnLoad(void *ctx, void **argv, int argc)
{
	void (*set_attributes)(void *, const char *, int, int);
	int (*create)(void *, const char *, command, const char *, int, int, int);

	(void)argv;
	(void)argc;
	get_api = *(int (**)(const char *, void *))ctx;
	if (get_api("RedisModule_SetModuleAttribs", &set_attributes) ||
	    get_api("RedisModule_CreateCommand", &create) ||
	    get_api("RedisModule_ReplyWithLongLong", &reply_with_long) ||
	    get_api("RedisModule_WrongArity", &wrong_arity) ||
	    get_api("RedisModule_StringToLongLong", &string_to_long))
		return ERR;
	set_attributes(ctx, "plug", 1, API_LEVEL);
	return create(ctx, "plug.echo", echo_command, "", 0, 0, 0) ? ERR : OK;
}
