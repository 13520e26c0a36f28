"""hold and release: what a fault that keeps a service down asks of the supervisor."""

import json
import os
import signal
import socket
import unittest

from support import StackTest, alive


class Holds(StackTest):
    def setUp(self):
        super().setUp()
        self.write("services: {a: {command: [sleep, '1000'], restart: {backoff: 10ms}}}\n")
        self.ok("up")

    def ask(self, **request):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(self.home / "state" / "supervisor.sock"))
            s.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(s.makefile().readline())

    def hold(self, fault, ttl_ms):
        answer = self.ask(command="hold", service="a", fault=fault, ttl_ms=ttl_ms)
        self.assertTrue(answer["ok"], answer)

    def release(self, fault):
        answer = self.ask(command="release", service="a", fault=fault)
        self.assertTrue(answer["ok"], answer)

    def kill(self):
        pid = self.service("a")["pid"]
        os.kill(pid, signal.SIGKILL)
        self.wait_for(lambda: not alive(pid), "its end")

    def test_a_held_service_stays_down_until_it_is_released(self):
        self.hold("f1", 60_000)
        self.assertEqual(self.service("a")["phase"], "running")
        self.kill()
        state = self.wait_for_service("a", phase="held")
        self.assertEqual(state["held_by"], "f1")
        self.assertIn("held down by fault f1", self.fails(1, "restart", "a"))
        self.release("f1")
        self.wait_for_service("a", phase="running", held_by="")
        self.release("f1")  # once more is no error

    def test_two_faults_must_both_let_go(self):
        self.hold("f1", 60_000)
        self.hold("f2", 60_000)
        self.kill()
        self.wait_for_service("a", phase="held")
        self.release("f2")
        self.assertEqual(self.service("a")["phase"], "held")
        self.release("f1")
        self.wait_for_service("a", phase="running")

    def test_the_ttl_ends_a_hold_that_nobody_releases(self):
        self.hold("f1", 300)
        self.kill()
        self.wait_for_service("a", phase="running", restarts=1)
        self.assertIn("its TTL is over", self.log("supervisor"))

    def test_a_hold_outlives_the_supervisor_and_ends_by_its_ttl(self):
        self.hold("f1", 3_000)
        self.kill()
        self.wait_for_service("a", phase="held")
        self.kill_supervisor()
        self.stormlog("up", "--no-wait")
        self.assertIn("f1", (self.home / "state" / "a.service.json").read_text())
        self.assertIsNone(self.service("a")["pid"])
        self.wait_for_service("a", phase="running")

    def test_unknown_services_are_refused(self):
        answer = self.ask(command="hold", service="b", fault="f", ttl_ms=1)
        self.assertFalse(answer["ok"])
        self.assertIn("unknown service", answer["error"])

    def test_down_ends_held_services_too(self):
        self.hold("f1", 60_000)
        self.kill()
        self.wait_for_service("a", phase="held")
        self.ok("down")
        self.assertEqual([p.name for p in (self.home / "state").iterdir()], ["lock"])


if __name__ == "__main__":
    unittest.main()
