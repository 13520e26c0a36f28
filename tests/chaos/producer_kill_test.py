"""The first experiment on the real stack, and the cases in which its verdict must not be `passed`:
a row deleted or doubled behind the pipeline's back, a producer that is not restarted, a sink that
cannot be read, a kill that hits nothing, an interrupted run.

usage: producer_kill_test.py STORMLOG SOURCE_DIR
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from chaos_support import (HOME, SOURCE, STORMLOG, RunningStack, changed_stack, run_experiment, sql,
                           stormlog)

EXPERIMENT = SOURCE / "tests/chaos/producer_kill.yaml"


def check(verdict, name):
    return next(c for c in verdict["checks"] if c["check"] == name)


class ProducerKill(RunningStack):
    def test_1_passes_and_the_ledger_catches_a_deleted_row(self):
        code, verdict = run_experiment(EXPERIMENT)
        self.assertEqual((code, verdict["verdict"]), (0, "passed"), json.dumps(verdict, indent=1))
        self.assertEqual(verdict["faults"][0]["effect"], "confirmed")
        states = [(t["from"], t["to"]) for t in verdict["transitions"]
                  if t["breaker"] == "log-producer"]
        self.assertEqual(states[0], ("closed", "open"))
        self.assertEqual(states[-1], ("half_open", "closed"))

        folder = HOME / "runs" / verdict["name"]
        self.assertTrue((folder / "junit.xml").exists())
        gone = sql(f"DELETE FROM logs WHERE id = (SELECT id FROM logs "
                   f"WHERE attributes->>'run' = '{verdict['name']}' LIMIT 1) RETURNING id")
        gone = gone.splitlines()[0]
        result = stormlog("verify", str(folder), "--wait", "0s", "--json")
        ledger = json.loads(result.stdout)
        acked = check(verdict, "no_loss")["measured"]["acked"]
        if ledger["lost"] == 0:
            # The deleted row may be one of the few that were stored without an acknowledgement.
            self.assertEqual(ledger["delivered"], acked)
        else:
            self.assertEqual((result.returncode, ledger["lost"]), (1, 1), result.stdout)
            self.assertIn(gone, result.stdout)

    def test_2_a_producer_that_stays_dead_is_failed_and_not_stuck(self):
        with tempfile.TemporaryDirectory() as folder:
            text = (SOURCE / "stack.yaml").read_text()
            service = text[text.index("\n  log-producer:"):]
            line = next(l for l in service.splitlines() if l.strip().startswith("restart:"))
            never = service.replace(line, "    restart: never", 1)
            path = pathlib.Path(folder) / "stack.yaml"
            path.write_text(text.replace(service, never))
            (pathlib.Path(folder) / "deploy").symlink_to(SOURCE / "deploy")
            self.assertEqual(stormlog("up", stack=path).returncode, 0)
            try:
                code, verdict = run_experiment(EXPERIMENT, stack=path)
            finally:
                self.assertEqual(stormlog("up").returncode, 0)
                stormlog("restart", "log-producer")
        self.assertEqual((code, verdict["verdict"]), (1, "failed"), verdict["reason"])
        self.assertEqual(check(verdict, "recovered")["result"], "failed")
        self.assertEqual(check(verdict, "no_loss")["result"], "passed")

    def test_3_a_sink_that_cannot_be_read_is_unknown(self):
        with tempfile.TemporaryDirectory() as folder:
            stack = changed_stack(folder, ("FROM logs", "FROM no_such_table"))
            code, verdict = run_experiment(EXPERIMENT, stack=stack)
        self.assertEqual((code, verdict["verdict"]), (4, "unknown"), verdict["reason"])
        self.assertEqual(check(verdict, "no_loss")["result"], "unknown")

    def test_3_a_backlog_that_does_not_drain_is_unknown(self):
        with tempfile.TemporaryDirectory() as folder:
            # A backlog that is never below zero looks to the engine as one that stays.
            stack = changed_stack(folder, ("expect: {max: 0}}\n  drain_timeout: 60s",
                                           "expect: {max: -1}}\n  drain_timeout: 3s"))
            code, verdict = run_experiment(EXPERIMENT, stack=stack)
        self.assertEqual((code, verdict["verdict"]), (4, "unknown"), verdict["reason"])
        self.assertIn("drain", json.dumps(check(verdict, "no_loss")))

    def test_4_a_kill_that_hits_nothing_is_invalid(self):
        with tempfile.TemporaryDirectory() as folder:
            stack = changed_stack(folder, ("\n# The connections that", "\n  ghost:\n    process: {port: 9}\n\n# The connections that"))
            experiment = pathlib.Path(folder) / "ghost.yaml"
            experiment.write_text(EXPERIMENT.read_text().replace("target: log-producer",
                                                                 "target: ghost"))
            code, verdict = run_experiment(experiment, stack=stack)
        self.assertEqual((code, verdict["verdict"]), (3, "invalid"), verdict["reason"])

    def test_5_an_interrupted_run_heals_and_is_aborted(self):
        with tempfile.TemporaryDirectory() as folder:
            experiment = pathlib.Path(folder) / "pause.yaml"
            experiment.write_text(EXPERIMENT.read_text().replace(
                "{at: 2s, fault: service_kill, target: log-producer}",
                "{at: 1s, fault: service_pause, target: log-consumer, for: 60s}"))
            command = [STORMLOG, "run", str(experiment), "--stack", str(SOURCE / "stack.yaml")]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True) as engine:
                for line in engine.stdout:
                    if "effect confirmed" in line:
                        break
                engine.send_signal(signal.SIGINT)
                rest = engine.stdout.read()
                code = engine.wait(timeout=120)
        self.assertEqual(code, 5, rest)
        self.assertIn("ABORTED", rest.upper())
        doctor = stormlog("doctor")
        self.assertEqual(doctor.returncode, 0, doctor.stdout)

    def test_6_an_engine_killed_with_9_is_healed_by_the_watchdog(self):
        command = [STORMLOG, "inject", "service_pause", "--target", "log-consumer", "--for", "60s",
                   "--stack", str(SOURCE / "stack.yaml")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True) as engine:
            for line in engine.stdout:
                if "confirmed" in line:
                    break
            engine.kill()
        for _ in range(200):
            doctor = stormlog("doctor")
            if doctor.returncode == 0:
                break
            time.sleep(0.1)
        self.assertEqual(doctor.returncode, 0, doctor.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
