"""The matrix' driver without a stack: which cells there are, what becomes of their verdicts, exit
codes, going on after an interruption. A program of ours plays the engine.

usage: driver_test.py STORMLOG SOURCE_DIR
"""

import io
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
import cells
import results
import run

STORMLOG = os.path.abspath(sys.argv[1])
SOURCE = pathlib.Path(sys.argv[2]).resolve()
DRIVER = pathlib.Path(run.__file__).resolve()

# Plays `stormlog`: the verdict of a cell is a file "<slug>" in the folder VERDICTS, `passed` where
# there is none. Each call is noted; `hang` waits for the interrupt and then is `aborted`.
ENGINE = """#!/usr/bin/env python3
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(os.environ["VERDICTS"])
with open(folder / "calls", "a") as calls:
    print(*sys.argv[1:3], file=calls, flush=True)
if sys.argv[1] == "status":
    print(json.dumps({"services": [{"name": "redis", "phase": "running"}]}))
if sys.argv[1] == "run":
    slug = pathlib.Path(sys.argv[2]).stem.removeprefix("matrix-")
    told = folder / slug
    verdict = told.read_text().strip() if told.exists() else "passed"
    if verdict == "nonsense":
        print("error: the disk is full", file=sys.stderr)
        sys.exit(2)
    if verdict == "hang":
        signal.signal(signal.SIGINT, lambda *_: sys.exit(print(json.dumps({"verdict": "aborted"}))))
        (folder / "hanging").touch()
        while True:
            time.sleep(1)
    print(json.dumps({"verdict": verdict, "reason": "" if verdict == "passed" else "so it is",
                      "ledger": {"sent": 10, "acked": 9, "lost": 0, "duplicated": 0}}))
"""


def links_in_stack_file():
    """{name: (client, server)}, from the lines of stack.yaml."""
    line = re.compile(r"^  ([\w-]+): +\{client: ([\w-]+), server: ([\w-]+),", re.M)
    return {name: (client, server)
            for name, client, server in line.findall((SOURCE / "stack.yaml").read_text())}


class Cells(unittest.TestCase):
    def test_each_fault_on_each_part_and_each_pair_of_stores(self):
        names = [cell.name for cell in cells.all_cells()]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(len(names), 4 * 6 + 3)
        self.assertIn("reset/log-consumer", names)
        self.assertIn("down/kafka+redis", names)

    def test_the_links_are_those_of_the_stack_file(self):
        self.assertEqual(cells.LINKS, links_in_stack_file())
        for part in cells.PARTS:
            self.assertTrue(cells.links_of(part), part)

    def test_every_experiment_is_valid(self):
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for cell in cells.all_cells() + cells.outages():
                file = pathlib.Path(folder) / f"{cell.slug}.yaml"
                file.write_text(cells.experiment_of(cell, cells.Settings()))
                files.append(str(file))
            done = subprocess.run([STORMLOG, "validate", *files, "--stack",
                                   str(SOURCE / "stack.yaml")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_cell_hits_every_link_of_its_part(self):
        for fault, count in (("cut", 4), ("reset", 8), ("pause", 1), ("kill", 1)):
            lines = cells.method_of(cells.Cell(fault, ("log-consumer",)), cells.Settings())
            self.assertEqual(len(lines), count, fault)
        text = "\n".join(cells.method_of(cells.Cell("cut", ("log-consumer",)), cells.Settings()))
        for link in ("gateway-consumer", "consumer-kafka", "consumer-postgresql", "consumer-redis"):
            self.assertIn(link, text)

    def test_chosen_by_pattern(self):
        def names(*patterns):
            return [cell.name for cell in cells.choose(patterns)]
        self.assertEqual(len(names()), 27)
        self.assertEqual(names("kill/redis"), ["kill/redis"])
        self.assertEqual(len(names("reset/*", "*/kafka")), 6 + 3 + 1)
        self.assertEqual(names("down/kafka"), ["down/kafka"])
        with self.assertRaisesRegex(ValueError, "no cell is called \"kil/redis\"; there are kill/"):
            names("kill/*", "kil/redis")


VERDICT = {
    "verdict": "failed", "reason": "2 acknowledged events are nowhere", "name": "20260131T1-x",
    "duration_ms": 30500,
    "ledger": {"sent": 100, "acked": 90, "lost": 2, "duplicated": 1, "reordered": 0,
               "indeterminate": 10, "stored_unacked": 3},
    "checks": [{"check": "no_loss", "measured": {"lost": 2}},
               {"check": "recovered", "measured": {"recovered_ms": 1500}}],
    "load": {"latency": {"p95_ms": 12.4}},
    "memory": {
        "kafka": {"before_bytes": 300 << 20, "peak_bytes": 700 << 20, "after_bytes": 700 << 20},
        "redis": {"before_bytes": 20 << 20, "peak_bytes": 90 << 20, "after_bytes": 21 << 20},
        "proxy": {"before_bytes": 20 << 20, "peak_bytes": 30 << 20, "after_bytes": 21 << 20},
        "log-consumer": {"before_bytes": 50 << 20, "peak_bytes": 45 << 20, "after_bytes": 45 << 20},
    },
}


class Tables(unittest.TestCase):
    def test_a_verdict_becomes_a_row(self):
        row = results.figures_of("kill/redis", VERDICT)
        self.assertEqual((row["lost"], row["duplicated"], row["recovered_ms"], row["p95_ms"]),
                         (2, 1, 1500, 12.4))
        self.assertEqual((row["grown_bytes"], row["grown_by"]), (10 << 20, "proxy"))
        self.assertEqual((row["peak_bytes"], row["peak_of"]), (45 << 20, "log-consumer"))

    def test_what_was_not_seen_is_not_zero(self):
        row = results.figures_of("kill/redis", {"verdict": "invalid", "ledger": None, "load": None})
        for key in ("sent", "lost", "recovered_ms", "p95_ms", "peak_bytes"):
            self.assertIsNone(row[key], key)
        self.assertIn(" -", results.text([row]))

    def test_the_forms_say_the_same(self):
        rows = [results.figures_of("kill/redis", VERDICT),
                results.figures_of("cut/kafka", {"verdict": "passed"})]
        text = results.text(rows)
        self.assertIn("kill/redis: failed: 2 acknowledged events are nowhere", text)
        self.assertIn("45 MiB log-consumer", text)
        for form in (text, results.markdown(rows)):
            self.assertIn("2 cells: 1 passed, 1 failed. 100 events sent, 90 acknowledged, 2 lost", form)
        table = json.loads(results.document(rows))
        self.assertEqual((table["verdict"], len(table["cells"])), ("failed", 2))
        self.assertEqual({line.count("|") for line in results.markdown(rows).splitlines()[:4]},
                         {len(results.COLUMNS) + 1})

    def test_the_worst_cell_decides(self):
        def of(*verdicts):
            return results.worst([{"verdict": verdict} for verdict in verdicts])
        self.assertEqual(of("passed", "passed"), "passed")
        self.assertEqual(of("passed", "unknown"), "unknown")
        self.assertEqual(of("unknown", "invalid", "passed"), "invalid")
        self.assertEqual(of("invalid", "failed"), "failed")
        self.assertEqual(of("failed", "aborted"), "aborted")
        self.assertEqual(of(), "unknown")


class Driver(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.engine = self.folder / "stormlog"
        self.engine.write_text(ENGINE)
        self.engine.chmod(0o755)
        self.environment = dict(os.environ, VERDICTS=str(self.folder))
        self.environment.pop("STORMLOG_HOME", None)

    def tearDown(self):
        self.temporary.cleanup()

    def command(self, *words):
        return [sys.executable, str(DRIVER), "--stormlog", str(self.engine), "--home",
                str(self.folder / "home"), *words]

    def drive(self, *words):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=60,
                              env=self.environment)
        return done.returncode, done.stdout, done.stderr

    def becomes(self, slug, verdict):
        (self.folder / slug).write_text(verdict)

    def runs(self):
        """The slugs of the cells that were run, in order."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [pathlib.Path(line.split()[1]).stem.removeprefix("matrix-")
                for line in lines if line.startswith("run ")]

    def test_all_passed(self):
        code, out, err = self.drive("--only", "kill/*", "--format", "json")
        self.assertEqual(code, 0, err)
        self.assertEqual([row["verdict"] for row in json.loads(out)["cells"]], ["passed"] * 6)
        self.assertIn("[6/6] kill/log-consumer: PASSED", err)

    def test_exit_codes_are_those_of_the_worst_cell(self):
        for verdict, expected in (("failed", 1), ("invalid", 3), ("unknown", 4)):
            self.becomes("kill-redis", verdict)
            code, out, _ = self.drive("--only", "kill/redis,kill/kafka")
            self.assertEqual(code, expected, out)
            self.assertIn(f"kill/redis: {verdict}: so it is", out)

    def test_a_cell_that_did_not_pass_leaves_nothing_to_the_next(self):
        self.becomes("kill-kafka", "failed")
        self.drive("--only", "kill/kafka,kill/redis")
        calls = [line.split()[0] for line in (self.folder / "calls").read_text().splitlines()]
        self.assertEqual(calls, ["status", "run", "down", "status", "run"])

    def test_wrong_usage(self):
        for words, reason in ((("--only", "kil/*"), "no cell is called"),
                              (("--for", "10"), "no duration"), (("--rate", "0"), "no number"),
                              (("--resume",), "there is no matrix in"),
                              (("--stormlog", "/nowhere/stormlog"), "there is no /nowhere")):
            code, out, err = self.drive(*words)
            self.assertEqual((code, out), (2, ""), words)
            self.assertIn(reason, err)

    def test_an_engine_that_says_nothing_is_an_error_with_its_words(self):
        self.becomes("kill-redis", "nonsense")
        code, _, err = self.drive("--only", "kill/redis")
        self.assertEqual(code, 2)
        self.assertIn("kill/redis: exit code 2: error: the disk is full", err)

    def test_interrupted_and_gone_on_with(self):
        self.becomes("kill-kafka", "failed")
        self.becomes("kill-redis", "hang")
        with subprocess.Popen(self.command("--only", "kill/*"), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=self.environment) as driver:
            end = time.monotonic() + 60
            while not (self.folder / "hanging").exists():
                self.assertLess(time.monotonic(), end)
                time.sleep(0.02)
            driver.send_signal(signal.SIGINT)
            out, err = driver.communicate(timeout=60)
        self.assertEqual(driver.returncode, 5, err)
        self.assertIn("1 passed, 1 failed, 1 aborted", out)

        (self.folder / "hanging").unlink()
        self.becomes("kill-redis", "passed")
        before = self.runs()
        code, out, err = self.drive("--only", "kill/*", "--resume")
        self.assertEqual(code, 1, err)
        self.assertIn("kill/kafka: failed (before)", err)
        self.assertEqual(self.runs()[len(before):], ["kill-redis", "kill-api-gateway",
                                                     "kill-log-producer", "kill-log-consumer"])
        self.assertIn("6 cells: 5 passed, 1 failed", out)

    def test_other_settings_are_another_matrix(self):
        out = str(self.folder / "table")
        self.assertEqual(self.drive("--only", "kill/redis", "--out", out)[0], 0)
        code, _, err = self.drive("--only", "kill/redis", "--out", out, "--resume", "--rate", "7")
        self.assertEqual(code, 2)
        self.assertIn("rate was 1000 and is 7", err)
        code, _, err = self.drive("--only", "kill/redis", "--out", out)
        self.assertEqual(code, 2)
        self.assertIn("--resume goes on with it", err)

    def test_the_list(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(run.main(["--list"]), 0)
        self.assertEqual(len(out.getvalue().splitlines()), 27)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
