"""The commands that need no server: exit codes, --json, and what each says to bad input.

usage: commands_test.py STORMLOG SOURCE_DIR
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

STORMLOG = os.path.abspath(sys.argv[1])
SOURCE = pathlib.Path(sys.argv[2]).resolve()

GOOD = """\
title: A kill
load: {rate: 100/s, duration: 1s}
method:
  - {at: 100ms, fault: service_kill, target: log-producer}
expect: [no_loss]
"""


class Commands(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def stormlog(self, *words, **environment):
        values = dict(os.environ, STORMLOG_HOME=str(self.folder / "home"), **environment)
        values.pop("STORMLOG_STACK", None)
        return subprocess.run([STORMLOG, *map(str, words)], capture_output=True, text=True,
                              timeout=60, env=values, cwd=SOURCE)

    def refused(self, code, said, *words):
        result = self.stormlog(*words)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for text in [said] if isinstance(said, str) else said:
            self.assertIn(text, result.stderr + result.stdout)
        return result

    def file(self, text, name="experiment.yaml"):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_without_a_command_and_with_an_unknown_one(self):
        self.refused(2, "stormlog", )
        self.refused(2, ['"vaildate"', 'did you mean "validate"'], "vaildate")
        self.assertEqual(self.stormlog("--help").returncode, 0)

    def test_every_command_explains_itself(self):
        words = self.stormlog("--help").stdout
        for name in ("up down status restart logs run load verify inject heal abort doctor runs "
                     "validate list describe").split():
            self.assertIn(f" {name} ", words)
            result = self.stormlog(name, "--help")
            self.assertEqual(result.returncode, 0, name)
            self.assertIn(name, result.stdout)
            self.refused(2, "error: ", name, "--no-such-flag")

    def test_list_and_describe_agree(self):
        for kind in ("faults", "probes", "checks", "toxics"):
            names = [entry["name"] for entry in json.loads(self.stormlog("list", kind, "--json").stdout)]
            self.assertTrue(names)
            for name in names:
                described = self.stormlog("describe", name)
                self.assertEqual(described.returncode, 0, name)
                self.assertIn(name, described.stdout)
        self.refused(2, "known: faults, probes, checks, toxics", "list", "panics")
        self.refused(2, 'did you mean "service_kill"', "describe", "service_kil")

    def test_validate_names_line_and_remedy(self):
        self.assertEqual(self.stormlog("validate", self.file(GOOD)).returncode, 0)
        bad = {
            GOOD.replace("service_kill", "service_kil"): [":4", 'did you mean "service_kill"'],
            GOOD.replace("log-producer", "log-produce"): [":4", 'did you mean "log-producer"'],
            GOOD.replace("no_loss", "no_los"): [":5", 'did you mean "no_loss"'],
            GOOD.replace("100/s", "100"): [":2", "rate"],
            GOOD.replace("at: 100ms", "at: soon"): [":4", "soon"],
            GOOD + "surprise: 1\n": [":6", "surprise"],
            GOOD.replace("title: A kill\n", ""): ["title"],
            "{": ["experiment.yaml:"],
            "": ["experiment.yaml"],
        }
        for text, said in bad.items():
            with self.subTest(text):
                self.refused(2, said, "validate", self.file(text))
        self.refused(2, ["/nowhere.yaml", "No such file"], "validate", "/nowhere.yaml")
        self.refused(2, "FILE", "validate")

    def test_validate_knows_stack_files(self):
        self.assertEqual(self.stormlog("validate", SOURCE / "stack.yaml").returncode, 0)
        self.refused(2, [":1", "comand"], "validate",
                     self.file("services: {a: {comand: [sleep, '1']}}\n", "other.yaml"))

    def test_validate_tells_of_all_files(self):
        good = self.file(GOOD)
        bad = self.file("title: 1\nwhat: 2\n", "bad.yaml")
        self.refused(2, ["what", "experiment.yaml"], "validate", bad, good)

    def test_a_dry_run_shows_the_plan_and_touches_nothing(self):
        result = self.stormlog("run", self.file(GOOD), "--dry-run")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("service_kill", result.stdout)
        self.assertFalse((self.folder / "home" / "runs").exists())

    def test_run_refuses_before_anything_starts(self):
        self.refused(2, ":4", "run", self.file(GOOD.replace("service_kill", "x")))
        self.refused(2, "--seed", "run", self.file(GOOD), "--seed", "many")
        self.refused(2, "--var", "run", self.file(GOOD), "--var", "novalue")
        self.assertFalse((self.folder / "home" / "runs").exists())

    def test_nothing_has_run_yet(self):
        self.assertEqual(self.stormlog("runs").returncode, 0)
        self.assertEqual(json.loads(self.stormlog("runs", "--json").stdout), [])
        self.assertEqual(self.stormlog("doctor").returncode, 0)
        self.assertEqual(self.stormlog("down").returncode, 0)
        self.refused(2, "x-1", "heal", "x-1")
        self.refused(2, "nope", "abort", "nope")
        self.refused(2, "No such file", "verify", self.folder / "nothing")

    def test_bad_values_of_load_and_inject(self):
        self.refused(2, ["rate", "5/x"], "load", "--rate", "5/x")
        self.refused(2, "duration", "load", "--duration", "soon")
        self.refused(2, "--target", "inject", "service_kill")
        self.refused(2, 'did you mean "service_kill"', "inject", "service_kil", "--target", "kafka")
        self.refused(2, "sginal", "inject", "service_kill", "--target", "kafka", "sginal=TERM")

    def test_errors_are_json_when_asked(self):
        result = self.stormlog("validate", "/nowhere.yaml", "--json")
        self.assertEqual(result.returncode, 2)
        self.assertIn("nowhere", json.dumps(json.loads(result.stdout)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
