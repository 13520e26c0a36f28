"""What is wrong is told before anything starts, all of it at once."""

import os
import pathlib
import socket
import tempfile
import unittest

from support import StackTest, free_port


class Preflight(StackTest):
    def refused(self, *expected):
        out = self.fails(1, "up")
        self.assertIn("nothing was started", out)
        for text in expected:
            self.assertIn(text, out)
        # No supervisor is left behind for nothing.
        self.wait_for(lambda: self.status()["supervisor"] is None, "its supervisor's end")
        return out

    def test_a_taken_port_names_who_has_it(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            self.write(f"services:\n  a: {{command: [sleep, '9'], ports: [{port}]}}\n"
                       "  b: {command: [sleep, '9']}\n")
            self.refused(f"a: port {port} is taken by", f"(PID {os.getpid()})")
            self.assertEqual(self.log("b"), "")
        self.ok("up")

    def test_missing_programs_come_with_the_hint(self):
        self.write("services:\n  a: {command: [no-such-program], install: 'apt-get install x'}\n"
                   "  b: {command: [./missing]}\n")
        self.refused('a: "no-such-program" is not in PATH; install: apt-get install x',
                     "b: " + str(self.root / "missing") + " does not exist")

    def test_data_of_another_version(self):
        text = "services:\n  a: {command: [sleep, '1000'], data: true, data_version: %s}\n"
        self.write(text % "v1")
        self.ok("up")
        self.ok("down")
        self.write(text % "v2")
        self.refused('holds data of version "v1"', 'the stack file says "v2"',
                     "stormlog down --wipe")
        self.ok("down", "--wipe")
        self.ok("up")

    def test_a_folder_that_was_not_prepared_here_is_left_alone(self):
        self.write("services: {a: {command: [sleep, '9'], data: true, prepare: [['true']]}}\n")
        (self.home / "data" / "a").mkdir(parents=True)
        precious = self.home / "data" / "a" / "precious"
        precious.write_text("x")
        self.refused("is not empty and has no version stamp")
        self.assertTrue(precious.exists())

    def test_a_missing_template_is_named(self):
        self.write("services: {a: {command: [sleep, '9'], files: [{from: nope, to: x}]}}\n")
        self.refused(f"a: cannot read {self.root / 'nope'}")

    def test_all_problems_are_told_together(self):
        self.write("services:\n  a: {command: [no-such-a]}\n  b: {command: [no-such-b]}\n")
        self.refused("no-such-a", "no-such-b")

    @unittest.skipUnless(os.geteuid() == 0, "only root switches users")
    def test_users_that_do_not_exist_or_cannot_enter(self):
        closed = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        closed.chmod(0o700)
        self.root.chmod(0o755)
        self.home = closed / "home"
        self.write("services:\n  a: {command: [sleep, '9'], user: no-such-user}\n"
                   "  b: {command: [sleep, '9'], user: nobody, data: true}\n")
        self.refused('a: there is no user "no-such-user"',
                     f'b: user "nobody" cannot enter {closed}')

    @unittest.skipUnless(os.geteuid() == 0, "only root switches users")
    def test_a_service_runs_as_its_user_in_its_own_folder(self):
        self.root.chmod(0o755)
        self.write("services:\n  a:\n    command: [sh, -c, 'id -un; touch mine; exec sleep 1000']\n"
                   "    user: nobody\n    data: true\n")
        self.ok("up")
        self.wait_for(lambda: (self.home / "data" / "a" / "mine").exists(), "its file")
        self.assertEqual(self.log("a"), "nobody\n")

    def test_a_running_service_is_not_checked_again(self):
        port = free_port()
        self.write("services:\n" + self.web("web", port))
        self.ok("up")
        self.write("services:\n" + self.web("web", port) + "  b: {command: [sleep, '1000']}\n")
        self.ok("up")
        self.assertEqual(self.service("b")["phase"], "running")

    def test_mistakes_in_the_file_are_bad_usage(self):
        self.write("services: {a: {comand: [x]}}\n")
        self.assertIn('stack.yaml:1: service "a": unknown key "comand" (did you mean "command"?)',
                      self.fails(2, "up"))
        self.assertFalse((self.home / "state").exists())


if __name__ == "__main__":
    unittest.main()
