#!/usr/bin/env python3
"""How fast the consumer stores a preloaded topic, beside raw COPY into the same table with the same
indexes, in one run on the stack of this checkout.

    bench/consumer/run.py [--consumer NAME=PROGRAM]... [--events N] [--rounds N] [--json FILE]

The topic is filled once, through the gateway. In each round every consumer reads it from its
beginning into empty tables; then the same rows are copied, from a file, by one COPY. Figures are rows
a second, the median of the rounds; a consumer's time is from its first stored row to its last. Kafka,
PostgreSQL and the client share the machine, so nothing else should run. It starts the stack, wipes its
tables, and stops it. Exit code 0 when every figure could be taken, whatever it shows.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOME = pathlib.Path(os.environ.get("STORMLOG_HOME", ROOT / ".stormlog")).resolve()
BIN = ROOT / "build/release/bin"
PORT = 28790
INDEXES = "of a primary key, time, service, trace, position"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--consumer", action="append", metavar="NAME=PROGRAM",
                        help="a log-consumer to measure; this checkout's if absent")
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--redis", action="store_true", help="with the cache; else without")
    parser.add_argument("--json", type=pathlib.Path)
    return parser.parse_args()


ARGS = parse()
PGPASS = HOME / "data/postgresql/pgpass"
CONNINFO = f"host=127.0.0.1 port=15432 dbname=stormlog user=stormlog passfile='{PGPASS}'"


def stormlog(*words):
    command = [BIN / "stormlog", *words, "--stack", ROOT / "stack.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300,
                          env=dict(os.environ, STORMLOG_HOME=str(HOME)))
    if done.returncode != 0:
        sys.exit(f"stormlog {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def sql(statement):
    done = subprocess.run([HOME / "dist/postgresql/bin/psql", CONNINFO, "-v", "ON_ERROR_STOP=1",
                           "-qAtc", statement], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"{statement}: {done.stderr}")
    return done.stdout.strip()


def processed():
    """Records the consumer is done with; 0 until it answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=5) as page:
            for line in page.read().decode().splitlines():
                if line.startswith("log_events_processed "):
                    return float(line.split()[1])
    except OSError:
        pass
    return 0


def empty_tables():
    sql("TRUNCATE logs, consumer_offsets, dead_letters; CHECKPOINT")


def measure_consumer(program, events):
    empty_tables()
    command = [program, "--listen", f"127.0.0.1:{PORT}", "--kafka-brokers", "127.0.0.1:9092",
               "--topic", "logs", "--group", f"bench-{time.time_ns()}", "--group-instance-id", "none",
               "--postgres", CONNINFO, "--redis", "redis://127.0.0.1:16379/0"]
    if not ARGS.redis:
        command += ["--cache-bytes", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while (seen := processed()) == 0:
            time.sleep(0.01)
        begin, first = time.monotonic(), seen
        deadline = begin + 120
        while (seen := processed()) < events:
            if time.monotonic() > deadline:
                sys.exit(f"{program}: {seen:.0f} of {events} after 120 s")
            time.sleep(0.02)
        took = time.monotonic() - begin
        cpu = sum(map(int, pathlib.Path(f"/proc/{process.pid}/stat").read_text().split()[13:15]))
    finally:
        process.terminate()
        process.wait(timeout=30)
    stored = int(sql("SELECT count(*) FROM logs"))
    if stored != events:
        sys.exit(f"{program}: {stored} rows of {events}")
    return (events - first) / took, cpu / os.sysconf("SC_CLK_TCK") / events * 1e6


def measure_copy(file, events):
    empty_tables()
    begin = time.monotonic()
    sql(f"\\copy logs FROM '{file}' (FORMAT binary)")
    return events / (time.monotonic() - begin)


def main():
    consumers = dict(one.split("=", 1) for one in ARGS.consumer or [f"consumer={BIN}/log-consumer"])
    file = HOME / "data/bench-rows"
    stormlog("up")
    try:
        rate = 20_000
        stormlog("load", "--rate", f"{rate}/s", "--batch", "100", "--concurrency", "20",
                 "--duration", f"{ARGS.events // rate}s", "--event-bytes", "300B", "--verify")
        events = int(sql("SELECT count(*) FROM logs"))
        if events != int(sql("SELECT sum(next_offset) FROM consumer_offsets")):
            sys.exit("the topic was not empty: stormlog down --wipe first")
        sql(f"\\copy (SELECT * FROM logs) TO '{file}' (FORMAT binary)")
        figures = {name: [] for name in (*consumers, "raw COPY")}
        cpu = {name: [] for name in consumers}
        for round_ in range(ARGS.rounds):
            for name, program in consumers.items():
                rows, micros = measure_consumer(program, events)
                figures[name].append(rows)
                cpu[name].append(micros)
            figures["raw COPY"].append(measure_copy(file, events))
            print(f"round {round_ + 1}: " + ", ".join(f"{n} {v[-1]:,.0f}/s"
                                                      for n, v in figures.items()), flush=True)
    finally:
        file.unlink(missing_ok=True)
        stormlog("down")
    raw = statistics.median(figures["raw COPY"])
    print(f"{events:,} events of 300 bytes, with the indexes {INDEXES}")
    for name, values in figures.items():
        middle = statistics.median(values)
        used = f", {statistics.median(cpu[name]):.1f} µs CPU an event" if name in cpu else ""
        print(f"{name:>12}: {middle:>9,.0f} rows/s, {middle / raw:.2f} of raw COPY{used}")
    if ARGS.json:
        ARGS.json.write_text(json.dumps({"events": events, "rows_per_second": figures,
                                         "cpu_us_per_event": cpu}, indent=1) + "\n")


if __name__ == "__main__":
    main()
