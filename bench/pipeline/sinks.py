"""F3: how fast a preloaded topic becomes rows. Each system reads the same topic from its beginning."""

import time

import stack
import systems
from measures import Usage, settle
from stack import Failed

# The columns and indexes of logs, named as the fields of a record are: a sink maps one to the other. The
# Spring listener fills all of them. Debezium's sink cannot take objects, and leaves those to their defaults.
PEER_TABLE = """
DROP TABLE IF EXISTS bench_peer;
CREATE TABLE bench_peer (
  id uuid PRIMARY KEY, ts timestamptz NOT NULL DEFAULT now(), timestamp bigint NOT NULL,
  observed_timestamp bigint NOT NULL, service text NOT NULL,
  severity_number smallint NOT NULL CHECK (severity_number BETWEEN 0 AND 24), severity_text text NOT NULL,
  body text NOT NULL, body_is_json boolean NOT NULL DEFAULT false, trace_id text, span_id text,
  trace_flags smallint NOT NULL DEFAULT 0, event_name text, attributes jsonb NOT NULL DEFAULT '{}',
  resource jsonb NOT NULL DEFAULT '{}', scope jsonb NOT NULL DEFAULT '{}',
  kafka_partition integer NOT NULL DEFAULT 0, kafka_offset bigint NOT NULL DEFAULT 0,
  stored_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX ON bench_peer (timestamp, id);
CREATE INDEX ON bench_peer (service, timestamp, id);
CREATE INDEX ON bench_peer USING hash (trace_id) WHERE trace_id IS NOT NULL"""


def preload(seconds):
    """Fills the topic through the gateway; how many events are in it."""
    system = systems.Stormlog().start()
    try:
        stack.load(system.port, system.body(100), warm_up=0, seconds=seconds)
        return settle(lambda: int(stack.metric(stack.PRODUCER, "log_events_sent_success")))
    finally:
        system.stop()


def wait_until_stored(count, events, trouble, pause, seconds=150.0):
    begin = time.monotonic()
    while (seen := count()) < events:
        check(begin, seconds, seen, events, trouble)
        time.sleep(pause)


def check(begin, seconds, seen, events, trouble):
    if why := trouble():
        raise Failed(why[:500])
    if time.monotonic() - begin > seconds:
        raise Failed(f"{seen} of {events} after {seconds:.0f} s")


def rows(table):
    return int(stack.sql(f"SELECT count(*) FROM {table}"))


def empty():
    # The first consumer makes the tables.
    if stack.sql("SELECT to_regclass('logs') IS NOT NULL") == "t":
        stack.sql("TRUNCATE logs, consumer_offsets, dead_letters; CHECKPOINT")


def consumer_round(number, events, path):
    empty()
    usage = Usage(stack.store_pids())
    program = stack.consumer("logs", f"bench-{number}-{time.time_ns()}", "--cache-bytes", "0", program=path)
    try:
        def processed():
            return int(stack.metric(stack.CONSUMER, "log_events_processed"))

        while (first := processed()) == 0:
            time.sleep(0.01)
        begin = time.monotonic()
        wait_until_stored(processed, events, str, 0.02)
        rate = (events - first) / (time.monotonic() - begin)
        if (stored := rows("logs")) != events:
            raise Failed(f"{stored} rows of {events}")
        cpu = usage.per_event(events)
        cpu["log-consumer"] = program.cpu() / events * 1e6
        return {"rows_per_second": rate, "cpu_us_per_event": cpu}
    finally:
        program.stop()


def copy_round(events):
    file = stack.HOME / "data/bench-rows"
    stack.sql(f"\\copy (SELECT * FROM logs) TO '{file}' (FORMAT binary)")
    empty()
    begin = time.monotonic()
    stack.sql(f"\\copy logs FROM '{file}' (FORMAT binary)")
    took = time.monotonic() - begin
    file.unlink()
    return {"rows_per_second": events / took}


def peer_round(system, events):
    stack.sql("TRUNCATE bench_peer; CHECKPOINT")
    usage = Usage(system.pids())
    system.read_again()
    # Counting costs the database time: seldom. Each row has its own time.
    wait_until_stored(lambda: rows("bench_peer"), events, system.trouble, 0.7)
    rate = events / float(stack.sql(
        "SELECT extract(epoch FROM max(stored_at) - min(stored_at)) FROM bench_peer"))
    return {"rows_per_second": rate, "cpu_us_per_event": usage.per_event(events)}


def measure(report, args):
    events = preload(3.0)
    print(f"  sink: {events:,} events in the topic", flush=True)
    consumers = {"Stormlog": stack.BIN / "log-consumer", **dict(args.consumer)}
    consumer_round("warm", events, stack.BIN / "log-consumer")  # as the peers: files and caches are there
    for number in range(args.rounds):
        for name, path in consumers.items():
            report.add("sink", name, consumer_round(number, events, path))
        report.add("sink", "raw COPY", copy_round(events))
    empty()
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
