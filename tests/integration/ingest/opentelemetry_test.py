"""OpenTelemetry's SDK for Python and its OTLP exporter, unchanged, against the gateway."""

import logging
import pathlib
import subprocess
import sys
import unittest

from ingest_support import gateway

PROGRAM, SCRIPT = sys.argv.pop(1), sys.argv.pop(1)
WHERE = subprocess.run([SCRIPT, "--where"], capture_output=True, text=True)
if WHERE.returncode != 0:
    sys.exit(WHERE.stderr)
PACKAGES = next(folder for folder in WHERE.stdout.splitlines()
                if pathlib.Path(folder).name.startswith("opentelemetry-"))
sys.path.insert(0, PACKAGES + "/packages")

# pylint: disable=wrong-import-position
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider


class OpenTelemetryTest(unittest.TestCase):
    def setUp(self):
        context = gateway(PROGRAM)
        self.url, self.producer = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def send(self, log, compression=Compression.NoCompression):
        """What arrives of the lines that log(logger) writes."""
        provider = LoggerProvider(resource=Resource.create({"service.name": "shop", "region": "eu"}))
        exporter = OTLPLogExporter(endpoint=self.url + "/v1/logs", compression=compression, timeout=10)
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        logger = logging.getLogger("orders")
        handler = LoggingHandler(logger_provider=provider)
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        try:
            log(logger)
            self.assertTrue(provider.force_flush(30_000))
        finally:
            logger.removeHandler(handler)
            provider.shutdown()
        return self.producer.take()

    def test_lines_arrive_as_they_were_logged(self):
        for compression in (Compression.NoCompression, Compression.Gzip, Compression.Deflate):
            with self.subTest(compression=compression):
                events = self.send(lambda logger: logger.warning(
                    "order %d is late", 17, extra={"order": 17, "ratio": 0.5, "tags": ["a", "b"]}), compression)
                self.assertEqual(len(events), 1)
                event = events[0]
                self.assertEqual(event["body"], "order 17 is late")
                self.assertEqual(event["service"], "shop")
                self.assertEqual(event["severity_number"], 13)
                self.assertEqual(event["attributes"]["order"], 17)
                self.assertEqual(event["attributes"]["ratio"], 0.5)
                self.assertEqual(event["attributes"]["tags"], ["a", "b"])
                self.assertEqual(event["resource"]["region"], "eu")
                self.assertEqual(event["scope"]["name"], "orders")
                self.assertLess(abs(event["timestamp"] - event["observed_timestamp"]), 60 * 10**9)

    def test_a_line_within_a_span_has_its_ids(self):
        tracer = TracerProvider().get_tracer("t")

        def log(logger):
            with tracer.start_as_current_span("s") as span:
                self.context = span.get_span_context()
                logger.info("within")
        (event,) = self.send(log)
        self.assertEqual(event["trace_id"], f"{self.context.trace_id:032x}")
        self.assertEqual(event["span_id"], f"{self.context.span_id:016x}")
        self.assertEqual(event["trace_flags"], 1)

    def test_many_lines_in_several_batches(self):
        def log(logger):
            for number in range(2_000):
                logger.info("line %d", number)
        events = self.send(log, Compression.Gzip)
        self.assertEqual([event["body"] for event in events], [f"line {number}" for number in range(2_000)])

    def test_it_repeats_after_overload(self):
        self.producer.refuse_next = 2
        events = self.send(lambda logger: logger.info("late"))
        self.assertEqual([event["body"] for event in events], ["late"])
        self.assertEqual(self.producer.refuse_next, 0)


if __name__ == "__main__":
    unittest.main()
