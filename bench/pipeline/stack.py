"""What the benchmark measures on: the stores of this checkout's stack, and programs started without a
proxy in between. Everything listens on loopback."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOME = pathlib.Path(os.environ.get("STORMLOG_HOME", ROOT / ".stormlog")).resolve()
BIN = pathlib.Path(os.environ.get("STORMLOG_BIN_DIR", ROOT / "build/release/bin"))
GATEWAY, PRODUCER, CONSUMER = 8080, 8081, 8082
BROKERS = "127.0.0.1:9092"
POSTGRES = (f"host=127.0.0.1 port=15432 dbname=stormlog user=stormlog "
            f"passfile='{HOME}/data/postgresql/pgpass'")
REDIS = "redis://127.0.0.1:16379/0"
TICKS = os.sysconf("SC_CLK_TCK")
STORES = ("kafka", "postgresql", "redis")


class Failed(Exception):
    """A figure that cannot be taken; the others can."""


def stormlog(*words):
    command = [BIN / "stormlog", *words, "--stack", ROOT / "stack.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300,
                          env=dict(os.environ, STORMLOG_HOME=str(HOME)))
    # `status` ends with 1 while some service is not running: those are not needed here.
    if done.returncode != 0 and words[0] != "status":
        sys.exit(f"stormlog {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def sql(statement):
    done = subprocess.run([HOME / "dist/postgresql/bin/psql", POSTGRES, "-v", "ON_ERROR_STOP=1",
                           "-qAtc", statement], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Failed(f"{statement}: {done.stderr}")
    return done.stdout.strip()


def wait_for(what, holds, seconds=60.0, pause=0.02):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def request(port, method, path, body=None):
    """Status and body; 0 where nobody answers."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    one = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, method=method,
                                 headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(one, timeout=15) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def get(port, path):
    return request(port, "GET", path)


def metric(port, name):
    """The sum of a metric over its labels; 0 where nobody answers."""
    _, text = get(port, "/metrics")
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))


def cpu_of(pid):
    """Seconds of user and system time of a process and its children, ended ones included: PostgreSQL has
    one for each connection."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    total = sum(map(int, stat[11:15])) / TICKS
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            try:
                total += cpu_of(int(child))
            except OSError:
                pass  # it has just ended: of the others the time is known all the same
    return total


def store_pids():
    """Name of each store and the process that it is, from `stormlog status`."""
    services = json.loads(stormlog("status", "--json"))["services"]
    return {one["name"]: one["pid"] for one in services if one["name"] in STORES and one.get("pid")}


class Program:
    """One process of the system under test."""

    def __init__(self, name, command, port, path="/livez", environment=None, folder=None):
        self.name, self.port = name, port
        self.log = tempfile.NamedTemporaryFile(prefix=f"bench-{name}-", suffix=".log", delete=False)
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env=dict(os.environ, **(environment or {})), cwd=folder)
        try:
            wait_for(name, lambda: self.answers(path))
        except Failed:
            self.stop()
            tail = pathlib.Path(self.log.name).read_text(errors="replace")[-1500:]
            raise Failed(f"{name} does not start; the end of its log:\n{tail}") from None

    def answers(self, path):
        if self.process.poll() is not None:
            raise Failed(f"{self.name} ended")
        return listens(self.port) if path is None else get(self.port, path)[0] == 200

    def cpu(self):
        return cpu_of(self.process.pid)

    def rss_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()


def producer(topic="logs", *more):
    return Program("log-producer", [BIN / "log-producer", "--listen", f"127.0.0.1:{PRODUCER}",
                                    "--kafka-brokers", BROKERS, "--topic", topic, *more],
                   PRODUCER, "/readyz")


def gateway(*more):
    return Program("api-gateway", [BIN / "api-gateway", "--listen", f"127.0.0.1:{GATEWAY}",
                                   "--producers", f"http://127.0.0.1:{PRODUCER}",
                                   "--queries", f"http://127.0.0.1:{CONSUMER}", *more],
                   GATEWAY, "/livez")


def consumer(topic="logs", group="bench", *more, program=BIN / "log-consumer"):
    return Program("log-consumer", [program, "--listen", f"127.0.0.1:{CONSUMER}",
                                    "--kafka-brokers", BROKERS, "--topic", topic, "--group", group,
                                    "--group-instance-id", "none", "--postgres", POSTGRES,
                                    "--redis", REDIS, *more], CONSUMER)


def load_command(port, body_file, path, content_type, connections, rate, warm_up, seconds):
    return [BIN / "pipeline_load", "--port", str(port), "--path", path, "--body", body_file,
            "--content-type", content_type, "--connections", str(connections), "--rate", str(rate),
            "--warm-up", f"{int(warm_up * 1000)}ms", "--duration", f"{int(seconds * 1000)}ms"]


def load(port, body, path="/api/v1/logs", content_type="application/json", connections=100, rate=0,
         warm_up=1.0, seconds=5.0):
    """What came back, as pipeline_load prints it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        done = subprocess.run(
            load_command(port, file.name, path, content_type, connections, rate, warm_up, seconds),
            capture_output=True, text=True, timeout=warm_up + seconds + 60)
    if done.returncode != 0:
        raise Failed(f"the client: {done.stderr.strip()}")
    return json.loads(done.stdout)


def background_load(port, body, rate):
    """A client that goes on until it is killed."""
    file = tempfile.NamedTemporaryFile(prefix="bench-body-")
    file.write(body)
    file.flush()
    process = subprocess.Popen(load_command(port, file.name, "/api/v1/logs", "application/json", 20, rate,
                                            0, 3600), stdout=subprocess.DEVNULL)
    time.sleep(0.2)  # it has read the file, which goes with this function
    return process
