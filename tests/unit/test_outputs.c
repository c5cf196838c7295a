/* SPDX-License-Identifier: GPL-2.0-only */
/* Results into files: whole or not at all. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/outputs.h"
#include "sample_report.h"
#include "view/view.h"

#define OLD "an older result\n"
#define BIG 100000

static int render_line(const struct report *r, FILE *out)
{
	(void)r;
	fputs("result\n", out);
	return 0;
}

static int render_much(const struct report *r, FILE *out)
{
	(void)r;
	for (int i = 0; i < BIG; i++)
		fputc('x', out);
	return 0;
}

static int render_fails(const struct report *r, FILE *out)
{
	(void)r;
	fputs("half a res", out);
	return -ENOMEM;
}

/* While it renders, the older result is still there. */
static int render_looks(const struct report *r, FILE *out)
{
	char text[64] = "";
	FILE *f = fopen("x.txt", "re");

	(void)r;
	if (!f || !fgets(text, sizeof(text), f) || strcmp(text, OLD) != 0)
		fputs("not ", out);
	fputs("there\n", out);
	if (f)
		fclose(f);
	return 0;
}

static const struct view line = { "line", ".txt", render_line, NULL };
static const struct view much = { "much", ".txt", render_much, NULL };
static const struct view fails = { "fails", ".txt", render_fails, NULL };
static const struct view looks = { "looks", ".txt", render_looks, NULL };
static const struct view pair = { "pair", ".txt", render_line, &much };

static char directory[] = "/tmp/pathbpf-outputs-XXXXXX";

/* Each test works in a directory of its own. */
static void set_up(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(chdir(directory), 0);
	umask(022);
}

static void set_up_quietly(void)
{
	set_up();
	cr_redirect_stderr();
}

static int files(void)
{
	DIR *dir = opendir(directory);
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void tear_down(void)
{
	DIR *dir;

	if (chdir(directory))
		return;
	dir = opendir(directory);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		if (unlink(e->d_name))
			rmdir(e->d_name);
	closedir(dir);
	rmdir(directory);
}

TestSuite(outputs, .init = set_up_quietly, .fini = tear_down);

static void add(struct record_options *o, const char *file, const struct view *view)
{
	cr_assert_eq(vec_push(&o->outputs, (struct output){ .file = file, .view = view }), 0);
}

/* Checks, writes and releases; what the writing returned. */
static int run(struct record_options *o)
{
	struct report *r = sample_report();
	int err;

	cr_assert_not_null(r);
	cr_assert_eq(outputs_check(o), 0);
	err = outputs_write(o, r);
	record_options_done(o);
	report_free(r);
	return err;
}

static int write_one(const char *file, const struct view *view)
{
	struct record_options o = {};

	add(&o, file, view);
	return run(&o);
}

static int check_one(const char *file)
{
	struct record_options o = {};
	int err;

	add(&o, file, &line);
	err = outputs_check(&o);
	record_options_done(&o);
	return err;
}

static void put(const char *file, const char *text)
{
	FILE *f = fopen(file, "we");

	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

static void expect_content(const char *file, const char *text)
{
	char found[256] = "";
	FILE *f = fopen(file, "re");

	cr_assert_not_null(f, "%s is not there", file);
	found[fread(found, 1, sizeof(found) - 1, f)] = '\0';
	fclose(f);
	cr_assert_str_eq(found, text);
}

static void expect_message(const char *text)
{
	fflush(stderr);
	cr_assert_stderr_eq_str(text);
}

Test(outputs, a_result_appears_under_its_name_only)
{
	struct stat st;

	cr_assert_eq(write_one("x.txt", &line), 0);
	expect_content("x.txt", "result\n");
	cr_assert_eq(files(), 1);
	cr_assert_eq(stat("x.txt", &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0644);
	expect_message("");
}

Test(outputs, an_older_result_stays_until_the_new_one_is_whole)
{
	put("x.txt", OLD);
	cr_assert_eq(write_one("x.txt", &looks), 0);
	expect_content("x.txt", "there\n");
	cr_assert_eq(files(), 1);
}

Test(outputs, a_view_that_fails_leaves_the_older_result)
{
	put("x.txt", OLD);
	cr_assert_eq(write_one("x.txt", &fails), -ENOMEM);
	expect_content("x.txt", OLD);
	cr_assert_eq(files(), 1);
	expect_message("pathbpf: cannot write 'x.txt': Cannot allocate memory\n");
}

Test(outputs, a_full_disk_leaves_the_older_result)
{
	struct rlimit limit = { .rlim_cur = BIG / 2, .rlim_max = RLIM_INFINITY };

	put("x.txt", OLD);
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_lt(write_one("x.txt", &much), 0);
	expect_content("x.txt", OLD);
	cr_assert_eq(files(), 1);
}

Test(outputs, a_full_device_is_told)
{
	struct stat st;

	cr_assert_eq(write_one("/dev/full", &line), -ENOSPC);
	expect_message("pathbpf: cannot write '/dev/full': No space left on device\n");
	cr_assert_eq(stat("/dev/full", &st), 0);
	cr_assert(S_ISCHR(st.st_mode), "it was replaced");
}

Test(outputs, a_full_device_is_told_also_when_much_is_written)
{
	cr_assert_eq(write_one("/dev/full", &much), -ENOSPC);
	expect_message("pathbpf: cannot write '/dev/full': No space left on device\n");
}

Test(outputs, devices_are_written_directly)
{
	cr_assert_eq(write_one("/dev/null", &much), 0);
	cr_assert_neq(access("/dev/null.part", F_OK), 0);
}

Test(outputs, one_failure_does_not_cost_the_others)
{
	struct record_options o = {};

	add(&o, "/dev/full", &line);
	add(&o, "x.txt", &fails);
	add(&o, "y.txt", &line);
	cr_assert_eq(run(&o), -ENOSPC, "the first of two");
	expect_content("y.txt", "result\n");
	cr_assert_eq(files(), 1);
	expect_message("pathbpf: cannot write '/dev/full': No space left on device\n"
		       "pathbpf: cannot write 'x.txt': Cannot allocate memory\n");
}

Test(outputs, a_dash_is_standard_output)
{
	cr_redirect_stdout();
	cr_assert_eq(write_one("-", &line), 0);
	cr_assert_stdout_eq_str("result\n");
	cr_assert_eq(files(), 0);
}

Test(outputs, a_full_standard_output_is_told)
{
	cr_assert_not_null(freopen("/dev/full", "w", stdout));
	cr_assert_eq(write_one("-", &line), -ENOSPC);
	expect_message("pathbpf: cannot write to standard output: No space left on device\n");
}

Test(outputs, a_pipe_without_a_reader_does_not_hold_up_the_check, .timeout = 20)
{
	cr_assert_eq(mkfifo("x.txt", 0600), 0);
	cr_assert_eq(check_one("x.txt"), 0);
	expect_message("");
}

Test(outputs, a_pipe_is_written_directly, .timeout = 20)
{
	char text[64] = "";
	int fd;

	cr_assert_eq(mkfifo("x.txt", 0600), 0);
	fd = open("x.txt", O_RDWR);
	cr_assert_eq(write_one("x.txt", &line), 0);
	cr_assert_eq(read(fd, text, sizeof(text)), 7);
	cr_assert_str_eq(text, "result\n");
	close(fd);
	cr_assert_eq(files(), 1);
}

Test(outputs, a_link_stays_a_link)
{
	struct stat st;

	put("real.txt", OLD);
	cr_assert_eq(symlink("real.txt", "x.txt"), 0);
	cr_assert_eq(write_one("x.txt", &line), 0);
	expect_content("real.txt", "result\n");
	cr_assert_eq(lstat("x.txt", &st), 0);
	cr_assert(S_ISLNK(st.st_mode));
}

Test(outputs, the_check_leaves_everything_as_it_was)
{
	put("x.txt", OLD);
	cr_assert_eq(check_one("x.txt"), 0);
	cr_assert_eq(check_one("y.txt"), 0);
	expect_content("x.txt", OLD);
	cr_assert_eq(files(), 1);
}

Test(outputs, a_directory_that_is_not_there_is_told_before_the_trace)
{
	cr_assert_eq(check_one("nowhere/x.txt"), -ENOENT);
	expect_message("pathbpf: cannot write 'nowhere/x.txt': No such file or directory\n");
}

Test(outputs, a_file_is_no_directory)
{
	put("file", "");
	cr_assert_eq(check_one("file/x.txt"), -ENOTDIR);
	expect_message("pathbpf: cannot write 'file/x.txt': Not a directory\n");
}

Test(outputs, a_directory_is_no_file)
{
	cr_assert_eq(mkdir("x.txt", 0700), 0);
	cr_assert_eq(check_one("x.txt"), -EISDIR);
	expect_message("pathbpf: cannot write 'x.txt': Is a directory\n");
}

Test(outputs, a_directory_that_must_not_be_written_is_told_before_the_trace)
{
	int err;

	cr_assert_eq(chmod(directory, 0555), 0);
	if (!geteuid())
		cr_assert_eq(seteuid(65534), 0); /* root may write anywhere */
	err = check_one("x.txt");
	if (!getuid())
		cr_assert_eq(seteuid(0), 0);
	cr_assert_eq(chmod(directory, 0700), 0);
	cr_assert_eq(err, -EACCES);
	expect_message("pathbpf: cannot write 'x.txt': Permission denied\n");
}

Test(outputs, a_directory_that_went_away_is_told)
{
	struct record_options o = {};
	struct report *r = sample_report();

	cr_assert_eq(mkdir("sub", 0700), 0);
	add(&o, "sub/x.txt", &line);
	cr_assert_eq(outputs_check(&o), 0);
	cr_assert_eq(rmdir("sub"), 0);
	cr_assert_eq(outputs_write(&o, r), -ENOENT);
	expect_message("pathbpf: cannot write 'sub/x.txt': No such file or directory\n");
	record_options_done(&o);
	report_free(r);
}

Test(outputs, off_cpu_stacks_stand_in_a_file_beside)
{
	struct report *r = sample_report();
	struct record_options o = {};

	add(&o, "x.folded", &view_folded);
	cr_assert(r->has_offcpu);
	cr_assert_eq(outputs_check(&o), 0);
	cr_assert_eq(outputs_write(&o, r), 0);
	cr_assert_eq(access("x.folded", F_OK), 0);
	cr_assert_eq(access("x.offcpu.folded", F_OK), 0);
	cr_assert_eq(files(), 2);
	unlink("x.folded");
	unlink("x.offcpu.folded");
	r->has_offcpu = false;
	cr_assert_eq(outputs_write(&o, r), 0);
	cr_assert_eq(files(), 1, "without off-CPU there is no companion");
	record_options_done(&o);
	report_free(r);
}

Test(outputs, the_companion_keeps_the_place_and_the_suffix)
{
	cr_assert_eq(mkdir("a.txt", 0700), 0);
	cr_assert_eq(write_one("a.txt/x.y.txt", &pair), 0);
	cr_assert_eq(access("a.txt/x.y.txt", F_OK), 0);
	cr_assert_eq(unlink("a.txt/x.y.offcpu.txt"), 0);
	cr_assert_eq(unlink("a.txt/x.y.txt"), 0);
	/* A format that the suffix does not name. */
	cr_assert_eq(write_one("x.dat", &pair), 0);
	expect_content("x.dat", "result\n");
	cr_assert_eq(access("x.dat.offcpu", F_OK), 0);
}

Test(outputs, a_companion_that_fails_is_told_and_leaves_the_result)
{
	struct rlimit limit = { .rlim_cur = BIG / 2, .rlim_max = RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_lt(write_one("x.txt", &pair), 0);
	expect_content("x.txt", "result\n");
	cr_assert_eq(files(), 1);
}

Test(outputs, nothing_asked_for_is_nothing_written)
{
	struct record_options o = {};

	cr_assert_eq(run(&o), 0);
	cr_assert_eq(files(), 0);
}
