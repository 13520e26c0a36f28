"""The measures: each takes its figure once, for one system. run.py takes them in rounds."""

import json
import time
import uuid

import stack
from stack import Failed

SECONDS, WARM_UP = 5.0, 2.0


class Usage:
    """Processor time of each process over a span, by name."""

    def __init__(self, pids):
        self.pids = pids
        self.before = {name: stack.cpu_of(pid) for name, pid in pids.items()}

    def per_event(self, events):
        """Microseconds."""
        return {name: (stack.cpu_of(pid) - self.before[name]) / events * 1e6
                for name, pid in self.pids.items()}


def check(result, expected):
    """A figure of anything but the expected answers is none."""
    others = {code: n for code, n in result["status"].items() if code != str(expected)}
    if others or result["broken"] or not result["requests"]:
        raise Failed(f"answers {result['status']}, {result['broken']} broken connections")


def acknowledged(system, batch, rate=0, connections=100):
    """F1, F2: events a second until Kafka has acknowledged them."""
    usage = Usage(system.pids())
    result = stack.load(system.port, system.body(batch), system.path, system.content_type,
                        connections=connections, rate=rate, warm_up=WARM_UP, seconds=SECONDS)
    check(result, system.accepts)
    events = result["per_second"] * batch
    span = WARM_UP + SECONDS  # the processes' time has the warm-up in it, too
    cpu = usage.per_event(events * span)
    cpu["client"] = result["client_cpu"] / events * 1e6
    return {"events_per_second": events, "p50_us": result["p50_us"], "p99_us": result["p99_us"],
            "cpu_us_per_event": cpu}


def durable(system, batch=100):
    """F2: from the first event sent to the last row, over all of them."""
    before = system.stored()
    usage = Usage(system.pids())
    begin = time.monotonic()
    result = stack.load(system.port, system.body(batch), system.path, system.content_type,
                        warm_up=0, seconds=WARM_UP + SECONDS)
    check(result, system.accepts)
    # What was under way when the client stopped counting is stored, too.
    counted = result["requests"] * batch
    last, still = before, time.monotonic()
    took = 0.0
    while time.monotonic() - still < 1.5:
        if (now := system.stored()) > last:
            last, still = now, time.monotonic()
            took = still - begin
        time.sleep(0.05)
    events = last - before
    if events < counted:
        raise Failed(f"{events} rows of {counted} acknowledged events")
    return {"events_per_second": events / took, "acknowledged_per_second": result["per_second"] * batch,
            "cpu_us_per_event": usage.per_event(events)}


def refused(system, rate=5000):
    """F4: answers while the breaker is open, from the time each request was due."""
    result = stack.load(system.port, system.body(1), system.path, system.content_type, rate=rate,
                        warm_up=WARM_UP, seconds=SECONDS)
    check(result, 503)
    return {key: result[key] for key in ("per_second", "p50_us", "p99_us", "p999_us", "max_us")}


def breakers(port):
    """State of each breaker of a service, by name; empty where it does not answer."""
    status, text = stack.get(port, "/admin/breakers")
    return {one["name"]: one["state"] for one in json.loads(text)["breakers"]} if status == 200 else {}


def send_one():
    """A fresh event that Kafka has acknowledged; its id."""
    event = str(uuid.uuid4())
    body = b'{"id":"%s","service":"recovery","body":"back"}' % event.encode()
    status, _ = stack.request(stack.GATEWAY, "POST", "/api/v1/logs", body)
    return event if status == 202 else None


def settle(count, quiet=1.0):
    """Waits until `count()` has stayed the same for so long; what it is then."""
    last, since = count(), time.monotonic()
    while time.monotonic() - since < quiet:
        time.sleep(0.1)
        if (now := count()) != last:
            last, since = now, time.monotonic()
    return last
