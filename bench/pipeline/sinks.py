"""F3: how fast a preloaded topic becomes rows. Each system reads the same topic from its beginning."""

import time

import stack
import systems
from stack import Failed

# What the peers store: the fields that Debezium's sink can map, with as many indexes as logs has.
PEER_TABLE = """
DROP TABLE IF EXISTS bench_peer;
CREATE TABLE bench_peer (id uuid PRIMARY KEY, timestamp bigint NOT NULL, service text,
  severity_number smallint, severity_text text, body text);
CREATE INDEX ON bench_peer (timestamp DESC, id DESC);
CREATE INDEX ON bench_peer (service, timestamp DESC, id DESC)"""


def preload(seconds):
    """Fills the topic through the gateway; how many events are in it."""
    system = systems.Stormlog().start()
    try:
        result = stack.load(system.port, system.body(100), warm_up=0, seconds=seconds)
        time.sleep(1)
        return int(stack.metric(stack.PRODUCER, "log_events_sent_success")), result
    finally:
        system.stop()


def rate_of(count, events, trouble, seconds=150.0):
    """Rows a second from the first that is seen to the last."""
    begin = time.monotonic()
    while (seen := count()) == 0:
        check(begin, seconds, seen, events, trouble)
        time.sleep(0.02)
    first, since = seen, time.monotonic()
    while (seen := count()) < events:
        check(begin, seconds, seen, events, trouble)
        time.sleep(0.1)
    return (events - first) / (time.monotonic() - since)


def check(begin, seconds, seen, events, trouble):
    if why := trouble():
        raise Failed(why[:500])
    if time.monotonic() - begin > seconds:
        raise Failed(f"{seen} of {events} after {seconds:.0f} s")


def rows(table):
    return lambda: int(stack.sql(f"SELECT count(*) FROM {table}"))


def consumer_round(number, events):
    stack.sql("TRUNCATE logs, consumer_offsets, dead_letters; CHECKPOINT")
    program = stack.consumer("logs", f"bench-{number}-{time.time_ns()}", "--cache-bytes", "0")
    try:
        rate = rate_of(lambda: int(stack.metric(stack.CONSUMER, "log_events_processed")), events, str)
        if (stored := rows("logs")()) != events:
            raise Failed(f"{stored} rows of {events}")
        return {"rows_per_second": rate, "cpu_us_per_event": {"log-consumer": program.cpu() / events * 1e6}}
    finally:
        program.stop()


def copy_round(events):
    file = stack.HOME / "data/bench-rows"
    stack.sql(f"\\copy logs TO '{file}' (FORMAT binary)")
    stack.sql("TRUNCATE logs, consumer_offsets, dead_letters; CHECKPOINT")
    begin = time.monotonic()
    stack.sql(f"\\copy logs FROM '{file}' (FORMAT binary)")
    took = time.monotonic() - begin
    file.unlink()
    return {"rows_per_second": events / took}


def peer_round(system, events):
    stack.sql("TRUNCATE bench_peer; CHECKPOINT")
    before = {name: stack.cpu_of(pid) for name, pid in system.pids().items()}
    system.read_again()
    rate = rate_of(rows("bench_peer"), events, system.trouble)
    cpu = {name: (stack.cpu_of(pid) - before[name]) / events * 1e6 for name, pid in system.pids().items()}
    return {"rows_per_second": rate, "cpu_us_per_event": cpu}


def measure(report, args):
    events, _ = preload(2.0)
    print(f"  sink: {events:,} events in the topic", flush=True)
    for number in range(args.rounds):
        report.add("sink", "Stormlog", consumer_round(number, events))
        report.add("sink", "raw COPY", copy_round(events))
    stack.sql("TRUNCATE logs")
    for make, name in ((systems.Connect, "kafka-connect"), (systems.SpringListener, "spring")):
        if name in args.without.split(","):
            continue
        system = make()
        try:
            stack.sql(PEER_TABLE)
            system.start()
        except Failed as why:
            report.failed("sink", system.name, why)
            continue
        try:
            peer_round(system, events)  # warm
            for _ in range(args.rounds):
                report.add("sink", system.name, peer_round(system, events))
        except Failed as why:
            report.failed("sink", system.name, why)
        finally:
            system.stop()
