"""What is refused, with the exit code that says why, before anything is touched."""

import unittest

from fault_support import FaultTest


class Refusals(FaultTest):
    STACK = """services:
  web: {command: [sleep, '1000']}
  vault: {command: [sleep, '1000'], protected: true}
"""

    def setUp(self):
        super().setUp()
        self.before = {name: self.pid(name) for name in ("web", "vault")}

    def refused(self, code, expected, *words):
        text = self.fails(code, "inject", *words)
        self.assertIn(expected, text)
        self.assertEqual({name: self.pid(name) for name in self.before}, self.before)
        self.assertEqual(self.records(), [])
        return text

    def test_a_protected_target(self):
        for fault in ("service_kill", "service_pause", "service_restart"):
            self.refused(3, "vault is protected", fault, "--target", "vault")

    def test_an_unknown_target_has_a_nearest_name(self):
        self.assertIn("web", self.refused(3, 'unknown target "wbe"', "service_kill",
                                          "--target", "wbe"))

    def test_an_unknown_fault_has_a_nearest_name(self):
        self.assertIn("service_kill", self.refused(2, "unknown fault", "service_kil",
                                                   "--target", "web"))

    def test_an_unknown_parameter_has_a_nearest_name(self):
        self.assertIn("signal", self.refused(2, "sginal", "service_kill", "--target", "web",
                                             "sginal=KILL"))
        self.refused(2, "KILL", "service_kill", "--target", "web", "signal=STOP")

    def test_no_target(self):
        self.refused(2, "--target", "service_kill")

    def test_times_that_make_no_sense(self):
        pause = ("service_pause", "--target", "web")
        self.refused(2, "--for", *pause, "--for", "0s")
        self.refused(2, "--ttl", *pause, "--ttl", "0s")
        self.refused(2, "longer than --for", *pause, "--for", "10s", "--ttl", "10s")
        self.refused(2, "--for", *pause, "--for", "soon")
        self.refused(2, "--ttl", "service_kill", "--target", "web", "--ttl", "10s")

    def test_a_stack_that_is_down(self):
        self.ok("down")
        self.assertIn("stormlog up", self.fails(3, "inject", "service_kill", "--target", "web"))


if __name__ == "__main__":
    unittest.main()
