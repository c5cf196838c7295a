/* SPDX-License-Identifier: GPL-2.0-only */
/* What is said on a trace's socket: whatever is wrong with it is found, and told. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve/message.h"
#include "serve/status.h"

Test(message, verbs_have_names)
{
	for (enum verb v = 0; v < VERBS; v++)
		cr_assert_eq(verb_of(verb_name(v)), v);
	cr_assert_eq(verb_of("dance"), VERBS);
}

static struct request parse(const char *line)
{
	struct request r;
	char why[200] = "";

	cr_assert_eq(request_parse(line, strlen(line), &r, why, sizeof(why)), 0, "%s", why);
	return r;
}

Test(message, requests_come_out_as_they_went_in)
{
	for (enum verb v = 0; v < VERBS; v++) {
		struct request r, back;
		char why[200], *line;

		request_init(&r, v);
		if (v == VERB_ADD || v == VERB_REMOVE || v == VERB_SNAPSHOT)
			r.text = strdup("libx.so:ns::f<\"\\>*@ret<0");
		if (v == VERB_LIMITS)
			cr_assert_eq(
			    vec_push(&r.settings,
				     (struct limit_setting){ strdup("a"), strdup("1 \n") }),
			    0);
		line = request_format(&r);
		cr_assert_not_null(line);
		cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1, "one line");
		cr_assert_eq(request_parse(line, strlen(line) - 1, &back, why, sizeof(why)), 0,
			     "%s", why);
		cr_assert_eq(back.verb, v);
		cr_assert_eq(back.settings.n, r.settings.n);
		if (r.text)
			cr_assert_str_eq(back.text, r.text);
		if (r.settings.n)
			cr_assert_str_eq(back.settings.v[0].value, "1 \n");
		free(line);
		request_done(&r);
		request_done(&back);
	}
}

Test(message, descriptors_belong_to_the_request)
{
	struct request r = parse("{\"pathbpf\":1,\"do\":\"snapshot\",\"text\":\"json\"}");
	int fd = dup(STDERR_FILENO);

	for (int i = 0; i < MESSAGE_FDS; i++)
		cr_assert_eq(r.fds[i], -1);
	r.fds[1] = fd;
	request_done(&r);
	cr_assert_eq(close(fd), -1, "it was closed");
}

struct broken {
	const char line[200], part[80];
};

ParameterizedTestParameters(message, what_is_wrong_is_told)
{
	static struct broken cases[] = {
		{ "", "no JSON object" },
		{ "{", "no JSON object" },
		{ "[]", "no JSON object" },
		{ "\"pathbpf\"", "no JSON object" },
		{ "{} {}", "no JSON object" },
		{ "{}", "no message of pathbpf's" },
		{ "{\"pathbpf\":\"1\",\"do\":\"list\"}", "no message of pathbpf's" },
		{ "{\"pathbpf\":2,\"do\":\"list\"}", "version 2" },
		{ "{\"pathbpf\":-9223372036854775808,\"do\":\"list\"}", "version -9" },
		{ "{\"pathbpf\":1}", "nothing that this version can do" },
		{ "{\"pathbpf\":1,\"do\":7}", "nothing that this version can do" },
		{ "{\"pathbpf\":1,\"do\":\"List\"}", "nothing that this version can do" },
		{ "{\"pathbpf\":1,\"do\":\"list\",\"do\":\"stop\"}", "no JSON object" },
		{ "{\"pathbpf\":1,\"do\":\"add\"}", "its text is missing" },
		{ "{\"pathbpf\":1,\"do\":\"add\",\"text\":\"\"}", "its text is missing" },
		{ "{\"pathbpf\":1,\"do\":\"add\",\"text\":[\"f\"]}", "its text is missing" },
		{ "{\"pathbpf\":1,\"do\":\"add\",\"text\":\"a\\u0000b\"}", "no JSON object" },
		{ "{\"pathbpf\":1,\"do\":\"list\",\"settings\":{}}", "its settings are wrong" },
		{ "{\"pathbpf\":1,\"do\":\"limits\",\"settings\":[]}", "its settings are wrong" },
		{ "{\"pathbpf\":1,\"do\":\"limits\",\"settings\":{\"a\":1}}",
		  "its settings are wrong" },
	};

	return cr_make_param_array(struct broken, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct broken *c, message, what_is_wrong_is_told)
{
	struct request r;
	char why[200] = "";

	cr_assert_eq(request_parse(c->line, strlen(c->line), &r, why, sizeof(why)), -EPROTO, "%s",
		     c->line);
	cr_assert_not_null(strstr(why, c->part), "'%s' of %s", why, c->line);
	cr_assert_null(r.text);
	cr_assert_eq(r.settings.n, 0);
}

Test(message, a_request_has_bounds)
{
	char *line = malloc(MESSAGE_REQUEST_MAX + 100), why[200];
	struct request r;
	int n;

	memset(line, ' ', MESSAGE_REQUEST_MAX + 100);
	cr_assert_eq(request_parse(line, MESSAGE_REQUEST_MAX + 1, &r, why, sizeof(why)), -EPROTO);
	cr_assert_str_eq(why, "it is too long");
	n = snprintf(line, 64, "{\"pathbpf\":1,\"do\":\"add\",\"text\":\"");
	memset(line + n, 'f', MESSAGE_TEXT_MAX + 1);
	strcpy(line + n + MESSAGE_TEXT_MAX + 1, "\"}");
	cr_assert_eq(request_parse(line, strlen(line), &r, why, sizeof(why)), -EPROTO);
	strcpy(line + n + MESSAGE_TEXT_MAX, "\"}");
	cr_assert_eq(request_parse(line, strlen(line), &r, why, sizeof(why)), 0);
	request_done(&r);
	n = snprintf(line, 64, "{\"pathbpf\":1,\"do\":\"limits\",\"settings\":{");
	for (int i = 0; i <= MESSAGE_SETTINGS_MAX; i++)
		n += snprintf(line + n, 32, "%s\"%d\":\"\"", i ? "," : "", i);
	strcpy(line + n, "}}");
	cr_assert_eq(request_parse(line, strlen(line), &r, why, sizeof(why)), -EPROTO);
	free(line);
}

Test(message, answers_are_data_or_a_reason)
{
	char *line = answer_format(json_pack("{s:i}", "n", 5)), why[200] = "";
	json_t *data = NULL;

	cr_assert_eq(answer_parse(line, strlen(line), &data, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(json_integer_value(json_object_get(data, "n")), 5);
	json_decref(data);
	free(line);
	line = answer_format(NULL);
	cr_assert_eq(answer_parse(line, strlen(line), &data, why, sizeof(why)), 0);
	cr_assert_eq(json_object_size(data), 0);
	json_decref(data);
	free(line);
	line = answer_format_error("no \"luck\"");
	cr_assert_eq(answer_parse(line, strlen(line), &data, why, sizeof(why)), -EREMOTEIO);
	cr_assert_str_eq(why, "no \"luck\"");
	free(line);
	line = answer_format_error("\xff");
	cr_assert_not_null(line, "also of what is no UTF-8");
	free(line);
}

Test(message, an_answer_is_not_believed)
{
	static const char *const lines[] = {
		"",
		"[]",
		"{\"ok\":true}",
		"{\"pathbpf\":9,\"ok\":true}",
		"{\"pathbpf\":1}",
		"{\"pathbpf\":1,\"ok\":1}",
		"{\"pathbpf\":1,\"ok\":true,\"data\":[]}",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		json_t *data = NULL;
		char why[200] = "";

		cr_assert_eq(answer_parse(lines[i], strlen(lines[i]), &data, why, sizeof(why)),
			     -EPROTO, "%s", lines[i]);
		cr_assert_null(data);
		cr_assert_neq(why[0], '\0');
	}
}

static const struct trace_status sample = { .pid = 42,
					    .state = TRACE_PAUSED,
					    .target = "-p 7",
					    .comm = "redis",
					    .started_ns = 1000,
					    .age_ns = 5,
					    .turn_ns = 6,
					    .processes = 2,
					    .pids = { 7, 8 },
					    .pids_n = 2,
					    .probes = 3,
					    .lost = 9,
					    .cost_pct = 0.5,
					    .budget_pct = 1,
					    .others_pct = -1 };

Test(status, comes_out_as_it_went_in)
{
	json_t *o = status_format(&sample);
	struct trace_status back;

	cr_assert_not_null(o);
	cr_assert_eq(status_parse(o, &back), 0);
	cr_assert_eq(back.pid, 42);
	cr_assert_eq(back.state, TRACE_PAUSED);
	cr_assert_str_eq(back.target, "-p 7");
	cr_assert_str_eq(back.comm, "redis");
	cr_assert_eq(back.age_ns, 5);
	cr_assert_eq(back.pids_n, 2);
	cr_assert_eq(back.pids[1], 8);
	cr_assert_eq(back.lost, 9);
	cr_assert_float_eq(back.cost_pct, 0.5, 1e-9);
	cr_assert_lt(back.others_pct, 0);
	json_decref(o);
}

Test(status, text_that_is_no_utf8_is_told_somehow)
{
	struct trace_status s = sample, back;
	json_t *o;

	strcpy(s.comm, "\xff\xfe");
	o = status_format(&s);
	cr_assert_not_null(o);
	cr_assert_eq(status_parse(o, &back), 0);
	cr_assert_str_eq(back.comm, "?");
	json_decref(o);
}

Test(status, a_hostile_one_is_bounded)
{
	static const char hostile[] =
	    "{\"pid\":1e3,\"state\":\"running\",\"pid\":99999999999,\"target\":\"\\u001b[2J\","
	    "\"process\":7,\"age_ns\":-5,\"lost\":\"many\",\"cost_pct\":1e999,\"probes\":-1,"
	    "\"pids\":[-1,0,\"7\",99999999999,5]}";
	struct trace_status s;
	json_t *o = json_loads(hostile, 0, NULL), *pids;

	cr_assert_null(o, "out of every range");
	o = json_loads(
	    "{\"pid\":99999999999,\"state\":\"running\",\"target\":\"\\u001b[2J\","
	    "\"process\":7,\"age_ns\":-5,\"lost\":\"many\",\"cost_pct\":-3,\"probes\":-1,"
	    "\"pids\":[-1,0,\"7\",99999999999,5]}",
	    0, NULL);
	cr_assert_eq(status_parse(o, &s), 0);
	cr_assert_eq(s.pid, INT32_MAX);
	cr_assert_str_eq(s.target, "?[2J");
	cr_assert_str_eq(s.comm, "");
	cr_assert_eq(s.age_ns + s.lost + s.probes, 0);
	cr_assert_lt(s.cost_pct, 0);
	cr_assert_eq(s.pids_n, 1);
	cr_assert_eq(s.pids[0], 5);
	pids = json_array();
	for (int i = 0; i < 5000; i++)
		json_array_append_new(pids, json_integer(1));
	json_object_set_new(o, "pids", pids);
	cr_assert_eq(status_parse(o, &s), 0);
	cr_assert_eq(s.pids_n, STATUS_PIDS);
	json_object_set_new(o, "state", json_string("dancing"));
	cr_assert_eq(status_parse(o, &s), -EPROTO);
	json_decref(o);
	cr_assert_eq(status_parse(NULL, &s), -EPROTO);
}

Test(status, overlap_is_a_process_in_common_or_everybody)
{
	struct trace_status a = sample, b = { .pids = { 9 }, .pids_n = 1 };

	cr_assert_not(status_overlaps(&a, &b));
	b.pids[0] = 8;
	cr_assert(status_overlaps(&a, &b));
	b.pids_n = 0;
	cr_assert_not(status_overlaps(&a, &b));
	b.everybody = true;
	cr_assert(status_overlaps(&a, &b));
}
