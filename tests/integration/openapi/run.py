"""Runs the test program, its first argument, with schemathesis from where client-packages.sh has put it."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]

found = subprocess.run([ROOT / "scripts" / "client-packages.sh", "--where"], capture_output=True, text=True)
if found.returncode != 0:
    sys.exit(found.stderr.strip())
parts = [pathlib.Path(line) for line in found.stdout.splitlines()]
folder = next(part for part in parts if part.name.startswith("schemathesis-"))
os.environ["PYTHONPATH"] = str(folder / "packages")
os.environ["PYTHON"] = sys.executable
os.execv(sys.argv[1], sys.argv[1:])
