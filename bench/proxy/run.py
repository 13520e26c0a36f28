#!/usr/bin/env python3
"""Stormlog's proxy beside Toxiproxy and a direct connection, in one run.

    bench/proxy/run.py [--toxiproxy PROGRAM] [--stormlog PROGRAM] [--bench PROGRAM]
                       [--rounds N] [--only MEASURE,...] [--json FILE]

Each measure is taken in rounds, one program after another in each (direct, Toxiproxy, Stormlog,
direct, ...); a figure is the median of its rounds. Nothing else should run meanwhile: client, server
and proxy share the cores. Exit code 0 when every measure could be taken, whatever it shows.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER, LISTEN, API = 28701, 28702, 28703


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toxiproxy", help="its server, as scripts/client-packages.sh builds it")
    parser.add_argument("--stormlog", default=str(ROOT / "build/release/bin/stormlog"))
    parser.add_argument("--bench", default=str(ROOT / "build/release/bin/proxy_bench"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--json")
    return parser.parse_args()


ARGS = parse()


class Direct:
    name = "direct"
    port = SERVER

    def start(self):
        pass

    def stop(self):
        pass

    def cpu(self):
        return 0.0


class Proxy:
    """A proxy in a process of its own, with one proxied port and maybe a toxic."""
    port = LISTEN

    def __init__(self, name, command):
        self.name = name
        self.command = command
        self.process = None

    def call(self, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{API}{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", API), 1).close()
                break
            except OSError:
                time.sleep(0.01)
        self.call("/proxies", {"name": "bench", "listen": f"127.0.0.1:{LISTEN}",
                               "upstream": f"127.0.0.1:{SERVER}"})

    def toxic(self, kind, **attributes):
        self.call("/proxies/bench/toxics", {"type": kind, "attributes": attributes})

    def stop(self):
        self.process.kill()
        self.process.wait()

    def cpu(self):
        """Seconds of user and system time of all its threads."""
        total = 0
        for stat in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat"):
            total += int(stat.read_text().split()[0])
        return total / 1e9

    def rss(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0


def bench(port, measure, count, seconds):
    done = subprocess.run([ARGS.bench, measure, str(SERVER), str(port), str(count), str(seconds)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{measure} through port {port} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def programs():
    found = [Direct()]
    if ARGS.toxiproxy:
        found.append(Proxy("toxiproxy", [ARGS.toxiproxy, "-port", str(API)]))
    found.append(Proxy("stormlog", [ARGS.stormlog, "proxy", "--port", str(API)]))
    return found


def measure_bulk(program, count):
    before = program.cpu()
    found = bench(program.port, "bulk", count, ARGS.seconds)
    found["cpu_per_gb"] = (program.cpu() - before) / found["gigabytes"]
    return found


def measure_latency(program, count):
    """The error over 50 ms, less what the same client sees without a toxic at the same pace: a request
    on each connection in 50 ms, in the same bursts."""
    if isinstance(program, Direct):
        return {}
    plain = bench(program.port, "paced", count, ARGS.seconds)
    program.toxic("latency", latency=50)
    slow = bench(program.port, "rr", count, ARGS.seconds)
    return {f"error_{key}": (slow[f"{key}_us"] - 50_000 - (plain[f"{key}_us"] if key != "min" else 0))
            / 1000 for key in ("p50", "p99", "min")}


def measure_rate(program, kilobytes):
    if isinstance(program, Direct):
        return {}
    program.toxic("bandwidth", rate=kilobytes)
    found = bench(program.port, "rate", 1, 5)
    return {"percent": (found["bytes_per_s"] / (kilobytes * 1000) - 1) * 100}


def measure_idle(program, count):
    if isinstance(program, Direct):
        return {}
    process = subprocess.Popen([ARGS.bench, "idle", str(SERVER), str(LISTEN), str(count)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    opened = json.loads(process.stdout.readline())["open"]
    rss = program.rss()
    out, _ = process.communicate("\n", timeout=60)
    return {"open": opened, "alive": json.loads(out)["alive"], "rss_mb": rss}


def idle_count():
    """The bench needs two descriptors for each connection, the proxy two."""
    import resource
    return min(10_000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 300) // 2)


# name: (how it is measured, rows of (label, key, goal as words, ratio to show))
MEASURES = {
    "bulk1": (lambda p: measure_bulk(p, 1), [
        ("bulk, 1 stream, Gbit/s", "gbit_per_s", "≥ 2×", "times"),
        ("CPU s per GB, 1 stream", "cpu_per_gb", "≤ 1/4", "share")]),
    "bulk8": (lambda p: measure_bulk(p, 8), [
        ("bulk, 8 streams, Gbit/s", "gbit_per_s", "≥ 2×", "times"),
        ("CPU s per GB, 8 streams", "cpu_per_gb", "≤ 1/4", "share")]),
    "rr1": (lambda p: bench(p.port, "rr", 1, ARGS.seconds), [
        ("request–response, 1 connection, p50 µs", "p50_us", "added ≤ 1/2", "added"),
        ("request–response, 1 connection, p99 µs", "p99_us", "added ≤ 1/2", "added")]),
    "rr64": (lambda p: bench(p.port, "rr", 64, ARGS.seconds), [
        ("request–response, 64 connections, req/s", "requests_per_s", "≥ 1.6×", "times"),
        ("request–response, 64 connections, p99 µs", "p99_us", "", "share")]),
    "connections": (lambda p: bench(p.port, "connections", 64, ARGS.seconds), [
        ("new connections/s, 64 clients", "connections_per_s", "≥ 2×", "times")]),
    "latency1": (lambda p: measure_latency(p, 1), [
        ("latency 50 ms, 1 connection, error p50 ms", "error_p50", "", ""),
        ("latency 50 ms, 1 connection, error p99 ms", "error_p99", "≤ 0.3", ""),
        ("latency 50 ms, 1 connection, earliest ms", "error_min", "≥ 0", "")]),
    "latency64": (lambda p: measure_latency(p, 64), [
        ("latency 50 ms, 64 connections, error p50 ms", "error_p50", "", ""),
        ("latency 50 ms, 64 connections, error p99 ms", "error_p99", "≤ 0.3", ""),
        ("latency 50 ms, 64 connections, earliest ms", "error_min", "≥ 0", "")]),
    "rate1000": (lambda p: measure_rate(p, 1000), [
        ("bandwidth 1000 KB/s over 5 s, error %", "percent", "≤ 0.5", "")]),
    "rate10000": (lambda p: measure_rate(p, 10_000), [
        ("bandwidth 10000 KB/s over 5 s, error %", "percent", "≤ 0.5", "")]),
    "idle": (lambda p: measure_idle(p, idle_count()), [
        ("idle connections, alive", "alive", "all", ""),
        ("idle connections, RSS MB", "rss_mb", "≤ 100", "")]),
}


def take(name, all_programs):
    figures = {program.name: [] for program in all_programs}
    rounds = 1 if name == "idle" else ARGS.rounds
    for number in range(rounds):
        for program in all_programs:
            print(f"\r{name}: round {number + 1} of {rounds}, {program.name}        ",
                  end="", file=sys.stderr, flush=True)
            program.start()
            try:
                figures[program.name].append(MEASURES[name][0](program))
            finally:
                program.stop()
    medians = {}
    for program, found in figures.items():
        keys = found[0].keys()
        medians[program] = {key: statistics.median(one[key] for one in found) for key in keys}
    return medians


def compared(kind, direct, theirs, ours):
    if theirs is None or ours is None or not kind:
        return ""
    if kind == "times":
        return f"{ours / theirs:.2f}×"
    if kind == "added":
        return f"{ours - direct:.1f} / {theirs - direct:.1f} = {(ours - direct) / (theirs - direct):.2f}"
    return f"{ours / theirs:.2f}"


def main():
    names = [name for name in ARGS.only.split(",") if name] or list(MEASURES)
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        print(f"no measure {unknown[0]}; there are {', '.join(MEASURES)}", file=sys.stderr)
        sys.exit(2)
    everything = {}
    rows = []
    for name in names:
        found = everything[name] = take(name, programs())
        for label, key, goal, kind in MEASURES[name][1]:
            values = [found.get(program, {}).get(key) for program in ("direct", "toxiproxy", "stormlog")]
            shown = ["" if value is None else f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
                     for value in values]
            rows.append([label, *shown, compared(kind, *values), goal])
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    print("| measure | direct | Toxiproxy | Stormlog | compared | goal |\n|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(f"\nMedians of {ARGS.rounds} rounds, {os.cpu_count()} cores.")
    if ARGS.json:
        pathlib.Path(ARGS.json).write_text(json.dumps(everything, indent=2) + "\n")


if __name__ == "__main__":
    main()
