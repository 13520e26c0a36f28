"""Where scripts/client-packages.sh has put what these tests need."""

import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
SCRIPT = HERE.parents[2] / "scripts" / "client-packages.sh"


def folders():
    """{"node": …, "python": …, "go": …}; says what to do where one is missing."""
    done = subprocess.run([SCRIPT, "--where"], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return dict(zip(("node", "python", "go"), map(pathlib.Path, done.stdout.splitlines())))


def toxiproxy():
    """The path of Toxiproxy's own server."""
    return str(folders()["go"] / "toxiproxy-server")
