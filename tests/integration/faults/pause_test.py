"""service_pause: all processes of a service stand still, and go on."""

import json
import os
import signal
import sys
import unittest

from fault_support import FORKING, FaultTest, state


class Pause(FaultTest):
    def test_it_stands_still_and_goes_on_after_its_time(self):
        pid = self.pid("a")
        inject = self.start("inject", "service_pause", "--target", "a", "--for", "1s", "--json")
        self.wait_for_state(pid, "T")
        code, result = self.finish(inject)
        self.assertEqual((code, result["effect"], result["healed"]), (0, "confirmed", True), result)
        self.assertEqual(result["measured"], {"pid": pid, "stopped": 1, "running": 0})
        self.wait_until_it_goes_on(pid)
        self.assertEqual(self.pid("a"), pid)
        self.assertEqual(self.records(), [])

    def test_workers_with_sessions_of_their_own_are_stopped_too(self):
        (self.root / "forking.py").write_text(FORKING)
        self.write(f"services: {{c: {{command: [{sys.executable}, forking.py]}}}}\n")
        self.ok("down")
        self.ok("up")
        worker = int(self.wait_for(
            lambda: (p := self.root / "worker").exists() and p.read_text(), "the worker"))
        code, result = self.json("inject", "service_pause", "--target", "c")
        self.assertEqual((code, result["measured"]["stopped"]), (0, 2), result)
        self.assertEqual((state(self.pid("c")), state(worker)), ("T", "T"))
        self.ok("heal", result["id"])
        self.wait_until_it_goes_on(self.pid("c"))
        self.wait_until_it_goes_on(worker)

    def test_ctrl_c_heals_at_once(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            pid = self.pid("a")
            inject = self.start("inject", "service_pause", "--target", "a", "--for", "10m",
                                "--json")
            self.wait_for_state(pid, "T")
            inject.send_signal(number)
            code, result = self.finish(inject)
            self.assertEqual((code, result["healed"]), (0, True), result)
            self.wait_until_it_goes_on(pid)

    def test_without_for_it_stays_until_heal(self):
        pid = self.pid("a")
        code, result = self.json("inject", "service_pause", "--target", "a", "--ttl", "10m")
        self.assertEqual((code, result["effect"], result["healed"]), (0, "confirmed", False))
        record, = self.records()
        self.assertTrue(record["detached"])
        # Its engine has ended, and the watchdog has had its look.
        self.wait_for(self.watchdogs, "the watchdog")
        self.assertIn("healed service_pause on a", self.ok("heal", result["id"]))
        self.wait_until_it_goes_on(pid)
        self.assertIn("no fault", self.fails(2, "heal", result["id"]))
        self.assertIn("no fault is in", self.ok("heal", "--all"))

    def test_without_for_it_ends_by_its_ttl(self):
        pid = self.pid("a")
        code, _ = self.json("inject", "service_pause", "--target", "a", "--ttl", "1s")
        self.assertEqual(code, 0)
        self.wait_until_it_goes_on(pid)
        self.wait_for(lambda: not self.records(), "an empty undo journal")

    def test_heal_names_the_nearest_id(self):
        _, result = self.json("inject", "service_pause", "--target", "a")
        wrong = result["id"][:-1] + ("a" if result["id"][-1] != "a" else "b")
        self.assertIn(result["id"], self.fails(2, "heal", wrong))
        self.fails(2, "heal")
        self.fails(2, "heal", result["id"], "--all")

    def test_heal_needs_no_readable_stack_file(self):
        pid = self.pid("a")
        self.json("inject", "service_pause", "--target", "a")
        self.write("services: [")
        code, result = self.json("heal", "--all")
        self.write(self.STACK)
        self.assertEqual((code, len(result["healed"])), (0, 1), result)
        self.wait_until_it_goes_on(pid)


if __name__ == "__main__":
    unittest.main()
