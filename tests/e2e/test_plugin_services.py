# SPDX-License-Identifier: GPL-2.0-only
"""Plugins of real services: modules, extensions and native functions, against what was asked."""
import re
import shutil
import subprocess
import sys

from harness import *
from plugins import *
from services import *

NGINX_MODULES = "/usr/lib/nginx/modules"
NGINX_CONF = """
{modules}
daemon off; worker_processes 2; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
	access_log off; client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2;
	fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
	server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }}
}}
"""


class NginxWithModules(Nginx):
    path = "/"

    def configure(self, modules, location):
        load = "".join(f"load_module {NGINX_MODULES}/{m};\n" for m in modules)
        text = NGINX_CONF.format(modules=load, dir=self.t.dir, port=self.port, location=location)
        (self.t.dir / "nginx.conf").write_text(text)

    def start(self):
        for m in ("ngx_http_echo_module.so", "ngx_http_headers_more_filter_module.so"):
            if not os.path.exists(f"{NGINX_MODULES}/{m}"):
                raise Skip(f"nginx has no {m} (libnginx-mod-http-echo, -headers-more-filter)")
        self.port = free_port()
        self.configure(["ngx_http_echo_module.so"], "echo hello;")
        self.spawn([need_program("nginx"), "-c", self.t.dir / "nginx.conf", "-e", self.t.file("error.log")])

    def ask(self, n):
        for _ in range(n):
            self.ping()

    def reload(self):
        before = set(children(self.process.pid))
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: set(children(self.process.pid)).isdisjoint(before)
                   and len(children(self.process.pid)) == 2, "new workers", 20)


@case
def modules_of_nginx_over_a_reload(t):
    """The master keeps what it had and loads what is new; its new workers inherit both."""
    nginx = NginxWithModules(t)
    tracer = t.trace("--max-overhead", 100, "-p", ",".join(map(str, nginx.pids)))
    nginx.ask(40)
    more = "ngx_http_headers_more_filter_module.so"
    nginx.configure(["ngx_http_echo_module.so", more], 'echo hello; more_set_headers "X-Traced: yes";')
    nginx.reload()
    time.sleep(1)
    nginx.ask(60)
    report = tracer.stop()
    check(nginx.answers(), "nginx answers after it was traced")
    echo, headers = plugin(report, "ngx_http_echo_module.so"), plugin(report, more)
    # A worker that ends closes what it has inherited.
    values(echo, at_attach=True, loads=0, unloads=2, state="loaded", load_errors=0)
    check(echo["reopens"] >= 1 and echo["closes"] >= 1, "the reload only counted references")
    equal(calls_of(report, "ngx_http_echo_handler"), 100, "requests that echo answered")
    values(headers, at_attach=False, loads=1, state="loaded")
    check(headers["executions"] >= 60, f"requests whose headers were set: {headers['executions']}")
    nothing_lost(report)


class Apache(HttpService):
    name = "apache"
    path = "/"
    modules = ("mpm_event", "authz_core", "dir", "mime", "headers", "rewrite")

    def start(self):
        folder = "/usr/lib/apache2/modules"
        if not os.path.exists(f"{folder}/mod_rewrite.so"):
            raise Skip("apache2-bin is not installed")
        self.port = free_port()
        (self.t.dir / "www").mkdir()
        (self.t.dir / "www/index.html").write_text("it works\n")
        load = "".join(f"LoadModule {m}_module {folder}/mod_{m}.so\n" for m in self.modules)
        (self.t.dir / "httpd.conf").write_text(
            f'{load}ServerName localhost\nServerRoot "{self.t.dir}"\nListen 127.0.0.1:{self.port}\n'
            f'PidFile {self.t.dir}/httpd.pid\nErrorLog {self.t.dir}/error.log\nMutex file:{self.t.dir}\n'
            f'User nobody\nGroup nogroup\nStartServers 1\nThreadsPerChild 4\nMinSpareThreads 4\nMaxSpareThreads 4\n'
            f'MaxRequestWorkers 4\nTypesConfig /etc/mime.types\nDocumentRoot "{self.t.dir}/www"\n'
            f"DirectoryIndex index.html\nRewriteEngine on\nRewriteRule ^/old$ /index.html\n"
        )
        self.spawn([need_program("apache2"), "-f", self.t.dir / "httpd.conf", "-D", "FOREGROUND"])

    def find_pids(self):
        wait_until(lambda: children(self.process.pid), "apache has a child")
        return [self.process.pid]


@case
def modules_of_apache_over_a_restart(t):
    """A graceful restart unloads and loads every module in the parent."""
    apache = Apache(t)
    pids = [apache.process.pid, *children(apache.process.pid)]
    tracer = t.trace("--max-overhead", 100, "-p", ",".join(map(str, pids)))
    for _ in range(20):
        apache.ping()
    before = set(children(apache.process.pid))
    apache.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: set(children(apache.process.pid)) - before, "a new child", 30)
    time.sleep(1)
    for _ in range(30):
        apache.ping()
    report = tracer.stop()
    check(apache.answers(), "apache answers after it was traced")
    for m in apache.modules:
        p = plugin(report, f"mod_{m}.so")
        check(p["at_attach"], f"{m} was there before")
        equal(p["loads"], p["unloads"], f"{m}: as often loaded as unloaded")
        check(p["loads"] >= 1, f"{m} was loaded anew")
    rewrite = plugin(report, "mod_rewrite.so")
    check(rewrite["executions"] >= 20, f"mod_rewrite saw requests: {rewrite['executions']}")


@case
def an_addon_of_node(t):
    node = need_program("node")
    w = Workload(t, [node, str(SOURCES / "plugins/addon.js"), need_workload("plugins/addon.node"), "50"])
    tracer = t.trace("--max-overhead", 100, "-p", w.pid)
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    p = plugin(report, "addon.node")
    equal(p["loads"], 1, "loads")
    equal((calls_of(report, "twice"), calls_of(report, "fails")), (50, 50), "calls of its functions")
    equal(p["error_types"].get("ret=0"), truth["failed"], "those that threw returned nothing")


@case
def native_functions_of_erlang(t):
    erl = need_program("erl")
    nif = need_workload("plugins/nif.so").removesuffix(".so")
    w = Workload(t, [erl, "-noshell", "-pa", os.path.dirname(nif), "-run", "nif", "main", nif, "200"])
    tracer = t.trace("--max-overhead", 100, "-p", w.pid)
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    equal(plugin(report, "nif.so")["loads"], 1, "loads")
    equal(calls_of(report, "twice"), truth["executions"], "calls of its function")


@case
def an_extension_of_python_of_our_own(t):
    folder = os.path.dirname(need_workload("plugins/pyext.so"))
    script = t.file("calls.py")
    with open(script, "w") as f:
        f.write(
            f"import sys, time\nsys.path.insert(0, {folder!r})\nprint('ready', flush=True)\n"
            "sys.stdin.readline()\nimport pyext\ntime.sleep(1)\n"
            "for i in range(300): pyext.twice(i)\n"
            "for i in range(7):\n    try: pyext.twice(-1)\n    except ValueError: pass\n"
            "print('{}', flush=True)\nsys.stdin.readline()\n"
        )
    python = shutil.which("python3") or sys.executable
    w = Workload(t, [python, "-S", script])
    tracer = t.trace("--max-overhead", 100, "-p", w.pid)
    w.go()
    w.truth()
    report = tracer.stop()
    w.end()
    p = plugin(report, "pyext.so")
    equal(p["loads"], 1, "loads")
    equal(calls_of(report, "twice"), 307, "calls")
    equal(p["error_types"], {"ret=0": 7}, "those that raised")


class PostgresWithExtensions(Postgres):
    options = ["-c", "shared_preload_libraries=pg_stat_statements"]


@case
def extensions_that_sql_creates(t):
    """pg_stat_statements, loaded by the postmaster before, and pgcrypto, by a backend that calls it."""
    for f in ("pg_stat_statements", "pgcrypto"):
        if not any((pathlib.Path("/usr/share/postgresql")).glob(f"*/extension/{f}.control")):
            raise Skip(f"PostgreSQL has no {f} (postgresql-contrib)")
    postgres = PostgresWithExtensions(t)
    psql = [f"{postgres.bin}/psql", "-h", postgres.home, "-qtAX", "postgres"]
    out = open(t.file("psql.out"), "wb")
    session = t.spawn(psql, stdin=subprocess.PIPE, stdout=out, stderr=out, **postgres.identity())

    def say(line):
        session.stdin.write(line.encode() + b"\n")
        session.stdin.flush()

    def answered(word):
        say(f"select '{word}';")
        wait_until(lambda: word in open(t.file("psql.out")).read(), "the backend's answer", 30)

    say("create extension pgcrypto; create extension pg_stat_statements;")
    answered("created")
    say("\\c postgres\nselect 'pid=' || pg_backend_pid();")
    pid = wait_until(lambda: re.search(r"pid=(\d+)", open(t.file("psql.out")).read()), "the backend's PID")
    tracer = t.trace("--max-overhead", 100, "-p", pid.group(1))
    say("select length(digest('once', 'sha256'));")
    answered("loaded")
    time.sleep(1)
    say("select sum(length(digest(i::text, 'sha256'))) from generate_series(1, 500) i;")
    for _ in range(20):
        say("select 1;")
    answered("done")
    report = tracer.stop()
    session.stdin.close()
    session.wait(20)
    crypto, statements = plugin(report, "pgcrypto.so"), plugin(report, "pg_stat_statements.so")
    values(crypto, loads=1, state="loaded", load_errors=0)
    between(500, calls_of(report, "pg_digest"), 501, "digests")
    values(statements, loads=0, at_attach=True)
    check(statements["executions"] >= 22, f"statements that were counted: {statements['executions']}")
