#!/usr/bin/env python3
"""The pipeline beside its peers: from a POST to Kafka's acknowledgement, to the row, and what a breaker
answers. Everything on this machine, side by side in one run.

    bench/pipeline/run.py [MEASURE...] [--rounds N] [--seconds N] [--without PEER,...]
                          [--consumer NAME=PROGRAM]... [--json FILE]

    single     F1  one event in a request, 100 connections, until Kafka has acknowledged it
    batch      F2  100 events in a request, until Kafka has acknowledged them
    durable    F2  the same until they are rows in PostgreSQL, Redis cache on
    sink       F3  rows a second from a preloaded topic, beside raw COPY into the same table
    open       F4  answers while the breaker is open, open-loop 5,000 a second over 100 connections
    recovery   F5  a dependency returns: until the breaker is closed and work flows
    levels     F11 processor time of an event at 10 %, 50 % and 90 % of what each system reaches, and with one
               client that sends one event after another; system by system

Systems take turns in each round; a figure is the median of its rounds. Peers that bench/peers/peers.sh has
not made are said to be missing, and the others are measured. It needs a stack that is down and wiped
(`stormlog down --wipe`), starts what it needs of it, and wipes it again. Nothing else should run: client,
systems and stores share the cores. Exit code 0 when every figure could be taken, whatever it shows; 1 when
one could not.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import sys

import measures
import recovery
import sinks
import stack
import systems
from stack import Failed

MEASURES = {"single": "kafka", "batch": "kafka", "durable": "kafka,postgresql,redis",
            "sink": "kafka,postgresql,redis", "open": "kafka", "recovery": "kafka,postgresql,redis",
            "levels": "kafka"}
PEERS = {"collector": systems.Collector, "spring": systems.Spring}


def named_program(text):
    name, equals, program = text.partition("=")
    if not (name and equals and os.access(program, os.X_OK)):
        raise argparse.ArgumentTypeError(f"\"{text}\": write NAME=PROGRAM, of a program that can be run")
    return name, program


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("measure", nargs="*", metavar="MEASURE", help="; ".join(MEASURES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=measures.SECONDS, help="of each figure")
    parser.add_argument("--without", default="", help="peers not to measure: collector, spring, kafka-connect")
    parser.add_argument("--consumer", action="append", default=[], metavar="NAME=PROGRAM", type=named_program,
                        help="a log-consumer to measure in `sink` beside this checkout's")
    parser.add_argument("--tries", type=int, default=20, help="of each dependency, in `recovery`")
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    for name in args.measure:
        if name not in MEASURES:
            parser.error(f"no measure \"{name}\"; there are: {', '.join(MEASURES)}")
    return args


def machine():
    cpu = next((line.partition(": ")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
               platform.processor())
    memory = int(open("/proc/meminfo").readline().split()[1]) / 2**20
    congestion = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gib": round(memory, 1),
            "kernel": platform.release(), "tcp": congestion}


class Report:
    def __init__(self):
        self.figures = {}
        self.missing = []

    def add(self, measure, system, figure):
        self.figures.setdefault(measure, {}).setdefault(system, []).append(figure)

    def failed(self, measure, system, why):
        self.missing.append((measure, system, str(why)))
        print(f"  {measure}: {system}: {why}", file=sys.stderr, flush=True)

    def rows(self, measure):
        """Median of each figure, by system."""
        for system, rounds in self.figures.get(measure, {}).items():
            yield system, {key: middle([one[key] for one in rounds]) for key in rounds[0]}


def middle(values):
    if isinstance(values[0], dict):
        return {key: middle([one.get(key, 0.0) for one in values]) for key in values[0]}
    return statistics.median(values)


def started(report, measure, args):
    """Stormlog and each peer that is there."""
    found = []
    for make in (systems.Stormlog, *(PEERS[name] for name in PEERS if name not in args.without.split(","))):
        system = make()
        try:
            found.append(system.start())
        except Failed as why:
            system.stop()
            report.failed(measure, system.name, why)
    return found


def acknowledged(report, measure, args, batch):
    running = started(report, measure, args)
    try:
        for system in running:
            system.warm(batch)
        for _ in range(args.rounds):
            for system in running:
                try:
                    report.add(measure, system.name, measures.acknowledged(system, batch))
                except Failed as why:
                    report.failed(measure, system.name, why)
    finally:
        for system in running:
            system.stop()


def durable(report, args):
    system = systems.Stormlog().start(with_consumer=True)
    try:
        system.warm(100, rate=400)  # 40,000 events/s become rows at once
        measures.settle(system.stored)
        for _ in range(args.rounds):
            stack.sql("TRUNCATE logs; CHECKPOINT")  # as `sink`
            report.add("durable", system.name, measures.durable(system))
    finally:
        system.stop()


def opened(report, args):
    system = systems.Stormlog().start()
    try:
        producer = system.programs.pop(0)
        producer.kill()
        stack.wait_for("the breaker", lambda: measures.breakers(system.port).get("log-producer") == "open")
        for _ in range(args.rounds):
            report.add("open", system.name, measures.refused(system))
    finally:
        system.stop()


def levels(report, args):
    running = started(report, "levels", args)
    try:
        for system in running:
            system.warm(1)
            most = max(measures.acknowledged(system, 1)["events_per_second"] for _ in range(args.rounds))
            for percent in (10, 50, 90):
                for _ in range(args.rounds):
                    figure = measures.acknowledged(system, 1, rate=most * percent / 100)
                    report.add("levels", f"{system.name}, {percent} %", figure)
            for _ in range(args.rounds):
                report.add("levels", f"{system.name}, one client", measures.acknowledged(system, 1, connections=1))
    finally:
        for system in running:
            system.stop()


def measure(report, name, args):
    stack.stormlog("up", "--only", MEASURES[name])
    try:
        if name in ("single", "batch"):
            acknowledged(report, name, args, 1 if name == "single" else 100)
        elif name == "durable":
            durable(report, args)
        elif name == "sink":
            sinks.measure(report, args)
        elif name == "open":
            opened(report, args)
        elif name == "recovery":
            recovery.measure(report, args)
        else:
            levels(report, args)
    except Failed as why:
        report.failed(name, "Stormlog", why)
    finally:
        stack.stormlog("down", "--wipe")


def show(report, name):
    rows = list(report.rows(name))
    if not rows:
        return
    print(f"\n{name}, median of {max(map(len, report.figures[name].values()))} rounds")
    ours = rows[0][1]
    for system, figures in rows:
        line = f"  {system:<36}"
        for key, value in figures.items():
            if key.endswith("per_second"):
                times = f" ({ours[key] / value:.1f}×)" if figures is not ours and name != "levels" else ""
                line += f" {value:>10,.0f}/s{times}{'' if key == 'events_per_second' else ' ' + key[:-11]}"
            elif key.endswith("_us"):
                line += f"  {key[:-3]} {value / 1000:.2f} ms"
            elif key.endswith("_ms"):
                line += f"  {key[:-3]} {value:,.0f} ms"
            elif isinstance(value, dict):
                parts = ", ".join(f"{part} {micros:.1f}" for part, micros in value.items())
                line += f"\n{'':30} CPU of an event {sum(value.values()):.1f} µs: {parts}"
            else:
                line += f"  {key} {value:.2f}"
        print(line)


def main():
    args = parse()
    measures.SECONDS = args.seconds
    report = Report()
    facts = machine()
    print(", ".join(f"{key} {value}" for key, value in facts.items()), flush=True)
    wanted = args.measure or list(MEASURES)
    for name in wanted:
        measure(report, name, args)
        show(report, name)
        sys.stdout.flush()
    if args.json:
        args.json.write_text(json.dumps({"machine": facts, "figures": report.figures,
                                         "missing": report.missing}, indent=1) + "\n")
    return 1 if report.missing else 0


if __name__ == "__main__":
    sys.exit(main())
