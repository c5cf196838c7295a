/* SPDX-License-Identifier: GPL-2.0-only */
/* --events: plugin events as they happen. */
#include "cmd/event_stream.h"

#include <errno.h>
#include <string.h>

#include "data/report.h"
#include "trace/plugins.h"
#include "view/plugin_event.h"

static void on_event(const struct plugin_event *e, const struct plugin *plugin, void *arg)
{
	struct event_stream *s = arg;
	struct plugin_event copy = *e;

	if (s->err)
		return;
	/* The report has the event's plugin only. */
	s->report->plugins.n = 0;
	copy.plugin = plugin ? 0 : REPORT_NONE;
	if (plugin)
		s->err = vec_push(&s->report->plugins, *plugin);
	if (!s->err)
		s->err = view_plugin_event(s->out, s->report, &copy);
	s->report->plugins.n = 0; /* its statistics are not ours */
}

int event_stream_open(struct event_stream *s, const char *file, struct plugins_options *opt)
{
	if (!file)
		return 0;
	s->report = report_new();
	if (!s->report)
		return -ENOMEM;
	s->out = strcmp(file, "-") != 0 ? fopen(file, "we") : stdout;
	if (!s->out)
		return -errno;
	opt->on_event = on_event;
	opt->arg = s;
	return 0;
}

void event_stream_begin(struct event_stream *s, uint64_t started_ns)
{
	if (s->report)
		s->report->started_ns = started_ns;
}

int event_stream_close(struct event_stream *s)
{
	int err = s->err;

	if (s->out && s->out != stdout && fclose(s->out) && !err)
		err = -errno;
	report_free(s->report);
	*s = (struct event_stream){};
	return err;
}
