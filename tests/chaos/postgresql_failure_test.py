"""The third experiment on the real stack: PostgreSQL dies, the consumer goes on in cache-only mode.
And with more dying beside it: the consumer, Redis, both. Without cache-only mode nothing is lost
either, but the run must not pass, because the spill is not seen.

usage: postgresql_failure_test.py STORMLOG SOURCE_DIR
"""

import json
import pathlib
import sys
import tempfile
import unittest
import urllib.request

from chaos_support import SOURCE, RunningStack, run_experiment, stormlog

EXPERIMENT = SOURCE / "tests/chaos/postgresql_failure.yaml"
OUTAGE = "  - {at: 3s, fault: service_kill, target: postgresql, for: 7s}\n"
CONSUMER_DIES = "  - {at: 6s, fault: service_kill, target: log-consumer}\n"
REDIS_DIES = "  - {at: 5s, fault: service_kill, target: redis, for: 2s}\n"


def check(verdict, name, **measured_of):
    return next(c for c in verdict["checks"] if c["check"] == name and
                all(c["expected"].get(k) == v for k, v in measured_of.items()))


def metric(name):
    with urllib.request.urlopen("http://127.0.0.1:8082/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    values = [float(line.rsplit(" ", 1)[1]) for line in lines
              if line.startswith((name + " ", name + "{"))]
    assert values, f"no {name}"
    return sum(values)


class PostgresqlFailure(RunningStack):
    def expect_passed(self, more=""):
        """Runs the outage with more faults beside it."""
        text = EXPERIMENT.read_text()
        self.assertIn(OUTAGE, text)
        with tempfile.TemporaryDirectory() as folder:
            experiment = pathlib.Path(folder) / "outage.yaml"
            experiment.write_text(text.replace(OUTAGE, OUTAGE + more))
            code, verdict = run_experiment(experiment)
        self.assertEqual((code, verdict["verdict"]), (0, "passed"), json.dumps(verdict, indent=1))
        for fault in verdict["faults"]:
            self.assertEqual(fault["effect"], "confirmed", fault)
        self.assertEqual(len(verdict["faults"]), 1 + more.count("fault:"))
        self.assertEqual(metric("consumer_missing_records_total"), 0)
        self.assertEqual(metric("consumer_spill_backlog_records"), 0)
        return verdict

    def test_1_records_go_to_redis_and_come_back(self):
        before = metric("consumer_spilled_total")
        verdict = self.expect_passed()
        self.assertGreater(metric("consumer_spilled_total"), before)
        self.assertEqual(metric("consumer_spilled_total"), metric("consumer_spill_drained_total"))
        states = [(t["from"], t["to"]) for t in verdict["transitions"]
                  if t["breaker"] == "postgresql"]
        self.assertEqual((states[0], states[-1]), (("closed", "open"), ("half_open", "closed")))

    def test_2_the_consumer_dies_in_the_outage(self):
        self.expect_passed(CONSUMER_DIES)

    def test_3_redis_dies_in_the_outage(self):
        self.expect_passed(REDIS_DIES)

    def test_4_both_die_in_the_outage(self):
        self.expect_passed(REDIS_DIES + CONSUMER_DIES)

    def test_5_without_cache_only_mode_nothing_is_lost_but_the_spill_is_missed(self):
        with tempfile.TemporaryDirectory() as folder:
            text = (SOURCE / "stack.yaml").read_text()
            words = '--redis, "${link_redis}"]'
            self.assertIn(words, text)
            path = pathlib.Path(folder) / "stack.yaml"
            path.write_text(text.replace(words, words[:-1] + ', --spill-bytes, "0"]'))
            (pathlib.Path(folder) / "deploy").symlink_to(SOURCE / "deploy")
            self.assertEqual(stormlog("up", stack=path).returncode, 0)
            self.assertEqual(stormlog("restart", "log-consumer", stack=path).returncode, 0)
            try:
                code, verdict = run_experiment(EXPERIMENT, stack=path)
            finally:
                self.assertEqual(stormlog("up").returncode, 0)
                stormlog("restart", "log-consumer")
        self.assertEqual((code, verdict["verdict"]), (1, "failed"), verdict["reason"])
        spill = check(verdict, "steady_state", probe="nothing in Redis")
        self.assertEqual(spill["result"], "failed", spill)
        for name in ("no_loss", "exactly_once", "ordered", "recovered"):
            self.assertEqual(check(verdict, name)["result"], "passed", check(verdict, name))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
