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
