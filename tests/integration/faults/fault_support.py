"""Stacks under faults: what StackTest has, and injections that go on in the background."""

import json
import os
import pathlib
import signal
import subprocess
import sys

from support import PROGRAM, StackTest, alive

# A worker in a session of its own, as PostgreSQL's processes are; it writes its PID down.
FORKING = """
import os, pathlib, time
if os.fork() == 0:
    os.setsid()
    pathlib.Path('worker').write_text(str(os.getpid()))
while True:
    time.sleep(0.05)
"""


def state(pid):
    """The letter of /proc: R, S, T (stopped), Z; '' when there is no such process."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


class FaultTest(StackTest):
    STACK = """services:
  a: {command: [sleep, '1000'], restart: {backoff: 10ms}}
  b: {command: [sleep, '1000'], restart: {backoff: 10ms}}
"""

    def setUp(self):
        super().setUp()
        self.write(self.STACK)
        self.ok("up")

    def clean_up(self):
        # No paused process and no watchdog is left behind by a test that failed.
        self.stormlog("heal", "--all")
        super().clean_up()

    def pid(self, name):
        return self.service(name)["pid"]

    def start(self, *words, **options):
        """The program in the background."""
        environment = dict(os.environ, STORMLOG_HOME=str(self.home))
        environment.pop("STORMLOG_STACK", None)
        process = subprocess.Popen([PROGRAM, *words], cwd=self.root, env=environment, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, **options)
        self.started.append(process)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        return process

    def finish(self, process):
        """Waits for the end of a background program: its exit code and its JSON."""
        out, err = process.communicate(timeout=60)
        return process.returncode, json.loads(out) if out else err

    def json(self, *words):
        done = self.stormlog(*words, "--json")
        return done.returncode, json.loads(done.stdout)

    def records(self):
        """The undo journal: a record a fault that is in."""
        folder = self.home / "undo"
        found = []
        for path in sorted(folder.glob("*.json")) if folder.exists() else []:
            try:
                found.append(json.loads(path.read_text()))
            except OSError:
                pass  # healed meanwhile
        return found

    def wait_for_state(self, pid, letter):
        self.wait_for(lambda: state(pid) == letter, f"{pid} in state {letter}")

    def wait_until_it_goes_on(self, pid):
        self.wait_for(lambda: state(pid) in tuple("SRD"), f"{pid} goes on")

    def watchdogs(self):
        """The PIDs of this HOME's watchdogs."""
        found = []
        for folder in pathlib.Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                words = (folder / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if words[1:4] == ["watchdog", "--home", str(self.home)]:
                found.append(int(folder.name))
        return found
