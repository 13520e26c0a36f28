#!/usr/bin/env python3
"""The matrix of proof: each fault on each part of the stack, under load, each as one experiment.

    tests/chaos/matrix/run.py [--only 'reset/*,down/kafka+redis'] [--format text|json|markdown]
                              [--resume] [--out DIR] [--for 10s] [--list] …

Progress goes to standard error, the table to standard output. A cell that ends is written down in
DIR; --resume goes on where the last matrix was interrupted, and runs again what came to no verdict.

Exit code: 0 all cells passed, 1 one failed, 2 wrong usage or no stack, 3 one is invalid, 4 one is
unknown, 5 interrupted (everything is healed and written down).
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import cells as matrix
import results

ROOT = pathlib.Path(__file__).resolve().parents[3]
USAGE = 2
# Verdicts that say something about the system: a resumed matrix keeps them.
FINAL = ("passed", "failed")


class Trouble(Exception):
    """Nothing can be run; said in one sentence."""


def seconds(text):
    match = re.fullmatch(r"(\d+)(s|m|h)", text)
    if not match or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f'"{text}" is no duration such as 10s or 10m')
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def positive(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f'"{text}" is no number above 0')
    return int(text)


def parse(words):
    default = matrix.Settings()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="CELLS",
                        help="shell patterns of cells, with commas between; --list shows them")
    parser.add_argument("--list", action="store_true", help="show the cells and run nothing")
    parser.add_argument("--format", choices=sorted(results.FORMATS), default="text")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR",
                        help="where the results go (else HOME/matrix/<UTC time>)")
    parser.add_argument("--resume", action="store_true",
                        help="go on with the matrix in DIR, else with the newest")
    parser.add_argument("--for", dest="outage", type=seconds, default=default.outage,
                        metavar="TIME", help=f"how long a fault lasts ({default.outage}s)")
    parser.add_argument("--within", type=seconds, default=default.within, metavar="TIME",
                        help=f"the longest recovery ({default.within}s)")
    parser.add_argument("--rate", type=positive, default=default.rate, metavar="N",
                        help=f"events a second ({default.rate})")
    parser.add_argument("--stormlog", type=pathlib.Path, default=ROOT / "build/release/bin/stormlog")
    parser.add_argument("--stack", type=pathlib.Path, default=ROOT / "stack.yaml")
    parser.add_argument("--home", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("STORMLOG_HOME", ROOT / ".stormlog")))
    return parser.parse_args(words)


def say(text):
    print(text, file=sys.stderr, flush=True)


class Engine:
    """The program, on one stack."""

    def __init__(self, program, stack, home):
        if not program.exists():
            raise Trouble(f"there is no {program}; ./setup.sh builds it")
        self.program, self.stack = str(program), str(stack)
        self.environment = dict(os.environ, STORMLOG_HOME=str(home), NO_COLOR="1")
        self.running = None
        self.interrupted = False

    def call(self, *words):
        """Exit code, output, errors. An interrupt is passed on, and the program's end waited for."""
        command = [self.program, *words, "--stack", self.stack]
        # A session of its own: a Ctrl-C at the terminal must reach it once, through stop().
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=self.environment,
                              start_new_session=True) as self.running:
            out, err = self.running.communicate()
            code = self.running.returncode
        self.running = None
        return code, out, err

    def stop(self, *_):
        self.interrupted = True
        if self.running and self.running.poll() is None:
            self.running.send_signal(signal.SIGINT)

    def up(self):
        """Starts what does not run; whether anything had to be started."""
        code, out, _ = self.call("status", "--json")
        if code == 0 and all_up(json.loads(out)):
            return False
        say("starting the stack …")
        code, out, err = self.call("up")
        if code != 0 and not self.interrupted:
            raise Trouble(f"the stack does not start: {(err or out).strip()}")
        return True

    def run(self, cell, settings):
        with tempfile.TemporaryDirectory() as folder:
            experiment = pathlib.Path(folder) / f"matrix-{cell.slug}.yaml"
            experiment.write_text(matrix.experiment_of(cell, settings))
            code, out, err = self.call("run", str(experiment), "--json")
        try:
            verdict = json.loads(out)
        except json.JSONDecodeError:
            if self.interrupted:
                return results.no_figures(cell.name, "aborted", "interrupted")
            raise Trouble(f"{cell.name}: exit code {code}: {(err or out).strip()}") from None
        return results.figures_of(cell.name, verdict)


def all_up(status):
    services = status.get("services", [])
    return bool(services) and all(service.get("phase", service.get("state")) == "running"
                                  for service in services)


class Book:
    """The results on disk, one file for each cell that has come to an end."""

    def __init__(self, folder, settings, resume):
        self.folder, self.settings = folder, dataclasses.asdict(settings)
        self.head = folder / "matrix.json"
        if resume:
            self.check_head()
        elif self.head.exists():
            raise Trouble(f"{folder} holds a matrix already: --resume goes on with it")
        folder.mkdir(parents=True, exist_ok=True)
        self.write(self.head, {"settings": self.settings})

    def check_head(self):
        try:
            before = json.loads(self.head.read_text())["settings"]
        except (OSError, ValueError, KeyError) as error:
            raise Trouble(f"{self.folder} holds no matrix to go on with: {error}") from None
        if before != self.settings:
            changed = [f"{key} was {before.get(key)} and is {value}"
                       for key, value in self.settings.items() if before.get(key) != value]
            raise Trouble(f"{self.folder}: its cells ran otherwise: {', '.join(changed)}")

    def row_of(self, cell):
        """What is known of a cell, if that is final."""
        try:
            row = json.loads((self.folder / f"{cell.slug}.json").read_text())
        except (OSError, ValueError):
            return None
        return row if row.get("verdict") in FINAL else None

    def keep(self, cell, row):
        self.write(self.folder / f"{cell.slug}.json", row)

    @staticmethod
    def write(path, value):
        # Whole or not at all: what a resumed matrix reads must not be half a file.
        half = path.with_suffix(".half")
        half.write_text(json.dumps(value, indent=1) + "\n")
        half.replace(path)


def book_folder(options):
    if options.out:
        return options.out
    folder = options.home / "matrix"
    if not options.resume:
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        names = [now] + [f"{now}-{number}" for number in range(2, 100)]  # two in one second
        return next(folder / name for name in names if not (folder / name).exists())
    known = sorted(path.parent for path in folder.glob("*/matrix.json"))
    if not known:
        raise Trouble(f"there is no matrix in {folder} to go on with")
    return known[-1]


def run_cells(engine, chosen, settings, book):
    rows = []
    for number, cell in enumerate(chosen, 1):
        place = f"[{number:>{len(str(len(chosen)))}}/{len(chosen)}] {cell.name}"
        row = book.row_of(cell)
        if row:
            rows.append(row)
            say(f"{place}: {row['verdict']} (before)")
            continue
        say(f"{place} …")
        row = engine.run(cell, settings)
        rows.append(row)
        book.keep(cell, row)
        say(f"{place}: {row['verdict'].upper()} in {row['seconds']:.0f} s: "
            f"{row['acked']} acked, {row['lost']} lost, {row['duplicated']} duplicated, "
            f"recovered in {results.duration(row['recovered_ms'])}"
            + (f"; {row['reason']}" if row["reason"] else ""))
        if engine.interrupted:
            break
        if row["verdict"] != "passed" and number < len(chosen):
            # The next cell must not be judged by what this one left behind.
            engine.call("down")
            engine.up()
    return rows


def main(words):
    options = parse(words)
    settings = matrix.Settings(outage=options.outage, rate=options.rate, within=options.within)
    engine = None
    started = False
    try:
        chosen = matrix.choose([word.strip() for word in options.only.split(",") if word.strip()])
        if options.list:
            for cell in chosen:
                print(f"{cell.name:<26} {matrix.FAULTS[cell.fault]}")
            return 0
        engine = Engine(options.stormlog, options.stack, options.home)
        book = Book(book_folder(options), settings, options.resume)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, engine.stop)
        started = engine.up()
        rows = [] if engine.interrupted else run_cells(engine, chosen, settings, book)
    except (Trouble, ValueError) as trouble:
        say(f"error: {trouble}")
        return USAGE
    finally:
        if started:
            engine.call("down")
    for form, name in (("json", "matrix-table.json"), ("markdown", "matrix-table.md")):
        (book.folder / name).write_text(results.FORMATS[form](rows))
    print(results.FORMATS[options.format](rows), end="")
    say(f"results in {book.folder}")
    return results.CODES["aborted" if engine.interrupted else results.worst(rows)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
