"""service_restart: an orderly stop and a start, through the supervisor."""

import unittest

from fault_support import FaultTest
from support import alive, free_port


class Restart(FaultTest):
    def test_another_process_serves_when_it_is_done(self):
        before = self.pid("a")
        code, result = self.json("inject", "service_restart", "--target", "a")
        self.assertEqual((code, result["effect"]), (0, "confirmed"), result)
        measured = result["measured"]
        self.assertEqual(measured["pid"], before)
        self.assertFalse(alive(before))
        self.assertEqual(measured["new_pid"], self.pid("a"))
        self.assertEqual(self.service("a")["phase"], "running")
        self.assertEqual(self.records(), [])

    def test_it_happens_once_and_takes_no_for(self):
        before = self.pid("a")
        self.assertIn("takes no --for",
                      self.fails(2, "inject", "service_restart", "--target", "a", "--for", "1s"))
        self.assertEqual(self.pid("a"), before)

    def test_a_service_that_is_down_cannot_be_restarted(self):
        self.write(self.STACK.replace("restart: {backoff: 10ms}", "restart: {policy: never}"))
        self.ok("down")
        self.ok("up")
        self.ok("inject", "service_kill", "--target", "a")
        self.wait_for_service("a", phase="failed")
        self.assertIn("a", self.fails(3, "inject", "service_restart", "--target", "a"))


if __name__ == "__main__":
    unittest.main()
