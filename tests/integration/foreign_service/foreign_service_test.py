"""`stormlog load` and `stormlog verify` on a system in another language, with other words.

The ledger must be its own witness: what the system loses, doubles or refuses comes out with its id,
and what cannot be read is unknown, never passed.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

HERE = pathlib.Path(__file__).parent
STORMLOG = sys.argv.pop(1)  # the program under test


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ForeignSystem(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="foreign.")
        self.addCleanup(shutil.rmtree, self.folder)
        self.redis_port = free_port()
        self.redis = self.start(["redis-server", "--port", str(self.redis_port), "--bind",
                                 "127.0.0.1", "--save", "", "--dir", self.folder,
                                 "--loglevel", "warning"], stdout=subprocess.DEVNULL)
        limit = time.monotonic() + 30
        while self.redis_cli("ping") != "PONG":
            self.assertLess(time.monotonic(), limit, "Redis does not answer")
            time.sleep(0.02)

    def start(self, argv, **options):
        process = subprocess.Popen(argv, **options)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

        self.addCleanup(end)
        return process

    def redis_cli(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.redis_port), *words],
                              capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def start_service(self, *options):
        service = self.start([sys.executable, "-B", str(HERE / "foreign_service.py"), "--redis",
                              str(self.redis_port), *options], stdout=subprocess.PIPE, text=True)
        self.port = int(service.stdout.readline())
        return service

    def stormlog(self, *words):
        done = subprocess.run(
            [STORMLOG, *words, "--json", "--stack", str(HERE / "foreign.yaml"),
             "--var", f"port={self.port}", "--var", f"redis={self.redis_port}"],
            capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "STORMLOG_HOME": self.folder})
        self.assertTrue(done.stdout, done.stderr)
        return done.returncode, json.loads(done.stdout)

    def load(self, *words):
        return self.stormlog("load", "--rate", "1000/s", "--batch", "5", "--duration", "500ms",
                             "--concurrency", "8", *words)

    def told(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/") as answer:
            return json.load(answer)

    def test_an_honest_system_passes(self):
        self.start_service()
        code, result = self.load("--verify")
        self.assertEqual(result["events"], {"sent": 500, "acked": 500, "rejected": 0,
                                            "indeterminate": 0, "unsent": 0})
        self.assertEqual(result["requests"], 100)
        self.assertEqual(result["codes"], {"200": 100})
        self.assertGreater(result["latency_ms"]["p99"], 0)
        verification = result["verification"]
        self.assertEqual(verification["verdict"], "passed")
        self.assertEqual(verification["delivered"], 500)
        self.assertTrue(verification["order_known"])
        self.assertEqual(verification["reordered"], 0)
        self.assertEqual(code, 0)

    def test_what_it_acknowledged_and_did_not_store_is_lost_by_name(self):
        self.start_service("--drop", "200")
        code, result = self.load("--verify")
        verification = result["verification"]
        self.assertEqual(verification["verdict"], "failed")
        self.assertEqual(verification["lost"], 2)
        self.assertCountEqual([event["id"] for event in verification["lost_events"]],
                              self.told()["dropped"])
        self.assertEqual(verification["lost_events"][0]["where"], "stream")
        self.assertEqual(code, 1)

    def test_what_it_stored_twice_is_duplicated_by_name(self):
        self.start_service("--double", "250")
        code, result = self.load("--verify")
        verification = result["verification"]
        self.assertEqual((verification["lost"], verification["duplicated"]), (0, 2))
        self.assertCountEqual([event["id"] for event in verification["duplicated_events"]],
                              self.told()["doubled"])
        self.assertEqual(code, 1)

    def test_what_it_refused_is_neither(self):
        self.start_service("--refuse", "50")
        code, result = self.load("--verify")
        self.assertEqual(result["events"]["rejected"], 10)
        self.assertEqual(result["verification"]["acked"], 490)
        self.assertEqual(result["verification"]["delivered"], 490)
        self.assertEqual(code, 0)

    def test_one_entry_deleted_behind_its_back_is_found_by_verify(self):
        self.start_service()
        code, result = self.load("--out", self.folder + "/out")
        self.assertEqual(code, 0)
        code, before = self.stormlog("verify", result["ledger"])
        self.assertEqual((code, before["verdict"]), (0, "passed"))

        stream = "foreign:" + before["run"]
        entry = self.redis_cli("--json", "xrange", stream, "-", "+", "count", "1") \
            or self.redis_cli("xrange", stream, "-", "+", "count", "1")
        entry_id = entry.replace("[", " ").replace('"', " ").replace(",", " ").split()[0]
        self.assertEqual(self.redis_cli("xdel", stream, entry_id), "1")
        code, after = self.stormlog("verify", self.folder + "/out", "--wait", "0s")
        self.assertEqual((code, after["verdict"], after["lost"]), (1, "failed", 1))
        self.assertIn(after["lost_events"][0]["id"], entry)

    def test_a_store_that_cannot_be_read_is_unknown(self):
        self.start_service()
        _, result = self.load()
        self.redis.send_signal(signal.SIGKILL)
        self.redis.wait()
        code, verification = self.stormlog("verify", result["ledger"], "--wait", "300ms")
        self.assertEqual((code, verification["verdict"]), (4, "unknown"))
        self.assertIn("refused", verification["why_incomplete"])
        self.assertEqual(verification["lost"], 0)

    def test_a_store_that_does_not_come_to_rest_is_unknown(self):
        self.start_service()
        _, result = self.load("--out", self.folder + "/out")
        _, first = self.stormlog("verify", result["ledger"])
        event = json.dumps({"event_id": "none"})
        writer = self.start(["redis-cli", "-p", str(self.redis_port), "-r", "-1", "-i", "0.05",
                             "xadd", "foreign:" + first["run"], "*", "event", event],
                            stdout=subprocess.DEVNULL)
        code, verification = self.stormlog("verify", result["ledger"], "--wait", "2s")
        self.assertEqual((code, verification["verdict"]), (4, "unknown"))
        self.assertIn("quiet", verification["why_incomplete"])
        self.assertIsNone(writer.poll())

    def test_a_system_that_is_not_there_fails_the_load_and_says_why(self):
        self.port = free_port()
        code, result = self.load()
        self.assertEqual(code, 1)
        self.assertEqual(result["events"]["unsent"], 500)
        self.assertEqual(result["errors"][0]["kind"], "no connection")

    def test_wrong_usage_is_told_before_anything_is_sent(self):
        self.start_service()
        code, result = self.load("--keys", "0")
        self.assertEqual(code, 2)
        self.assertIn("keys", result["error"])
        code, result = self.stormlog("verify", self.folder + "/nothing")
        self.assertEqual(code, 2)
        self.assertEqual(self.told(), {"dropped": [], "doubled": []})


if __name__ == "__main__":
    unittest.main(verbosity=2)
