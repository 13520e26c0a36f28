"""up, status, restart, logs, down: the ordinary day."""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import time
import unittest

from support import PROGRAM, StackTest, alive, free_port


class Lifecycle(StackTest):
    def test_starts_in_order_and_stops_in_reverse(self):
        port = free_port()
        self.write("services:\n" + self.web("web", port) +
                   "  app: {command: [sleep, '1000'], depends_on: [web]}\n"
                   "  last: {command: [sleep, '1000'], depends_on: [app]}\n")
        self.ok("up")
        log = self.log("supervisor")
        self.assertLess(log.index("name=web phase=running"), log.index("started name=app"))
        self.assertLess(log.index("name=app phase=running"), log.index("started name=last"))
        pids = [s["pid"] for s in self.status()["services"]]
        self.assertTrue(all(alive(pid) for pid in pids))
        self.ok("status")
        out = self.ok("down")
        self.assertIn("nothing is left running", out)
        log = self.log("supervisor")
        self.assertLess(log.index("name=last phase=stopped"), log.index("name=app phase=stopped"))
        self.assertLess(log.index("name=app phase=stopped"), log.index("name=web phase=stopped"))
        self.assertFalse(any(alive(pid) for pid in pids))
        self.assertEqual([p.name for p in (self.home / "state").iterdir()], ["lock"])
        self.fails(1, "status")

    def test_up_and_down_twice_are_no_error(self):
        self.write("services: {a: {command: [sleep, '1000']}}\n")
        self.ok("up")
        pid = self.service("a")["pid"]
        self.assertIn("up already", self.ok("up"))
        self.assertEqual(self.service("a")["pid"], pid)
        self.ok("down")
        self.assertIn("nothing was running", self.ok("down"))

    def test_concurrent_ups_join(self):
        self.write("services:\n" + self.web("web", free_port()))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            done = list(pool.map(lambda _: self.stormlog("up"), range(4)))
        for one in done:
            self.assertEqual(one.returncode, 0, one.stdout + one.stderr)
        self.assertEqual(self.log("supervisor").count("started name=web"), 1)

    def test_only_starts_what_is_asked_for_and_its_dependencies(self):
        self.write("services:\n  a: {command: [sleep, '1000']}\n"
                   "  b: {command: [sleep, '1000'], depends_on: [a]}\n"
                   "  c: {command: [sleep, '1000']}\n")
        self.ok("up", "--only", "b")
        self.assertEqual([s["phase"] for s in self.status()["services"]],
                         ["running", "running", "stopped"])
        self.ok("up")
        self.assertEqual(self.service("c")["phase"], "running")
        self.assertIn('unknown service "aa"', self.fails(1, "up", "--only", "aa"))

    def test_restart_gives_a_new_process_and_waits_for_health(self):
        self.write("services:\n" + self.web("web", free_port()))
        self.ok("up")
        before = self.service("web")["pid"]
        self.ok("restart", "web")
        after = self.service("web")
        self.assertNotEqual(after["pid"], before)
        self.assertEqual((after["phase"], after["restarts"]), ("running", 1))
        self.assertIn('did you mean "web"', self.fails(1, "restart", "wbe"))

    def test_logs_follow_through_a_rotation(self):
        self.write("services: {a: {command: [sh, -c, 'echo one; echo two; exec sleep 1000']}}\n")
        self.ok("up")
        self.assertEqual(self.ok("logs", "a", "-n", "1"), "two\n")
        follower = subprocess.Popen([PROGRAM, "logs", "a", "-f"], cwd=self.root, text=True,
                                    stdout=subprocess.PIPE,
                                    env=dict(os.environ, STORMLOG_HOME=str(self.home)))
        self.started.append(follower)
        self.assertEqual(follower.stdout.readline(), "one\n")
        self.assertEqual(follower.stdout.readline(), "two\n")
        path = self.home / "logs" / "a.log"
        path.write_text("")
        time.sleep(0.5)  # so that the follower sees the empty file first
        with path.open("a") as log:
            log.write("three\n")
        self.assertEqual(follower.stdout.readline(), "three\n")
        follower.stdout.close()
        self.assertIn("did you mean", self.fails(2, "logs", "supervisro"))

    def test_a_large_log_is_rotated_and_written_on(self):
        self.write("services:\n  a:\n    command: [sh, -c, 'yes 0123456789 | head -c 11000000;"
                   " while sleep 0.05; do echo tick; done']\n")
        self.ok("up")
        rotated = self.home / "logs" / "a.log.1"
        self.wait_for(rotated.exists, "a rotated log")
        self.wait_for(lambda: "tick" in self.log("a")[-20:], "new lines")
        self.assertLess((self.home / "logs" / "a.log").stat().st_size, 10_000_000)

    def test_down_stops_what_ignores_sigterm_and_its_children(self):
        self.write("services:\n  a:\n"
                   "    command: [sh, -c, 'trap \"\" TERM; setsid sleep 1000 & echo child $!;"
                   " while :; do sleep 1; done']\n    stop: {timeout: 200ms}\n")
        self.ok("up")
        pid = self.service("a")["pid"]
        self.wait_for(lambda: "child" in self.log("a"), "the child's PID")
        child = int(self.log("a").split()[1])
        self.assertTrue(alive(child))
        self.ok("down")
        self.assertFalse(alive(pid))
        self.assertFalse(alive(child))

    def test_wipe_removes_data_logs_and_state_but_not_runs(self):
        self.write("services: {a: {command: [sleep, '1000'], data: true}}\n")
        self.ok("up")
        (self.home / "runs").mkdir()
        self.assertTrue((self.home / "data" / "a").is_dir())
        self.ok("down", "--wipe")
        self.assertEqual([p.name for p in self.home.iterdir()], ["runs"])

    def test_data_is_prepared_once_and_files_are_rendered(self):
        (self.root / "template").write_text("port=${port} data=${data}\n")
        self.write("variables: {port: 1}\nservices:\n  a:\n    command: [sleep, '1000']\n"
                   "    data: true\n    data_version: v1\n"
                   "    prepare: [[sh, -c, 'echo prepared'], [sh, -c, 'echo again']]\n"
                   "    files: [{from: template, to: '${data}/config'}]\n")
        self.ok("up", "--var", "port=7")
        data = self.home / "data" / "a"
        self.assertEqual((data / "config").read_text(), f"port=7 data={data}\n")
        self.assertEqual((data / ".stormlog-version").read_text(), "v1\n")
        self.ok("down")
        self.ok("up")
        self.assertEqual(self.log("a"), "prepared\nagain\n")

    def test_an_interrupted_preparation_is_done_anew(self):
        self.write("services:\n  a:\n    command: [sleep, '1000']\n    data: true\n"
                   "    prepare: [[sh, -c, 'test ! -e $0/half && touch $0/half && test -e go',"
                   " '${data}']]\n")
        out = self.fails(1, "up")
        self.assertIn("its preparation failed: sh ended with exit code 1", out)
        self.ok("down")
        # The service runs in its data folder, which the second attempt finds empty again.
        self.write("services:\n  a:\n    command: [sleep, '1000']\n    data: true\n"
                   "    prepare: [[sh, -c, 'test ! -e $0/half', '${data}']]\n")
        self.ok("up")

    def test_foreground_stops_everything_on_sigint(self):
        self.write("services:\n" + self.web("web", free_port()))
        process = subprocess.Popen([PROGRAM, "up", "--foreground"], cwd=self.root,
                                   stderr=subprocess.DEVNULL,
                                   env=dict(os.environ, STORMLOG_HOME=str(self.home)))
        self.started.append(process)
        pid = self.wait_for_service("web", phase="running")["pid"]
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 0)
        self.assertFalse(alive(pid))

    def test_a_service_that_does_not_get_healthy_is_named_with_its_log(self):
        port = free_port()
        self.write("services:\n  a:\n    command: [sh, -c, 'echo I am lost; exec sleep 1000']\n"
                   f"    health: {{tcp: '127.0.0.1:{port}', start_period: 300ms}}\n"
                   "  b: {command: [sleep, '1000'], depends_on: [a]}\n")
        out = self.fails(1, "up")
        self.assertIn("a: it did not get healthy in its start period", out)
        self.assertIn("I am lost", out)
        self.assertIn(str(self.home / "logs" / "a.log"), out)
        self.assertEqual(self.service("b")["phase"], "stopped")

    def test_state_is_readable_by_others_and_the_socket_is_not(self):
        self.write("services: {a: {command: [sleep, '1000']}}\n")
        self.ok("up")
        state = self.home / "state"
        self.assertEqual((state / "supervisor.sock").stat().st_mode & 0o777, 0o600)
        self.assertEqual((state / "a.service.json").stat().st_mode & 0o444, 0o444)

    def test_a_long_home_path_is_no_obstacle_for_the_socket(self):
        self.home = self.root / ("deep-" + "x" * 60) / ("deeper-" + "y" * 60) / "home"
        self.write("services: {a: {command: [sleep, '1000']}}\n")
        self.ok("up")
        self.ok("restart", "a")


if __name__ == "__main__":
    unittest.main()
