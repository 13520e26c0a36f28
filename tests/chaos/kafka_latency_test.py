"""The second experiment on the real stack: Kafka behind a slow link, and the runs that must not
pass: a fault that somebody takes away, a proxy that dies.

usage: kafka_latency_test.py STORMLOG SOURCE_DIR
"""

import json
import os
import signal
import sys
import threading
import time
import unittest
import urllib.request

from chaos_support import SOURCE, RunningStack, run_experiment, stormlog

API = "http://127.0.0.1:8474"


def toxics():
    with urllib.request.urlopen(f"{API}/proxies/producer-kafka/toxics", timeout=10) as answer:
        return [toxic["name"] for toxic in json.load(answer)]


class OnceToxic(threading.Thread):
    """Does something as soon as a toxic is in."""

    def __init__(self, act):
        super().__init__(daemon=True)
        self.act = act
        self.done = False
        self.start()

    def run(self):
        end = time.monotonic() + 60
        while time.monotonic() < end and not (found := toxics()):
            time.sleep(0.01)
        if found:
            self.act(found)
            self.done = True


class KafkaLatency(RunningStack):
    def tearDown(self):
        self.assertEqual(toxics(), [], "the link is as it was")

    def test_1_a_late_kafka_delays_and_loses_nothing(self):
        code, verdict = run_experiment(SOURCE / "tests/chaos/kafka_latency.yaml")
        self.assertEqual((code, verdict["verdict"]), (0, "passed"), json.dumps(verdict, indent=1))
        fault = verdict["faults"][0]
        self.assertEqual(fault["effect"], "confirmed")
        for direction in ("upstream", "downstream"):
            self.assertGreaterEqual(fault["measured"][direction]["least_ms"], 250)

    def test_2_a_very_late_kafka_opens_the_producers_breaker(self):
        code, verdict = run_experiment(SOURCE / "tests/chaos/kafka_slow.yaml")
        self.assertEqual((code, verdict["verdict"]), (0, "passed"), json.dumps(verdict, indent=1))
        states = [(t["from"], t["to"]) for t in verdict["transitions"] if t["breaker"] == "kafka"]
        self.assertEqual((states[0], states[-1]), (("closed", "open"), ("half_open", "closed")))

    def test_3_a_fault_that_is_taken_away_makes_the_run_invalid(self):
        def take_away(names):
            for name in names:
                request = urllib.request.Request(f"{API}/proxies/producer-kafka/toxics/{name}",
                                                 method="DELETE")
                urllib.request.urlopen(request, timeout=10).close()

        saboteur = OnceToxic(take_away)
        code, verdict = run_experiment(SOURCE / "tests/chaos/kafka_latency.yaml")
        saboteur.join()
        self.assertTrue(saboteur.done)
        self.assertEqual((code, verdict["verdict"]), (3, "invalid"), verdict["reason"])
        self.assertIn("network_latency on producer-kafka", verdict["reason"])

    def test_4_a_proxy_that_dies_makes_the_run_invalid_and_comes_back(self):
        def kill(_):
            state = json.loads(stormlog("status", "--json").stdout)
            proxy = next(s for s in state["services"] if s["name"] == "proxy")
            time.sleep(4)  # after the self-check
            os.kill(proxy["pid"], signal.SIGKILL)

        killer = OnceToxic(kill)
        code, verdict = run_experiment(SOURCE / "tests/chaos/kafka_latency.yaml")
        killer.join()
        self.assertTrue(killer.done)
        self.assertEqual((code, verdict["verdict"]), (3, "invalid"), verdict["reason"])
        self.assertIn("proxy", verdict["reason"])
        lost = next(c for c in verdict["checks"] if c["check"] == "no_loss")
        self.assertEqual(lost["result"], "passed", lost)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
