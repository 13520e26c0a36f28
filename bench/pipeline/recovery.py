"""F5: a dependency is killed, its breaker opens, it is started again. Measured from when it answers again to
the closed breaker, and to the first event that goes the whole way through it."""

import statistics
import time

import measures
import stack
import systems
from stack import Failed

OUTAGE = 3.0  # seconds: long enough for every breaker to be open
ON_ITS_WAY = 1.0  # seconds an event is waited for before another one is sent

# Name of a dependency: the port of the service whose breaker watches it, and that breaker.
WATCHED = {"postgresql": (stack.CONSUMER, "postgresql"), "redis": (stack.CONSUMER, "redis"),
           "kafka": (stack.PRODUCER, "kafka"), "log-producer": (stack.GATEWAY, "log-producer")}
PORTS = {"postgresql": 15432, "redis": 16379, "kafka": 9092, "log-producer": stack.PRODUCER}


def flows(dependency):
    """An event sent now arrives where the dependency is on its way."""
    event = measures.send_one()
    if event is None:
        return False
    if dependency in ("kafka", "log-producer"):
        return True
    # Acknowledged is not stored: it is on its way for some time.
    try:
        stack.wait_for("the event", lambda: stack.get(stack.GATEWAY, f"/api/v1/logs/{event}")[0] == 200,
                       seconds=ON_ITS_WAY, pause=0.003)
    except Failed:
        return False
    return True


def outage(dependency, system):
    """One try: milliseconds from the return to a closed breaker, and to work that flows."""
    port, breaker = WATCHED[dependency]

    def is_closed():
        return measures.breakers(port).get(breaker) == "closed"

    stack.wait_for(f"{dependency}: closed before the outage", is_closed)
    stack.wait_for(f"{dependency}: flowing before the outage", lambda: flows(dependency))
    if dependency == "log-producer":
        system.programs[0].kill()
        stack.wait_for("its breaker opens", lambda: not is_closed(), OUTAGE)
        time.sleep(OUTAGE)
        system.programs[0] = stack.producer()
    else:
        stack.stormlog("inject", "service_kill", "--target", dependency, "--for", f"{OUTAGE}s", "--ttl", "60s")
        stack.wait_for(f"{dependency}'s breaker opens", lambda: not is_closed(), OUTAGE)
        stack.wait_for(f"{dependency} returns", lambda: stack.listens(PORTS[dependency]), pause=0.002)
    back = time.monotonic()
    stack.wait_for(f"{dependency}: closed again", is_closed, pause=0.003)
    closed = time.monotonic()
    stack.wait_for(f"{dependency}: flowing again", lambda: flows(dependency), pause=0.003)
    return (closed - back) * 1000, (time.monotonic() - back) * 1000


def measure(report, args):
    system = systems.Stormlog().start(with_consumer=True)
    # Under traffic: a breaker that sees no call has nothing to open for, and nothing to close for.
    load = stack.background_load(system.port, system.body(1), rate=500)
    try:
        for dependency in WATCHED:
            tries = []
            try:
                for _ in range(args.tries):
                    tries.append(outage(dependency, system))
            except Failed as why:
                report.failed("recovery", dependency, why)
                continue
            flowing = sorted(one[1] for one in tries)
            report.add("recovery", dependency, {
                "closed_p50_ms": statistics.median(one[0] for one in tries),
                "flows_p50_ms": statistics.median(flowing),
                "flows_p99_ms": flowing[min(len(flowing) - 1, int(len(flowing) * 0.99))],
                "tries": float(len(tries))})
    finally:
        load.kill()
        load.wait()
        system.stop()
