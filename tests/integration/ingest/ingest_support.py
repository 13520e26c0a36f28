"""An api-gateway of its own, and a producer that keeps what it is sent instead of Kafka."""

import contextlib
import json
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


UNAVAILABLE = 2  # of EventOutcome, in the same file


def decode_batch(batch):
    """The stored forms of a batch, see src/pipeline/event/batch_codec.hpp."""
    assert batch[:4] == b"SLB1", batch[:16]
    (count,) = struct.unpack_from("<I", batch, 4)
    at = 8
    events = []
    for _ in range(count):
        key, traceparent, payload = struct.unpack_from("<HBI", batch, at + 24)
        at += 31
        tracestate = 0
        if traceparent & 0x80:
            traceparent &= 0x7F
            (tracestate,) = struct.unpack_from("<H", batch, at)
            at += 2
        head = key + traceparent + tracestate
        event = json.loads(batch[at + head:at + head + payload])
        event["_key"] = batch[at:at + key].decode()
        event["_traceparent"] = batch[at + key:at + key + traceparent].decode()
        event["_tracestate"] = batch[at + key + traceparent:at + head].decode()
        events.append(event)
        at += head + payload
    assert at == len(batch)
    return events


class FakeProducer(ThreadingHTTPServer):
    """Takes batches from the gateway; `outcome` is what it answers for each event, after `delay`.

    `delay` is in seconds. The next `refuse_next` batches are not taken: "unavailable". With a `token` it asks for
    that. `seen` has the path and the headers of each request but those that ask whether it lives. Reads are answered
    too.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events = []
        self.outcome = 0  # accepted
        self.refuse_next = 0
        self.delay = 0
        self.token = None
        self.seen = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self):
        events, self.events = self.events, []
        return events

    def close(self):
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self, body, kind, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/livez":
            self.server.seen.append((self.path, self.headers))
        self._answer(b"alive", "text/plain")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, self.headers))
        if self.server.token and self.headers["Authorization"] != f"Bearer {self.server.token}":
            self._answer(b"{}", "application/problem+json", 401)
            return
        if self.path != "/internal/v1/batch":
            self._answer(b"{}", "application/json")
            return
        events = decode_batch(body)
        outcome = self.server.outcome
        time.sleep(self.server.delay)
        if self.server.refuse_next > 0:
            self.server.refuse_next -= 1
            outcome = UNAVAILABLE
        if outcome == 0:
            self.server.events += events
        results = b"SLR1" + struct.pack("<I", len(events)) + bytes([outcome]) * len(events)
        self._answer(results, "application/vnd.stormlog.results.v1")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def is_ready(url, tls=None):
    try:
        with urllib.request.urlopen(url + "/readyz", timeout=5, context=tls) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def start_gateway(program, producers, *options, tls=None, log=None):
    """Its URL, and the process; it is ready.

    `tls` is the ssl.SSLContext of a client where the options make it serve TLS; `log` is where its log goes.
    """
    address = f"127.0.0.1:{free_port()}"
    url = f"{'https' if tls else 'http'}://{address}"
    process = subprocess.Popen(
        [program, "--listen", address, "--producers", ",".join(producers),
         "--log-level", "info" if log else "error", *options], stderr=log)
    deadline = time.monotonic() + 30
    try:
        while not is_ready(url, tls):
            assert process.poll() is None, "the gateway has ended"
            assert time.monotonic() < deadline, "the gateway does not become ready"
            time.sleep(0.02)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return url, process


@contextlib.contextmanager
def gateway(program, *options, tls=None, log=None):
    """Yields the gateway's URL and its producer, which also answers its reads; see start_gateway()."""
    producer = FakeProducer()
    try:
        url, process = start_gateway(program, [producer.url], "--queries", producer.url, *options, tls=tls, log=log)
        try:
            yield url, producer
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0
    finally:
        producer.close()
