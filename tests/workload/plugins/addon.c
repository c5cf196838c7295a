/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A native addon of Node: twice(N), and fails(), which throws. Node's stable interface (N-API) is
 * declared here, as far as it is used: its headers are not on every machine.
 */
#include <stddef.h>
#include <stdint.h>

typedef struct env *napi_env;
typedef struct value *napi_value;
typedef struct info *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);

int napi_create_function(napi_env env, const char *name, size_t length, napi_callback cb,
			 void *data, napi_value *result);
int napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value);
int napi_get_cb_info(napi_env env, napi_callback_info info, size_t *argc, napi_value *argv,
		     napi_value *this_arg, void **data);
int napi_get_value_int32(napi_env env, napi_value value, int32_t *result);
int napi_create_int32(napi_env env, int32_t value, napi_value *result);
int napi_throw_error(napi_env env, const char *code, const char *msg);

#define AUTO_LENGTH SIZE_MAX

napi_value napi_register_module_v1(napi_env env, napi_value exports);

static napi_value twice(napi_env env, napi_callback_info info)
{
	napi_value arg, ret = NULL;
	size_t argc = 1;
	int32_t n = 0;

	napi_get_cb_info(env, info, &argc, &arg, NULL, NULL);
	napi_get_value_int32(env, arg, &n);
	napi_create_int32(env, 2 * n, &ret);
	return ret;
}

static napi_value fails(napi_env env, napi_callback_info info)
{
	(void)info;
	napi_throw_error(env, NULL, "as it was asked to");
	return NULL;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
	napi_value f;

	napi_create_function(env, "twice", AUTO_LENGTH, twice, NULL, &f);
	napi_set_named_property(env, exports, "twice", f);
	napi_create_function(env, "fails", AUTO_LENGTH, fails, NULL, &f);
	napi_set_named_property(env, exports, "fails", f);
	return exports;
}
