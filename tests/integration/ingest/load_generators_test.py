"""Load generators that others wrote, unchanged, against the gateway: telemetrygen and vegeta."""

import base64
import json
import pathlib
import subprocess
import sys
import unittest

from ingest_support import UNAVAILABLE, gateway

PROGRAM, SCRIPT = sys.argv.pop(1), sys.argv.pop(1)
WHERE = subprocess.run([SCRIPT, "--where"], capture_output=True, text=True)
if WHERE.returncode != 0:
    sys.exit(WHERE.stderr)
TOOLS = next(pathlib.Path(folder) for folder in WHERE.stdout.splitlines()
             if pathlib.Path(folder).name.startswith("generators-"))


class LoadGeneratorTest(unittest.TestCase):
    def setUp(self):
        context = gateway(PROGRAM)
        self.url, self.producer = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def run_tool(self, name, *words, given=b""):
        done = subprocess.run([TOOLS / name, *words], input=given, capture_output=True, timeout=90)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class Telemetrygen(LoadGeneratorTest):
    def test_every_log_record_arrives(self):
        self.run_tool("telemetrygen", "logs", "--otlp-http", "--otlp-insecure",
                      "--otlp-endpoint", self.url.removeprefix("http://"),
                      "--logs", "500", "--workers", "2", "--rate", "0", "--body", "order is late",
                      "--severity-text", "Warn", "--severity-number", "13",
                      "--otlp-attributes", 'region="eu"', "--telemetry-attributes", "order=17",
                      "--trace-id", "4bf92f3577b34da6a3ce929d0e0e4736",
                      "--span-id", "00f067aa0ba902b7")
        events = self.producer.take()
        self.assertEqual(len(events), 1000)
        self.assertEqual(len({event["id"] for event in events}), 1000)
        event = events[0]
        self.assertEqual((event["body"], event["severity_number"], event["severity_text"]),
                         ("order is late", 13, "Warn"))
        self.assertEqual(event["service"], "telemetrygen")
        self.assertEqual(event["resource"]["region"], "eu")
        self.assertEqual(event["attributes"]["order"], 17)
        self.assertEqual((event["trace_id"], event["span_id"]),
                         ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"))


class Vegeta(LoadGeneratorTest):
    REQUESTS = 300

    def attack(self):
        """What vegeta reports of a second of requests, each with an event of its own."""
        targets = "\n".join(json.dumps({
            "method": "POST", "url": self.url + "/api/v1/logs",
            "header": {"Content-Type": ["application/json"]},
            "body": json_base64({"service": "shop", "body": f"order {number}"}),
        }) for number in range(self.REQUESTS))
        results = self.run_tool("vegeta", "attack", "-format=json", "-duration=1s",
                                f"-rate={self.REQUESTS}", given=targets.encode())
        return json.loads(self.run_tool("vegeta", "report", "-type=json", given=results))

    def test_every_request_is_accepted_and_its_event_arrives(self):
        report = self.attack()
        self.assertEqual(report["status_codes"], {"202": self.REQUESTS}, report)
        events = self.producer.take()
        self.assertEqual(len({event["id"] for event in events}), self.REQUESTS)
        self.assertEqual(len(events), self.REQUESTS)
        # vegeta begins its list again after the first target.
        self.assertEqual({event["body"] for event in events},
                         {f"order {number}" for number in range(self.REQUESTS - 1)})

    def test_without_a_producer_every_request_is_told_to_come_again(self):
        self.producer.outcome = UNAVAILABLE
        report = self.attack()
        self.assertEqual(report["status_codes"], {"503": self.REQUESTS}, report)


def json_base64(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


if __name__ == "__main__":
    unittest.main()
