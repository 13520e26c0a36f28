"""Starts a server, plays a case on it, and masks what differs from run to run."""

import http.client
import json
import re
import socket
import subprocess
import time


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Server:
    def __init__(self, command):
        """`command`: its words, without the port."""
        self.port = free_port()
        self.process = subprocess.Popen([*command, "-port", str(self.port)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(1000):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"{command} ended with {self.process.returncode}")
                time.sleep(0.01)
        raise RuntimeError(f"{command} does not listen")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def ask(self, method, path, body, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return {"status": answer.status, "type": answer.getheader("Content-Type"), "body": text,
                "request_id": answer.getheader("X-Toxiproxy-Request-Id") is not None}


def play(command, steps):
    """The answers to all steps, with ports as <1>, <2>, … in the order they turn up."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = Server(command)
        ports = {}

        def mask(match):
            if match.group(0) == address:
                return "127.0.0.1:<taken>"
            return "127.0.0.1:" + ports.setdefault(match.group(1), f"<{len(ports) + 1}>")

        try:
            answers = []
            for method, path, body, *headers in steps:
                text = body if body is None or isinstance(body, str) else json.dumps(body)
                if text is not None:
                    text = text.replace("{taken}", address)
                answer = server.ask(method, path, text, *headers)
                answer["body"] = re.sub(r"127\.0\.0\.1:(\d{4,5})\b", mask, answer["body"])
                answers.append(answer)
            return answers
        finally:
            server.stop()
