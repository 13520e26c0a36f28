"""doctor: what is left in, whoever left it, and what of it can be healed."""

import json
import os
import signal
import socket
import unittest

from fault_support import FaultTest, state


class Doctor(FaultTest):
    def found(self, *more):
        code, result = self.json("doctor", *more)
        self.assertEqual(code, 0 if result["clean"] else 1, result)
        return result["found"]

    def test_a_clean_stack(self):
        self.assertEqual(self.found(), [])
        self.assertIn("nothing is left", self.ok("doctor"))

    def test_a_fault_of_a_living_engine_is_listed_and_left_alone(self):
        pid = self.pid("a")
        inject = self.start("inject", "service_pause", "--target", "a", "--for", "10m", "--json")
        self.wait_for_state(pid, "T")
        self.assertEqual([f["condition"] for f in self.found()], ["in"])
        self.found("--heal")
        self.assertEqual(state(pid), "T")
        self.assertIsNone(inject.poll())

    def test_what_was_left_in_is_healed(self):
        pid = self.pid("a")
        _, result = self.json("inject", "service_pause", "--target", "a")
        entry, = self.found()
        self.assertEqual((entry["id"], entry["condition"]), (result["id"], "left in"))
        self.assertIn("doctor --heal", self.fails(1, "doctor"))
        entry, = self.found("--heal")
        self.assertTrue(entry["healed"])
        self.wait_until_it_goes_on(pid)
        self.assertEqual(self.found(), [])

    def test_a_process_that_somebody_stopped(self):
        pid = self.pid("a")
        os.kill(pid, signal.SIGSTOP)
        self.wait_for_state(pid, "T")
        entry, = self.found()
        self.assertEqual((entry["service"], entry["pid"]), ("a", pid))
        self.assertIn("stopped", entry["condition"])
        self.assertTrue(self.found("--heal")[0]["healed"])
        self.wait_until_it_goes_on(pid)

    def test_a_hold_without_a_record(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.home / "state" / "supervisor.sock"))
            s.sendall(json.dumps({"command": "hold", "service": "a", "fault": "f-lost",
                                  "ttl_ms": 600_000}).encode() + b"\n")
            self.assertTrue(json.loads(s.makefile().readline())["ok"])
        self.ok("inject", "service_kill", "--target", "a")
        self.wait_for_service("a", phase="held")
        entry, = self.found()
        self.assertEqual(entry["service"], "a")
        self.assertIn("f-lost", entry["condition"])
        self.assertTrue(self.found("--heal")[0]["healed"])
        self.wait_for_service("a", phase="running")
        self.assertEqual(self.found(), [])

    def test_a_damaged_record_is_told_and_kept(self):
        undo = self.home / "undo"
        undo.mkdir(exist_ok=True)
        (undo / "f-torn.json").write_text('{"id":"f-torn","fa')
        entry, = self.found("--heal")
        self.assertEqual(entry["file"], str(undo / "f-torn.json"))
        self.assertTrue((undo / "f-torn.json").exists())
        self.assertIn("f-torn.json", self.fails(1, "heal", "--all"))

    def test_services_whose_supervisor_has_died(self):
        self.kill_supervisor()
        entry, = self.found()
        self.assertIn("without a supervisor", entry["condition"])
        self.ok("up")
        self.assertEqual(self.found(), [])

    def test_a_hold_that_no_supervisor_can_release_is_not_called_healed(self):
        inject = self.start("inject", "service_kill", "--target", "a", "--for", "10m")
        self.wait_for_service("a", phase="held")
        self.kill_supervisor()
        inject.send_signal(signal.SIGINT)
        _, err = inject.communicate(timeout=60)
        self.assertEqual(inject.returncode, 1)
        self.assertIn("no supervisor runs", err)
        self.assertEqual(len(self.records()), 1)
        # The watchdog goes on trying, and the next supervisor keeps the hold until then.
        self.stormlog("up", "--no-wait")
        self.wait_for_service("a", phase="running", held_by="")
        self.wait_for(lambda: not self.records(), "an empty undo journal")


if __name__ == "__main__":
    unittest.main()
