"""A stack of small processes in a folder of its own, driven by the `stormlog` program."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.environ.get("STORMLOG", "stormlog")
# Generous: a test waits for a condition and ends as soon as it holds.
PATIENCE = 30


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_ticks(pid):
    """The start time of a process, or None when it has ended (a zombie has)."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def alive(pid):
    return start_ticks(pid) is not None


# Answers 200, or 500 while the file `sick` exists beside it.
SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if os.path.exists('sick') else 200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer.allow_reuse_address = True
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
"""


class StackTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="stormlog-supervisor-"))
        self.home = self.root / "home"
        (self.root / "server.py").write_text(SERVER)
        self.started = []
        self.addCleanup(self.clean_up)

    def clean_up(self):
        self.stormlog("down")
        for process in self.started:
            process.kill()
            process.wait()
        shutil.rmtree(self.root)

    def write(self, text):
        (self.root / "stack.yaml").write_text(text)

    def web(self, name, port, more=""):
        """A service that answers HTTP."""
        return (f"  {name}:\n    command: [{sys.executable}, server.py, \"{port}\"]\n"
                f"    ports: [{port}]\n"
                f"    health: {{http: \"http://127.0.0.1:{port}/\", interval: 50ms, timeout: 1s,"
                f" unhealthy_after: 3, start_period: 20s}}\n{more}")

    def stormlog(self, *words, **options):
        environment = dict(os.environ, STORMLOG_HOME=str(self.home))
        environment.pop("STORMLOG_STACK", None)
        return subprocess.run([PROGRAM, *words], cwd=self.root, env=environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, **options)

    def ok(self, *words):
        done = self.stormlog(*words)
        self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def fails(self, code, *words):
        done = self.stormlog(*words)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def status(self):
        return json.loads(self.stormlog("status", "--json").stdout)

    def service(self, name):
        return next(s for s in self.status()["services"] if s["name"] == name)

    def wait_for(self, condition, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        self.fail(f"not within {PATIENCE} s: {what}\n{self.log('supervisor')}")

    def wait_for_service(self, name, **expected):
        def holds():
            state = self.service(name)
            return state if all(state[k] == v for k, v in expected.items()) else None
        return self.wait_for(holds, f"{name} with {expected}, is {self.service(name)}")

    def log(self, name):
        path = self.home / "logs" / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def kill_supervisor(self):
        pid = self.status()["supervisor"]
        os.kill(pid, signal.SIGKILL)
        self.wait_for(lambda: not alive(pid), "the supervisor's end")

    def supervisor_milliseconds(self, first, second):
        """Time between two lines of the supervisor's log: the last of each pattern."""
        def when(pattern):
            lines = [l for l in self.log("supervisor").splitlines() if re.search(pattern, l)]
            self.assertTrue(lines, f"no {pattern} in the supervisor's log")
            text = lines[-1].split("Z")[0]
            day, clock = text.split("T")
            hours, minutes, seconds = clock.split(":")
            return (int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000
        return when(second) - when(first)
