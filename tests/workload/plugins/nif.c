/* SPDX-License-Identifier: GPL-2.0-only */
/* Native functions of an Erlang module: twice(N), which fails for what is no number. */
#include <erl_nif.h>

static ERL_NIF_TERM twice(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
	int n;

	(void)argc;
	if (!enif_get_int(env, argv[0], &n))
		return enif_make_badarg(env);
	return enif_make_int(env, 2 * n);
}

static ErlNifFunc functions[] = { { "twice", 1, twice, 0 } };

ERL_NIF_INIT(nif, functions, NULL, NULL, NULL, NULL)
