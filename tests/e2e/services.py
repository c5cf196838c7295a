# SPDX-License-Identifier: GPL-2.0-only
"""Real services of a case's own: each starts in the case's folder on a port or socket of its own,
answers a ping, and takes load. They stand here, not in the cases, because tests/bench uses them."""
import http.client
import os
import pwd
import shutil
import socket
import subprocess
import sys
import threading
import time

from harness import SOURCES, Case, Skip, Workload, check, equal, need_program, need_workload, wait_until


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(p) for p in f.read().split()]
    except FileNotFoundError:
        return []


class Service:
    """pids: what is to be traced. ping() raises when the service does not answer."""

    name = None

    def __init__(self, t):
        self.t = t
        self.start()
        wait_until(self.answers, f"{self.name} answers", 30)
        self.pids = self.find_pids()
        self.before = {pid: open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[19] for pid in self.pids}

    def spawn(self, argv, **kwargs):
        log = open(self.t.file(f"{self.name}.log"), "ab")
        self.process = self.t.spawn(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **kwargs)

    def find_pids(self):
        return [self.process.pid]

    def answers(self):
        try:
            self.ping()
            return True
        except (OSError, http.client.HTTPException):
            return False

    def check_alive(self):
        """The same processes as at start (none crashed and was replaced), and they answer."""
        for pid, started in self.before.items():
            try:
                now = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[19]
            except FileNotFoundError:
                now = None
            equal(now, started, f"{self.name}: process {pid} is the one from before")
        check(self.answers(), f"{self.name} answers after it was traced")

    def load(self, seconds):
        raise NotImplementedError


class HttpService(Service):
    path = "/"
    status = 200
    clients = 4

    def ping(self):
        self.request(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5))

    def request(self, connection):
        connection.request("GET", self.path)
        response = connection.getresponse()
        response.read()
        equal(response.status, self.status, f"{self.name}: HTTP status")

    def load(self, seconds):
        """Number of requests answered."""
        counts, end = [0] * self.clients, time.monotonic() + seconds

        def client(i):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            while time.monotonic() < end:
                self.request(connection)
                counts[i] += 1

        workers = [threading.Thread(target=client, args=(i,)) for i in range(self.clients)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(seconds + 30)
        return sum(counts)


class Redis(Service):
    name = "redis"

    def start(self):
        self.socket = self.t.file("redis.sock")
        self.spawn(
            [need_program("redis-server"), "--port", 0, "--unixsocket", self.socket, "--dir", self.t.dir]
            + ["--save", "", "--appendonly", "no", "--daemonize", "no"]
        )

    def ping(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(self.socket)
            s.sendall(b"PING\r\n")
            equal(s.recv(64), b"+PONG\r\n", "redis: PING")

    def commands(self):
        """That it has served so far, by its own count."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(self.socket)
            s.sendall(b"INFO stats\r\n")
            text = s.recv(65536).decode()
        return int(text.split("total_commands_processed:")[1].split()[0])

    def load(self, seconds):
        bench = self.t.spawn(
            [need_program("redis-benchmark"), "-s", self.socket, "-l", "-q", "-c", 16, "-t", "set,get,lrange_100"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(seconds)
        check(bench.poll() is None, "redis-benchmark still runs")
        Case.kill(bench)
        return 1


NGINX_CONF = """
daemon off; worker_processes 2; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
	access_log {dir}/access.log; client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2;
	fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
	server {{ listen 127.0.0.1:{port}; root {dir}/www; }}
}}
"""


class Nginx(HttpService):
    name = "nginx"
    path = "/index.html"

    def start(self):
        self.port = free_port()
        (self.t.dir / "www").mkdir()
        (self.t.dir / "www/index.html").write_text("it works\n" * 100)
        config = self.t.dir / "nginx.conf"
        config.write_text(NGINX_CONF.format(dir=self.t.dir, port=self.port))
        self.spawn([need_program("nginx"), "-c", config, "-e", self.t.file("error.log")])

    def find_pids(self):
        wait_until(lambda: len(children(self.process.pid)) == 2, "nginx has two workers")
        return [self.process.pid, *children(self.process.pid)]

    def load(self, seconds):
        url = f"http://127.0.0.1:{self.port}{self.path}"
        if wrk := shutil.which("wrk"):
            done = self.t.run(wrk, "-t1", "-c16", f"-d{seconds}s", url)
            equal(done.returncode, 0, f"wrk {done.stdout} {done.stderr}")
            check("Non-2xx" not in done.stdout, done.stdout)
            return 1
        return super().load(seconds)


class Memcached(Service):
    name = "memcached"

    def start(self):
        self.port = free_port()
        self.spawn([need_program("memcached"), "-u", "nobody", "-l", "127.0.0.1", "-p", self.port, "-U", 0, "-t", 2])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), 5)

    def ping(self):
        with self.connect() as s:
            s.sendall(b"version\r\n")
            check(s.recv(64).startswith(b"VERSION"), "memcached: version")

    def load(self, seconds):
        """Sets and gets on four connections; the number of both."""
        counts, end = [0] * 4, time.monotonic() + seconds

        def client(i):
            with self.connect() as s, s.makefile("rb") as replies:
                while time.monotonic() < end:
                    s.sendall(b"set key%d 0 0 5\r\nhello\r\nget key%d\r\n" % (i, i))
                    equal([replies.readline() for _ in range(4)][3], b"END\r\n", "memcached: end of a get")
                    counts[i] += 2

        workers = [threading.Thread(target=client, args=(i,)) for i in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(seconds + 30)
        return sum(counts)


class Gunicorn(HttpService):
    name = "gunicorn"

    def start(self):
        self.port = free_port()
        self.spawn(
            [need_program("gunicorn"), "--workers", 2, "--bind", f"127.0.0.1:{self.port}"]
            + ["--worker-tmp-dir", "/dev/shm", "--chdir", SOURCES, "pysrv:app"],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def find_pids(self):
        wait_until(lambda: len(children(self.process.pid)) == 2, "gunicorn has two workers")
        return [self.process.pid, *children(self.process.pid)]


class Protocol(HttpService):
    """A server of tests/workload, on its protocol."""

    path = "/work"

    def start(self):
        self.workload = Workload(self.t, self.argv())
        self.process = self.workload.process
        self.port = int(self.workload.ready[1])

    def check_alive(self):
        super().check_alive()
        self.workload.say("end")
        check(self.workload.truth()["served"] > 0, f"{self.name} served")
        equal(self.process.wait(20), 0, f"exit status of {self.name}")


class GoServer(Protocol):
    name = "goserver"

    def argv(self):
        return [need_workload("goserver")]


class NodeServer(Protocol):
    name = "node"

    def argv(self):
        return [need_program("node"), str(SOURCES / "nodesrv.js")]


class PythonServer(Protocol):
    name = "python"

    def argv(self):
        return [shutil.which("python3", path="/usr/bin") or sys.executable, str(SOURCES / "pysrv.py")]


class Postgres(Service):
    name = "postgres"
    options = []

    def start(self):
        folders = sorted(os.listdir("/usr/lib/postgresql")) if os.path.isdir("/usr/lib/postgresql") else []
        try:
            self.user = pwd.getpwnam("postgres")
        except KeyError:
            self.user = None
        if not folders or not self.user:
            raise Skip("postgresql is not installed")
        self.bin = f"/usr/lib/postgresql/{folders[-1]}/bin"
        self.home = self.t.dir / "pg"
        self.home.mkdir()
        os.chown(self.home, self.user.pw_uid, self.user.pw_gid)
        self.tool("initdb", "-D", f"{self.home}/data", "--auth=trust", "--no-sync")
        self.spawn(
            [f"{self.bin}/postgres", "-D", f"{self.home}/data", "-k", self.home, "-c", "listen_addresses="]
            + ["-c", "fsync=off", *self.options],
            **self.identity(),
        )
        self.t.defer(self.stop)

    def identity(self):
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": [], "cwd": self.home}

    def tool(self, name, *args):
        done = self.t.run(f"{self.bin}/{name}", *args, timeout=120, **self.identity())
        equal(done.returncode, 0, f"{name}: {done.stderr}")
        return done

    def stop(self):
        self.t.run(f"{self.bin}/pg_ctl", "-D", f"{self.home}/data", "stop", "-m", "fast", **self.identity())

    def ping(self):
        done = self.t.run(f"{self.bin}/psql", "-h", self.home, "-qtAc", "select 6*7", "postgres", **self.identity())
        if done.stdout.strip() != "42":
            raise OSError(done.stderr)

    def find_pids(self):
        self.tool("pgbench", "-h", self.home, "-i", "-q", "-s", 1, "postgres")
        # Backends and autovacuum workers come and go; these stay.
        return [self.process.pid, *filter(self.stays, children(self.process.pid))]

    @staticmethod
    def stays(pid):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                title = f.read()
            return any(w in title for w in ("checkpointer", "background writer", "walwriter", "launcher"))
        except FileNotFoundError:
            return False

    def load(self, seconds):
        self.tool("pgbench", "-h", self.home, "-c", 2, "-T", max(1, int(seconds)), "-n", "postgres")
        return 1
