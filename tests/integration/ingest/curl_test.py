"""What a person sends with curl, in each format; and what the answers look like there."""

import gzip
import json
import subprocess
import sys
import unittest

from ingest_support import UNAVAILABLE, gateway

PROGRAM = sys.argv.pop(1)
EVENT = '{"service":"shop","body":"hello"}'
OTLP = ('{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},'
        '"scopeLogs":[{"logRecords":[{"timeUnixNano":"1769860800500000000","severityNumber":9,'
        '"body":{"stringValue":"hello"}}]}]}]}')
LOKI = '{"streams":[{"stream":{"app":"shop"},"values":[["1769860800500000000","hello"]]}]}'
CLOUD_EVENT = '{"specversion":"1.0","id":"1","source":"shop","type":"t","data":"hello"}'


class CurlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = gateway(PROGRAM)
        cls.url, cls.producer = cls.gateway.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.gateway.__exit__(None, None, None)

    def curl(self, path, body, *headers):
        """The status, the headers in lower case, and the body of the answer."""
        command = ["curl", "--silent", "--show-error", "--include", "--data-binary", "@-", self.url + path]
        for header in headers:
            command += ["--header", header]
        if isinstance(body, str):
            body = body.encode()
        answer = subprocess.run(command, input=body, capture_output=True, timeout=60, check=True).stdout.decode()
        head, _, text = answer.partition("\r\n\r\n")
        lines = head.split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        return int(lines[0].split()[1]), fields, text

    def stored(self, count=1):
        events = self.producer.take()
        self.assertEqual(len(events), count)
        for event in events:
            self.assertEqual((event["service"], event["body"]), ("shop", "hello"))
        return events

    def test_each_format(self):
        for path, kind, body, status in [
                ("/api/v1/logs", "application/json", EVENT, 202),
                ("/api/v1/logs", "application/json", f"[{EVENT}]", 202),
                ("/api/v1/logs", "application/x-ndjson", EVENT + "\n", 202),
                ("/api/v1/logs", "application/cloudevents+json", CLOUD_EVENT, 202),
                ("/api/v1/logs", "application/cloudevents-batch+json", f"[{CLOUD_EVENT}]", 202),
                ("/v1/logs", "application/json", OTLP, 200),
                ("/loki/api/v1/push", "application/json", LOKI, 204)]:
            with self.subTest(path=path, kind=kind):
                code, _, text = self.curl(path, body, f"Content-Type: {kind}")
                self.assertEqual(code, status, text)
                self.stored()
                code, _, text = self.curl(path, gzip.compress(body.encode()), f"Content-Type: {kind}",
                                          "Content-Encoding: gzip")
                self.assertEqual(code, status, text)
                self.stored()

    def test_a_binary_cloud_event(self):
        code, _, text = self.curl("/api/v1/logs", "hello", "Content-Type: text/plain", "ce-specversion: 1.0",
                                  "ce-id: 1", "ce-source: shop", "ce-type: t")
        self.assertEqual(code, 202, text)
        self.stored()

    def test_one_bad_line_sinks_no_other(self):
        code, _, text = self.curl("/api/v1/logs", f"{EVENT}\n{{broken\n{EVENT}\n",
                                  "Content-Type: application/x-ndjson")
        self.assertEqual(code, 202)
        answer = json.loads(text)
        self.assertEqual((answer["accepted"], answer["rejected"]), (2, 1))
        self.assertEqual((answer["errors"][0]["index"], answer["errors"][0]["code"]), (1, "malformed"))
        self.stored(2)

    def test_what_is_not_known_is_told_with_what_is(self):
        code, fields, _ = self.curl("/api/v1/logs", EVENT, "Content-Type: text/csv")
        self.assertEqual(code, 415)
        self.assertIn("application/x-ndjson", fields["accept-post"])
        code, fields, _ = self.curl("/api/v1/logs", EVENT, "Content-Type: application/json", "Content-Encoding: br")
        self.assertEqual(code, 415)
        self.assertEqual(fields["accept-encoding"], "gzip, zstd, deflate, identity")

    def test_a_bomb_is_refused(self):
        bomb = gzip.compress(b'{"body":"' + b"x" * (11 << 20) + b'"}')
        for path in ("/api/v1/logs", "/v1/logs", "/loki/api/v1/push"):
            code, _, text = self.curl(path, bomb, "Content-Type: application/json", "Content-Encoding: gzip")
            self.assertEqual(code, 413, text)

    def test_overload_is_503_in_each_protocol(self):
        self.producer.outcome = UNAVAILABLE
        try:
            for path, body in (("/api/v1/logs", EVENT), ("/v1/logs", OTLP), ("/loki/api/v1/push", LOKI)):
                code, fields, text = self.curl(path, body, "Content-Type: application/json")
                self.assertEqual(code, 503, text)
                self.assertEqual(fields["retry-after"], "1")
        finally:
            self.producer.outcome = 0

    def test_trace_context_and_key_travel(self):
        trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        self.curl("/api/v1/logs", EVENT, "Content-Type: application/json", f"traceparent: {trace}",
                  "tracestate: rojo=00f067aa0ba902b7, congo=t61rcWkgMzE")
        (event,) = self.stored()
        self.assertEqual((event["_traceparent"], event["_key"]), (trace, "shop"))
        self.assertEqual(event["_tracestate"], "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")


if __name__ == "__main__":
    unittest.main()
