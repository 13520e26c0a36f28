"""What the tests of tokens and TLS share."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ingest"))

EVENT = '{"service":"shop","body":"hello"}'
OTLP = ('{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},'
        '"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hello"}}]}]}]}')
LOKI = '{"streams":[{"stream":{"app":"shop"},"values":[["1769860800500000000","hello"]]}]}'
FORMS = [("/api/v1/logs", EVENT, 202), ("/v1/logs", OTLP, 200), ("/loki/api/v1/push", LOKI, 204)]


class Answer:
    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        lines = head.split("\r\n")
        self.status = int(lines[0].split()[1])
        self.fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}


def curl(url, *options, body=None, token=None, kind="application/json"):
    """The answer; with a body it is a POST."""
    command = ["curl", "--silent", "--show-error", "--include", url, *options]
    if token:
        command += ["--header", f"Authorization: Bearer {token}"]
    if body is not None:
        command += ["--data-binary", "@-", "--header", f"Content-Type: {kind}"]
    done = subprocess.run(command, input=(body or "").encode(), capture_output=True, timeout=60, check=False)
    if done.returncode != 0:
        raise ConnectionError(f"curl ends with {done.returncode}: {done.stderr.decode()}")
    return Answer(done.stdout.decode())


def token_of(name):
    return f"the-token-of-{name}"


def entry(name, scopes, more=""):
    digest = hashlib.sha256(token_of(name).encode()).hexdigest()
    return f"- name: {name}\n  sha256: {digest}\n  scopes: [{scopes}]\n{more}"


def replace(path, text):
    """As one step, as an operator's tools do."""
    part = path.with_suffix(".part")
    part.write_text(text)
    os.replace(part, path)


def eventually(holds, what):
    """The limit is for slow machines."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Observed:
    """For a test case with `path`, the folder of the program's log, and `fetch`: what the program tells of itself.

    It tells some of it only after the answer is on its way, so a test waits for what it expects.
    """

    def metric(self, line):
        return f"\n{line}" in self.fetch("/metrics").body

    def see_metric(self, line):
        eventually(lambda: self.metric(line), f"/metrics does not show {line}")

    def log(self, **fields):
        """The whole lines so far in which each of the fields is as given."""
        whole = (self.path / "log").read_text().rpartition("\n")[0]
        lines = [json.loads(line) for line in whole.splitlines()]
        return [line for line in lines if all(line.get(name) == value for name, value in fields.items())]

    def see_log(self, count=1, **fields):
        """Such lines, once there are so many."""
        eventually(lambda: len(self.log(**fields)) >= count, f"the log does not have {count} of {fields}")
        return self.log(**fields)


class Traffic:
    """Calls `send` again and again on some threads, until it is left; `failures` has what it raised or returned."""

    def __init__(self, send, threads=3):
        self.failures = []
        self.sent = 0
        self._send = send
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self):
        while not self._stop.is_set():
            try:
                failure = self._send()
            except Exception as error:  # whatever it is, the test shows it
                failure = repr(error)
            if failure:
                self.failures.append(failure)
            self.sent += 1

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, count=20):
        """Waits until so many more have been sent."""
        start = self.sent
        eventually(lambda: self.sent >= start + count, "traffic does not go on")
