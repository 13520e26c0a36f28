"""Restart on exit and on failed health checks, back-off, crash loop, policies."""

import os
import signal
import unittest

from support import StackTest, alive, free_port


class Restarts(StackTest):
    def test_a_killed_service_is_back_after_its_backoff(self):
        self.write("services:\n" + self.web("web", free_port(), "    restart: {backoff: 200ms}\n"))
        self.ok("up")
        pid = self.service("web")["pid"]
        os.kill(pid, signal.SIGKILL)
        state = self.wait_for_service("web", phase="running", restarts=1)
        self.assertNotEqual(state["pid"], pid)
        self.assertEqual(state["last_exit"], "signal 9 (SIGKILL)")
        # From the end it saw to the next start: not less than the back-off, and no polling delay
        # of seconds behind it.
        waited = self.supervisor_milliseconds("ended name=web", "started name=web")
        self.assertGreaterEqual(waited, 199)
        self.assertLess(waited, 3000)

    def test_a_service_that_keeps_ending_is_in_a_crash_loop_and_still_retried(self):
        self.write("services:\n  a:\n    command: [sh, -c, 'test -e good && exec sleep 1000;"
                   " exit 3']\n"
                   "    restart: {backoff: 10ms, max_backoff: 100ms, crash_loop_after: 3,"
                   " stable_after: 500ms}\n")
        out = self.fails(1, "up")
        self.assertIn("it ends again and again, last with exit code 3", out)
        state = self.service("a")
        self.assertEqual(state["phase"], "crash_loop")
        self.wait_for(lambda: self.service("a")["restarts"] >= 5, "more attempts")
        self.assertEqual(self.service("a")["phase"], "crash_loop")
        (self.root / "good").touch()
        self.wait_for_service("a", phase="running")

    def test_failed_health_checks_kill_and_restart(self):
        self.write("services:\n" + self.web("web", free_port(), "    restart: {backoff: 10ms}\n"))
        self.ok("up")
        pid = self.service("web")["pid"]
        (self.root / "sick").touch()
        self.wait_for(lambda: not alive(pid), "the end of the sick process")
        (self.root / "sick").unlink()
        state = self.wait_for_service("web", phase="running")
        self.assertGreaterEqual(state["restarts"], 1)
        self.assertIn("killed: 3 health checks failed: answers 500", self.log("supervisor"))

    def test_a_paused_service_is_killed_and_restarted(self):
        self.write("services:\n" + self.web("web", free_port(), "    restart: {backoff: 10ms}\n")
                   .replace("timeout: 1s", "timeout: 100ms"))
        self.ok("up")
        pid = self.service("web")["pid"]
        os.kill(pid, signal.SIGSTOP)
        self.wait_for(lambda: not alive(pid), "the end of the paused process")
        self.wait_for_service("web", phase="running")
        self.assertIn("no answer within 100ms", self.log("supervisor"))

    def test_policy_never_leaves_it_failed_and_restart_brings_it_back(self):
        self.write("services:\n  a: {command: [sleep, '1000'], restart: never}\n"
                   "  b: {command: [sleep, '1000']}\n")
        self.ok("up")
        os.kill(self.service("a")["pid"], signal.SIGKILL)
        state = self.wait_for_service("a", phase="failed")
        self.assertIsNone(state["pid"])
        self.assertEqual(state["last_exit"], "signal 9 (SIGKILL)")
        self.fails(1, "status")
        self.ok("restart", "a")
        self.ok("status")

    def test_policy_never_keeps_an_unhealthy_service(self):
        self.write("services:\n" + self.web("web", free_port(), "    restart: never\n"))
        self.ok("up")
        pid = self.service("web")["pid"]
        (self.root / "sick").touch()
        self.wait_for_service("web", phase="unhealthy", pid=pid)
        (self.root / "sick").unlink()
        self.wait_for_service("web", phase="running", pid=pid)

    def test_policy_on_failure_tells_a_good_end_from_a_bad_one(self):
        self.write("services:\n  a:\n    command: [sh, -c, 'trap \"exit 0\" USR1; while :; do"
                   " sleep 0.05; done']\n    restart: {policy: on_failure, backoff: 10ms}\n"
                   "  b: {command: [sleep, '1000']}\n")
        self.ok("up")
        os.kill(self.service("a")["pid"], signal.SIGKILL)
        pid = self.wait_for_service("a", phase="running", restarts=1)["pid"]
        os.kill(pid, signal.SIGUSR1)
        self.wait_for_service("a", phase="stopped")

    def test_what_a_killed_service_leaves_behind_is_gone_before_it_starts_again(self):
        # The child leaves the session, as PostgreSQL's processes do, and holds on.
        self.write("services:\n  a:\n    command: [sh, -c, 'setsid sleep 1000 & echo $!; wait']\n"
                   "    restart: {backoff: 10ms}\n  b: {command: [sh, -c, 'sleep 1000 & wait']}\n")
        self.ok("up")
        self.wait_for(lambda: self.log("a"), "the child's PID")
        child = int(self.log("a").split()[0])
        other = self.service("b")["pid"]
        os.kill(self.service("a")["pid"], signal.SIGKILL)
        self.wait_for_service("a", phase="running", restarts=1)
        self.assertFalse(alive(child))
        self.assertTrue(alive(other))


if __name__ == "__main__":
    unittest.main()
