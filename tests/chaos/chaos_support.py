"""The real stack for the experiments' tests. The program and the source folder are the test's
arguments: NAME_test.py STORMLOG SOURCE_DIR"""

import json
import os
import pathlib
import subprocess
import sys
import unittest

STORMLOG = os.path.abspath(sys.argv[1])
SOURCE = pathlib.Path(sys.argv[2]).resolve()
HOME = (SOURCE / ".stormlog").resolve()


def stormlog(*words, stack=None):
    command = [STORMLOG, *words, "--stack", str(stack or SOURCE / "stack.yaml")]
    environment = dict(os.environ, STORMLOG_HOME=str(HOME))
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


def run_experiment(experiment, stack=None):
    """The exit code and verdict.json of one run."""
    result = stormlog("run", str(experiment), "--json", stack=stack)
    try:
        return result.returncode, json.loads(result.stdout)
    except json.JSONDecodeError:
        raise AssertionError(f"exit {result.returncode}\n{result.stdout}\n{result.stderr}") from None


def sql(statement):
    """Runs SQL on the stack's own PostgreSQL."""
    data = HOME / "data/postgresql"
    command = [HOME / "dist/postgresql/bin/psql", "-h", "127.0.0.1", "-p", "15432", "-U", "stormlog",
               "-d", "stormlog", "-v", "ON_ERROR_STOP=1", "-Atc", statement]
    environment = dict(os.environ, PGPASSFILE=str(data / "pgpass"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def changed_stack(folder, *replacements):
    """A copy of stack.yaml with words replaced, over the same home."""
    text = (SOURCE / "stack.yaml").read_text()
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = pathlib.Path(folder) / "stack.yaml"
    path.write_text(text)
    (pathlib.Path(folder) / "deploy").symlink_to(SOURCE / "deploy")
    return path


class RunningStack(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        up = stormlog("up")
        if up.returncode != 0:
            stormlog("down")
            raise AssertionError(up.stdout + up.stderr)

    @classmethod
    def tearDownClass(cls):
        down = stormlog("down")
        assert down.returncode == 0, down.stderr
