#!/usr/bin/env python3
"""A small service of somebody else: it takes events over HTTP and keeps them in a Redis stream.

Its words are its own: `event_id`, `part`, `n`; one request holds lines of JSON, and a 200 lists what
it did not take. It can be told to cheat: to acknowledge without storing, or to store twice.
"""
import argparse
import http.server
import json
import socket
import threading


class Redis:
    """As much of RESP as XADD needs. Source: redis.io/docs/reference/protocol-spec."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.answers = self.socket.makefile("rb")

    def command(self, *words):
        data = b"*%d\r\n" % len(words)
        for word in words:
            word = word.encode()
            data += b"$%d\r\n%s\r\n" % (len(word), word)
        self.socket.sendall(data)
        answer = self.answers.readline()
        if answer.startswith(b"-"):
            raise RuntimeError(answer.decode())
        if answer.startswith(b"$"):
            self.answers.read(int(answer[1:]) + 2)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refused = []
        with self.server.lock:
            for index, line in enumerate(body.splitlines()):
                if not self.take(json.loads(line)):
                    refused.append({"at": index, "why": "part is full"})
        self.answer({"result": {"refused": refused}})

    def do_GET(self):
        with self.server.lock:
            self.answer({"dropped": self.server.dropped, "doubled": self.server.doubled})

    def take(self, event):
        server = self.server
        server.count += 1
        if server.refuse and server.count % server.refuse == 0:
            return False
        times = 1
        if server.drop and server.count % server.drop == 0:
            server.dropped.append(event["event_id"])
            times = 0
        elif server.double and server.count % server.double == 0:
            server.doubled.append(event["event_id"])
            times = 2
        for _ in range(times):
            server.redis.command("XADD", "foreign:" + event["mark"], "*", "event", json.dumps(event))
        return True

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    disable_nagle_algorithm = True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis", type=int, required=True, help="its port on 127.0.0.1")
    parser.add_argument("--drop", type=int, default=0, help="acknowledge each Nth without storing it")
    parser.add_argument("--double", type=int, default=0, help="store each Nth twice")
    parser.add_argument("--refuse", type=int, default=0, help="refuse each Nth, and say so")
    options = parser.parse_args()

    server = Server(("127.0.0.1", 0), Handler)
    server.redis = Redis(options.redis)
    server.lock = threading.Lock()
    server.drop, server.double, server.refuse = options.drop, options.double, options.refuse
    server.count, server.dropped, server.doubled = 0, [], []
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
