"""abort: a run from another terminal, healed before it ends."""

import json
import unittest

from fault_support import FaultTest, state

EXPERIMENT = """title: A long pause
method:
  - {at: 0s, fault: service_pause, target: a, for: 10m}
expect: [no_crash]
limits: {max_duration: 20m, ttl: 15m}
"""


class Abort(FaultTest):
    def start_run(self):
        (self.root / "pause.yaml").write_text(EXPERIMENT)
        pid = self.pid("a")
        run = self.start("run", "pause.yaml", "--json")
        # The record comes first, so that it speaks of every process that stands still.
        self.wait_for_state(pid, "T")
        return run, pid

    def test_nothing_runs(self):
        self.assertIn("no run is under way", self.ok("abort"))
        self.assertEqual(self.json("abort", "--all"), (0, {"aborted": [], "failed": []}))
        self.assertIn("there is no run", self.fails(2, "abort", "2026-nothing"))
        self.fails(2, "abort", "2026-nothing", "--all")

    def test_the_run_under_way_is_ended_and_healed(self):
        run, pid = self.start_run()
        name = self.records()[0]["run"]
        code, result = self.json("abort")
        self.assertEqual((code, result["aborted"]), (0, [name]), result)
        # It has ended when abort returns, not some time later.
        self.assertIsNotNone(run.poll())
        self.wait_until_it_goes_on(pid)
        self.assertEqual(self.records(), [])
        _, verdict = self.finish(run)
        self.assertEqual(verdict["verdict"], "aborted")
        self.assertIn("no run is under way", self.ok("abort", name))

    def test_a_run_killed_with_9_is_healed_and_not_under_way(self):
        run, pid = self.start_run()
        run.kill()
        run.wait()
        self.wait_until_it_goes_on(pid)
        self.wait_for(lambda: not self.records(), "an empty undo journal")
        self.assertIn("no run is under way", self.ok("abort"))

    def test_a_wrong_name_ends_nothing(self):
        run, pid = self.start_run()
        name = self.records()[0]["run"]
        self.assertIn(name, self.fails(2, "abort", name[:-1] + "x"))
        self.assertIsNone(run.poll())
        self.assertEqual(state(pid), "T")
        self.ok("abort", "--all")


if __name__ == "__main__":
    unittest.main()
