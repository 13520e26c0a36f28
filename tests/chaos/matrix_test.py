"""The telling cells of the matrix on the real stack, and cells that must not pass: an acknowledged
row that somebody deletes, a service that nobody starts again. The whole matrix: matrix/run.py.

usage: matrix_test.py STORMLOG SOURCE_DIR
"""

import datetime
import json
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

from chaos_support import HOME, SOURCE, STORMLOG, RunningStack, changed_stack, sql, stormlog

DRIVER = SOURCE / "tests/chaos/matrix/run.py"
# Commits whose answers are lost; the spill and the tables away together.
TELLING = "reset/postgresql,down/postgresql+redis"
# Beside the consumer of the stack file, in the same group.
SECOND = "http://127.0.0.1:8083"


def drive(*words, stack=None):
    """The exit code and the table of some cells."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(DRIVER), "--stormlog", STORMLOG, "--home", str(HOME), "--stack",
             str(stack or SOURCE / "stack.yaml"), "--out", folder, "--format", "json", *words],
            capture_output=True, text=True, timeout=500)
        try:
            return done.returncode, json.loads(done.stdout)
        except json.JSONDecodeError:
            raise AssertionError(f"exit {done.returncode}\n{done.stderr}") from None


class Deleter(threading.Thread):
    """Deletes the first row of the first run that begins from now on."""

    def __init__(self):
        super().__init__(daemon=True)
        self.since = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        self.deleted = ""
        self.start()

    def run(self):
        end = time.monotonic() + 120
        while not self.deleted and time.monotonic() < end:
            time.sleep(0.2)
            # Names of runs begin with their time; other tests leave rows with other names. The last
            # line is psql's "DELETE 0".
            said = sql(f"DELETE FROM logs WHERE id = (SELECT id FROM logs WHERE "
                       f"attributes->>'run' LIKE '%-matrix-%' AND "
                       f"attributes->>'run' >= '{self.since}' LIMIT 1) RETURNING id")
            self.deleted = said.rpartition("\n")[0]


def with_second_consumer(folder):
    """The stack with two consumers; drained when both are."""
    text = (SOURCE / "stack.yaml").read_text()
    first = text[text.index("\n  log-consumer:"):text.index("\n  api-gateway:")]
    second = first.replace("log-consumer:", "log-consumer-2:", 1).replace("8082", "8083")
    drained = '    - {probe: prometheus, metrics: "${consumer}/metrics", query: "sum(kafka_consumer_lag)", '
    return changed_stack(folder, (first, first + second),
                         ("  drained:\n" + drained, "  drained:\n" + drained +
                          "expect: {max: 0}}\n" + drained.replace("${consumer}", SECOND)))


def rebalances_of_second():
    with urllib.request.urlopen(f"{SECOND}/metrics", timeout=10) as page:
        line = next(l for l in page.read().decode().splitlines() if l.startswith("rebalances_total"))
    return float(line.rsplit(" ", 1)[1])


def passed(test, code, table):
    test.assertEqual((code, table["verdict"]), (0, "passed"), json.dumps(table, indent=1))
    for row in table["cells"]:
        test.assertEqual((row["lost"], row["duplicated"]), (0, 0), row)
        test.assertGreater(row["acked"], 0)


class Matrix(RunningStack):
    def test_1_telling_cells_pass(self):
        code, table = drive("--only", TELLING)
        passed(self, code, table)
        self.assertEqual(len(table["cells"]), TELLING.count(",") + 1)
        for row in table["cells"]:
            for service in ("api-gateway", "log-producer", "log-consumer", "kafka"):
                self.assertGreater(row["memory"][service]["peak_bytes"], 0)

    def test_2_a_deleted_row_is_seen_as_a_loss(self):
        deleter = Deleter()
        code, table = drive("--only", "kill/redis")
        deleter.join()
        self.assertTrue(deleter.deleted)
        row = table["cells"][0]
        self.assertEqual((code, row["verdict"], row["lost"]), (1, "failed", 1), row)
        self.assertIn("nowhere", row["reason"])

    def test_3_a_service_that_stays_down_is_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            service = (SOURCE / "stack.yaml").read_text().split("\n  log-producer:")[1]
            line = next(l for l in service.splitlines() if l.strip().startswith("restart:"))
            head = service[:service.index(line)]
            stack = changed_stack(folder, (head + line, head + "    restart: never"))
            self.assertEqual(stormlog("up", stack=stack).returncode, 0)
            try:
                code, table = drive("--only", "kill/log-producer", "--within", "5s", stack=stack)
            finally:
                self.assertEqual(stormlog("up").returncode, 0)
                stormlog("restart", "log-producer")
        row = table["cells"][0]
        self.assertEqual((code, row["verdict"], row["lost"]), (1, "failed", 0), row)
        self.assertIn("log-producer", row["reason"])


class TwoConsumers(unittest.TestCase):
    """A consumer that stands still for longer than its session: the other takes its partitions over,
    and what it still has in hand when it goes on must be refused."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.stack = with_second_consumer(cls.folder.name)
        up = stormlog("up", stack=cls.stack)
        if up.returncode != 0:
            cls.tearDownClass()
            raise AssertionError(up.stdout + up.stderr)

    @classmethod
    def tearDownClass(cls):
        down = stormlog("down", stack=cls.stack)
        cls.folder.cleanup()
        assert down.returncode == 0, down.stderr

    def test_a_paused_consumer_is_replaced_and_fenced(self):
        before = rebalances_of_second()
        code, table = drive("--only", "pause/log-consumer", stack=self.stack)
        passed(self, code, table)
        self.assertGreater(rebalances_of_second(), before)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
