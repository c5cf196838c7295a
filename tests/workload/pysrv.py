#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""An HTTP server with functions of known names, on the protocol of common.h: "ready PORT", then
it serves until "end" and prints how many requests it answered. As the WSGI module `pysrv:app`
it runs under gunicorn."""
import http.server
import json
import sys
import threading

served = 0


def compute_price(n):
    total = 0
    for i in range(n):
        total += i ^ (i >> 3)
    return total


def handle_work():
    return f"{compute_price(2000)}\n".encode()


def app(environ, start_response):
    if environ.get("PATH_INFO") == "/error":
        start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
        return [b"as asked\n"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [handle_work()]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment

    def do_GET(self):
        global served
        served += 1
        body = handle_work()
        self.send_response(500 if self.path == "/error" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", server.server_port, flush=True)
    sys.stdin.readline()
    print(json.dumps({"served": served}), flush=True)


if __name__ == "__main__":
    main()
