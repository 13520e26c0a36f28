"""Toxiproxy's clients in three languages, each doing what its users do, on `stormlog proxy` and, so
that the tests themselves are right about it, on Toxiproxy.

What a client does is in its own language: node/, python/, go/. It finds in its environment
PROXY_API (host:port) and ECHO, the address of a server that sends back what it gets.
"""

import os
import re
import subprocess
import sys
import unittest

from echo import Echo
from packages import HERE, folders, toxiproxy
from transcript import Server

PROGRAM = os.environ["STORMLOG"]

# language: the words of its command, what they need in the environment, and how its runner says how
# many tests have passed.
CLIENTS = {
    "node": (lambda where: ["node", "--test", "--test-reporter=tap", str(HERE / "node" / "life_test.js")],
             lambda where: {"NODE_PATH": str(where / "node_modules")},
             re.compile(r"^# pass (\d+)$", re.M)),
    "python": (lambda where: [sys.executable, str(HERE / "python" / "life_test.py")],
               lambda where: {"PYTHONPATH": str(where / "packages")},
               re.compile(r"^Ran (\d+) tests", re.M)),
    "go": (lambda where: [str(where / "life_test"), "-test.v"],
           lambda where: {},
           re.compile(r"^--- PASS: (\w+)", re.M)),
}
# How many each has: one that has got lost would go unseen.
TESTS = 5


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folders = folders()

    def run_client(self, language, server):
        echo = Echo()
        self.addCleanup(echo.close)
        process = Server(server)
        self.addCleanup(process.stop)
        words, environment, passed = CLIENTS[language]
        where = self.folders[language]
        done = subprocess.run(
            words(where), cwd=HERE, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
            env=dict(os.environ, PROXY_API=f"127.0.0.1:{process.port}", ECHO=echo.address,
                     **environment(where)))
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, said)
        counts = passed.findall(said)
        self.assertEqual(int(counts[0]) if language != "go" else len(counts), TESTS, said)
        # Each cleans up behind itself.
        self.assertEqual(process.ask("GET", "/proxies", None)["body"].strip(), "{}")


def add(language, name, server):
    setattr(ClientTest, f"test_{language}_on_{name}",
            lambda self: self.run_client(language, server()))


for client in CLIENTS:
    add(client, "stormlog", lambda: [PROGRAM, "proxy"])
    add(client, "toxiproxy", lambda: [toxiproxy()])

if __name__ == "__main__":
    unittest.main()
