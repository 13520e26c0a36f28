"""What the matrix consists of: which faults hit which part of the stack, and what must hold.

A cell is one experiment, `FAULT/PART`. All experiments are made here from one template, so that one
cell differs from another by its faults alone.
"""

import dataclasses
import fnmatch
import itertools

STORES = ("kafka", "postgresql", "redis")
SERVICES = ("api-gateway", "log-producer", "log-consumer")
PARTS = STORES + SERVICES

# Both ends of each link of stack.yaml; cells_test.py holds it against the file.
LINKS = {
    "gateway-producer": ("api-gateway", "log-producer"),
    "gateway-consumer": ("api-gateway", "log-consumer"),
    "producer-kafka": ("log-producer", "kafka"),
    "consumer-kafka": ("log-consumer", "kafka"),
    "consumer-postgresql": ("log-consumer", "postgresql"),
    "consumer-redis": ("log-consumer", "redis"),
}

FAULTS = {
    "kill": "kill -9; the supervisor starts it again by its restart policy",
    "pause": "all its processes stand still (SIGSTOP), then go on",
    "reset": "each of its links resets connections: first whatever is sent, then, when all is well "
             "again, only answers, so that what was asked has been done and nobody knows",
    "cut": "no byte passes any of its links, and no connection ends",
    "down": "killed and held down",
}

# The breaker that must open when the part does not answer for long, and who has it. The gateway has
# nobody before it that could, and the consumer nobody that waits for it. With Kafka down nothing
# reaches the other stores, so nobody need notice that they are down, too.
BREAKERS = {
    "kafka": ("kafka", "log-producer"),
    "postgresql": ("postgresql", "log-consumer"),
    "redis": ("redis", "log-consumer"),
    "log-producer": ("log-producer", "api-gateway"),
}

# Stores grow up to what they are given: Kafka to its heap, PostgreSQL by its shared buffers (128 MB),
# Redis by --spill-bytes (256 MB) and --cache-bytes (128 MB). Everything else must stay as it is.
KAFKA_MEMORY = "900MiB"
POSTGRESQL_GROWTH = "200MiB"
REDIS_GROWTH = "400MiB"
FLAT = SERVICES + ("proxy",)
FIRST_FAULT = 4


@dataclasses.dataclass(frozen=True)
class Settings:
    """How long and how much. Seconds; events a second."""
    outage: int = 10
    rate: int = 1000
    batch: int = 5
    concurrency: int = 20
    within: int = 120  # a JVM on a busy machine takes a minute to start
    memory: str = "64MiB"


@dataclasses.dataclass(frozen=True)
class Cell:
    fault: str
    parts: tuple

    @property
    def name(self):
        return f"{self.fault}/{'+'.join(self.parts)}"

    @property
    def slug(self):
        return self.name.replace("/", "-")


def all_cells():
    """The matrix: each fault on each part, and each pair of stores down together."""
    cells = [Cell(fault, (part,)) for fault in ("kill", "pause", "reset", "cut") for part in PARTS]
    cells += [Cell("down", pair) for pair in itertools.combinations(STORES, 2)]
    return cells


def outages():
    """One store down alone: not part of the matrix, for outages that last (--for 10m)."""
    return [Cell("down", (store,)) for store in STORES]


def choose(patterns):
    """The cells that the shell patterns name, in their order; ValueError for one that names none."""
    if not patterns:
        return all_cells()
    known = all_cells() + outages()
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(cell.name, pattern) for cell in known):
            names = ", ".join(cell.name for cell in known)
            raise ValueError(f'no cell is called "{pattern}"; there are {names}')
    return [cell for cell in known
            if any(fnmatch.fnmatchcase(cell.name, pattern) for pattern in patterns)]


def links_of(part):
    return [name for name, ends in LINKS.items() if part in ends]


def method_of(cell, settings):
    """The lines under `method:`."""
    at, outage = FIRST_FAULT, settings.outage
    if cell.fault == "kill":
        return [f"{{at: {at}s, fault: service_kill, target: {part}}}" for part in cell.parts]
    if cell.fault == "pause":
        return [f"{{at: {at}s, fault: service_pause, target: {part}, for: {outage}s}}"
                for part in cell.parts]
    if cell.fault == "down":
        return [f"{{at: {at}s, fault: service_kill, target: {part}, for: {outage}s}}"
                for part in cell.parts]
    links = sorted({link for part in cell.parts for link in links_of(part)})
    if cell.fault == "cut":
        return [f"{{at: {at}s, fault: network_partition, target: {link}, for: {outage}s}}"
                for link in links]
    if cell.fault == "reset":
        # Half of the time for each; between them the system has time to work again, or the second
        # would find no connection with work on it.
        half = max(1, outage // 2)
        again = at + half + 8
        return ([f"{{at: {at}s, fault: network_reset, target: {link}, for: {half}s}}"
                 for link in links] +
                [f"{{at: {again}s, fault: network_reset, target: {link}, direction: downstream, "
                 f"for: {half}s}}" for link in links])
    raise ValueError(cell.fault)


def expectations_of(cell, settings):
    """The lines under `expect:`."""
    lines = ["no_loss", "exactly_once", "ordered",
             f"{{check: recovered, within: {settings.within}s}}", "no_crash"]
    # What is killed is back before a breaker need notice.
    lasts = cell.fault != "kill" and settings.outage >= 8
    noticed = ("kafka",) if "kafka" in cell.parts else cell.parts
    for part in noticed:
        if lasts and part in BREAKERS and cell.fault != "reset":
            name, service = BREAKERS[part]
            lines.append(f"{{check: breaker, name: {name}, service: {service}, "
                         f"opens_within: {settings.outage}s, closes_within: {settings.within}s}}")
    lines.append(f"{{check: memory, services: [{', '.join(FLAT)}], max_growth: {settings.memory}}}")
    lines.append(f"{{check: memory, services: [postgresql], max_growth: {POSTGRESQL_GROWTH}}}")
    lines.append(f"{{check: memory, services: [redis], max_growth: {REDIS_GROWTH}}}")
    lines.append(f"{{check: memory, services: [kafka], max_growth: {KAFKA_MEMORY}, "
                 f"max: {KAFKA_MEMORY}}}")
    return lines


def experiment_of(cell, settings):
    """The experiment file of a cell."""
    method = method_of(cell, settings)
    lines = [
        f"title: {' and '.join(cell.parts)}, {cell.fault}",
        f"hypothesis: Nothing that was acknowledged is lost or doubled, and all is well again by "
        f"itself.",
        "tags: [matrix]",
        "seed: 5",
        f"load: {{rate: {settings.rate}/s, concurrency: {settings.concurrency}, "
        f"batch: {settings.batch}}}",
        "steady_state:",
        '  - {name: gateway ready, probe: http, url: "${gateway}/readyz"}',
        '  - {name: backlog small, probe: prometheus, metrics: "${consumer}/metrics", '
        'query: "sum(kafka_consumer_lag)", expect: {max: 5000}}',
        '  - {name: nothing in Redis, probe: redis, connection: "${redis}", '
        'keys: "stormlog:spill:${topic}:*", expect: {max: 0}}',
        "method:",
        *(f"  - {line}" for line in method),
        "expect:",
        *(f"  - {line}" for line in expectations_of(cell, settings)),
        f"limits: {{max_targets: {len(method)}, ttl: {settings.outage + 60}s}}",
    ]
    return "\n".join(lines) + "\n"
