"""service_kill: the process is gone, and comes back by its policy or when the hold ends."""

import os
import signal
import subprocess
import sys
import unittest

from fault_support import FaultTest
from support import alive, free_port


class Kill(FaultTest):
    def test_a_killed_service_comes_back_as_another_process(self):
        before = self.pid("a")
        code, result = self.json("inject", "service_kill", "--target", "a")
        self.assertEqual((code, result["effect"]), (0, "confirmed"), result)
        self.assertEqual(result["measured"]["pid"], before)
        self.assertGreaterEqual(result["measured"]["died_after_ms"], 0)
        self.assertFalse(alive(before))
        after = self.wait_for_service("a", phase="running", restarts=1)
        self.assertNotEqual(after["pid"], before)
        self.assertIn("SIGKILL", self.log("supervisor"))
        self.assertEqual(self.records(), [])

    def test_the_signal_is_a_parameter(self):
        self.ok("inject", "service_kill", "--target", "a", "signal=TERM")
        self.wait_for_service("a", phase="running", restarts=1)
        self.assertIn("SIGTERM", self.log("supervisor"))

    def test_with_for_it_is_held_down_and_then_comes_back(self):
        inject = self.start("inject", "service_kill", "--target", "a", "--for", "1500ms", "--json")
        held = self.wait_for_service("a", phase="held")
        record, = self.records()
        self.assertEqual(held["held_by"], record["id"])
        self.assertEqual((record["fault"], record["target"]), ("service_kill", "a"))
        self.assertFalse(record["detached"])
        code, result = self.finish(inject)
        self.assertEqual((code, result["effect"], result["healed"]), (0, "confirmed", True), result)
        self.assertTrue(result["measured"]["held_down"])
        self.wait_for_service("a", phase="running", held_by="")
        self.assertEqual(self.records(), [])

    def test_ctrl_c_ends_the_hold_at_once(self):
        inject = self.start("inject", "service_kill", "--target", "a", "--for", "10m", "--json")
        self.wait_for_service("a", phase="held")
        inject.send_signal(signal.SIGINT)
        code, result = self.finish(inject)
        self.assertEqual((code, result["healed"]), (0, True), result)
        self.wait_for_service("a", phase="running")

    def test_a_hold_outlives_no_engine(self):
        inject = self.start("inject", "service_kill", "--target", "a", "--for", "10m")
        self.wait_for_service("a", phase="held")
        inject.kill()
        self.wait_for_service("a", phase="running", held_by="")
        self.wait_for(lambda: not self.records(), "an empty undo journal")

    def test_a_process_that_ignores_the_signal_was_not_hit(self):
        (self.root / "stubborn.py").write_text(
            "import signal, pathlib\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "pathlib.Path('ready').touch()\nwhile True: signal.pause()\n")
        self.write(f"services: {{c: {{command: [{sys.executable}, stubborn.py], "
                   "stop: {signal: KILL}}}\n")
        self.ok("down")
        self.ok("up")
        self.wait_for((self.root / "ready").exists, "the service")
        code, result = self.json("inject", "service_kill", "--target", "c", "signal=TERM")
        self.assertEqual((code, result["effect"]), (1, "none"), result)
        self.assertGreater(result["measured"]["alive_after_ms"], 0)


class KillOfAForeignService(FaultTest):
    STACK = "services: {}\n"

    def setUp(self):
        super(FaultTest, self).setUp()
        self.port = free_port()
        self.foreign = subprocess.Popen([sys.executable, "server.py", str(self.port)],
                                        cwd=self.root)
        self.started.append(self.foreign)
        self.write(f"services: {{f: {{process: {{port: {self.port}}}}}}}\n")

    def test_it_is_found_by_its_port_and_killed(self):
        # It listens a moment after it was started; a kill before that hits nothing.
        done = self.wait_for(
            lambda: (d := self.json("inject", "service_kill", "--target", "f"))[0] == 0 and d,
            "a kill")
        self.assertEqual(done[1]["measured"]["pid"], self.foreign.pid)
        self.assertEqual(self.foreign.wait(), -signal.SIGKILL)

    def test_a_kill_that_hits_nothing_is_refused(self):
        self.foreign.kill()
        self.foreign.wait()
        code, result = self.json("inject", "service_kill", "--target", "f")
        self.assertEqual(code, 3, result)
        self.assertIn(str(self.port), result["error"])

    def test_nobody_holds_it_down(self):
        self.wait_for(lambda: "nothing can hold it down" in self.stormlog(
            "inject", "service_kill", "--target", "f", "--for", "1s").stderr, "the refusal")
        self.fails(3, "inject", "service_kill", "--target", "f", "--for", "1s")
        self.assertIsNone(self.foreign.poll())
        self.assertEqual(self.records(), [])


if __name__ == "__main__":
    unittest.main()
