"""A supervisor killed with -9: services live on and are found again."""

import json
import os
import signal
import subprocess
import unittest

from support import StackTest, alive, free_port, start_ticks


class Adoption(StackTest):
    def setUp(self):
        super().setUp()
        self.write("services:\n" + self.web("web", free_port(), "    restart: {backoff: 10ms}\n") +
                   "  app: {command: [sh, -c, 'while :; do echo tick; sleep 0.05; done'],"
                   " depends_on: [web]}\n")
        self.ok("up")
        self.pids = [s["pid"] for s in self.status()["services"]]
        self.kill_supervisor()

    def test_status_shows_what_lives_and_that_nobody_supervises(self):
        self.assertTrue(all(alive(pid) for pid in self.pids))
        status = self.status()
        self.assertIsNone(status["supervisor"])
        self.assertEqual([s["pid"] for s in status["services"]], self.pids)
        self.assertIn("no supervisor runs", self.ok("status"))

    def test_up_adopts_and_supervises_again(self):
        self.ok("up")
        self.assertEqual([s["pid"] for s in self.status()["services"]], self.pids)
        os.kill(self.pids[0], signal.SIGKILL)
        state = self.wait_for_service("web", phase="running", restarts=1)
        self.assertNotIn(state["pid"], self.pids)
        self.assertEqual(self.service("app")["pid"], self.pids[1])

    def test_down_without_a_supervisor_leaves_nothing(self):
        self.assertIn("nothing is left running", self.ok("down"))
        self.assertFalse(any(alive(pid) for pid in self.pids))
        self.assertEqual([p.name for p in (self.home / "state").iterdir()], ["lock"])

    def test_down_works_when_the_stack_file_is_broken(self):
        self.write("services: [")
        self.ok("down")
        self.assertFalse(any(alive(pid) for pid in self.pids))

    def test_services_go_on_writing_their_logs(self):
        size = len(self.log("app"))
        self.wait_for(lambda: len(self.log("app")) > size, "more lines")

    def test_a_service_that_died_meanwhile_is_started_again(self):
        os.kill(self.pids[0], signal.SIGKILL)
        self.wait_for(lambda: not alive(self.pids[0]), "its end")
        self.assertEqual(self.service("web")["phase"], "stopped")
        self.ok("up")
        self.assertNotEqual(self.service("web")["pid"], self.pids[0])
        self.assertEqual(self.service("app")["pid"], self.pids[1])

    def test_what_a_service_left_behind_meanwhile_is_found_and_killed(self):
        self.ok("down")
        self.write("services: {a: {command: [sh, -c, 'setsid sleep 1000 & echo $!; wait']}}\n")
        self.ok("up")
        self.wait_for(lambda: self.log("a"), "the child's PID")
        child = int(self.log("a").split()[0])
        pid = self.service("a")["pid"]
        self.kill_supervisor()
        os.kill(pid, signal.SIGKILL)
        self.wait_for(lambda: not alive(pid), "its end")
        self.assertTrue(alive(child))  # in a session of its own, and nobody's child
        self.ok("down")
        self.assertFalse(alive(child))

    def test_a_stranger_with_the_same_pid_is_never_signalled(self):
        # As if `app` had ended and its PID had been given to somebody else, as leader of a group.
        stranger = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        self.started.append(stranger)
        path = self.home / "state" / "app.service.json"
        record = json.loads(path.read_text())
        record["process"]["pid"] = stranger.pid
        record["process"]["start_ticks"] = start_ticks(stranger.pid) - 1
        path.write_text(json.dumps(record))
        self.assertEqual(self.service("app")["phase"], "stopped")
        self.ok("up")
        self.assertNotEqual(self.service("app")["pid"], stranger.pid)
        self.ok("down")
        self.assertTrue(alive(stranger.pid))

    def test_a_supervisor_that_hangs_is_replaced_by_down(self):
        self.ok("up")
        pid = self.status()["supervisor"]
        os.kill(pid, signal.SIGSTOP)
        self.assertIn("nothing is left running", self.ok("down"))
        self.assertFalse(alive(pid))
        self.assertFalse(any(alive(pid) for pid in self.pids))


if __name__ == "__main__":
    unittest.main()
