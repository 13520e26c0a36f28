"""What is measured: Stormlog, and the peers of bench/peers, each as the processes that it is."""

import os
import pathlib
import subprocess

import payloads
import stack
from stack import Failed, Program

PEERS = stack.ROOT / "bench/peers/peers.sh"
JAVA = ["java", "-Xms256m", "-Xmx768m", "-XX:+UseG1GC", "-XX:-UsePerfData"]


def folder_of(peer):
    done = subprocess.run([PEERS, "--where", peer], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"peer missing: {done.stderr.strip()}")
    return pathlib.Path(done.stdout.strip())


class System:
    """Takes events over HTTP. Started once, measured in each round."""
    path, content_type, accepts = "/api/v1/logs", "application/json", 202
    # Seconds of load before the first figure: for the page cache, and for JIT compilers, of which Kafka's
    # take an eighth of the machine until then.
    warm_up = 62.0

    def __init__(self):
        self.programs = []

    def body(self, batch):
        return payloads.stormlog(batch)

    def pids(self):
        return {**{one.name: one.process.pid for one in self.programs}, **stack.store_pids()}

    def warm(self, batch, rate=0):
        stack.load(self.port, self.body(batch), self.path, self.content_type, rate=rate, warm_up=0,
                   seconds=self.warm_up)

    def stop(self):
        for one in reversed(self.programs):
            one.stop()
        self.programs = []


class Stormlog(System):
    name, port = "Stormlog", stack.GATEWAY

    def start(self, with_consumer=False):
        self.programs.append(stack.producer())
        if with_consumer:
            self.programs.append(stack.consumer())
        self.programs.append(stack.gateway())
        return self

    def stored(self):
        return int(stack.metric(stack.CONSUMER, "log_events_processed"))


class Collector(System):
    name, port = "OpenTelemetry Collector", 24318
    path, content_type, accepts = "/v1/logs", "application/x-protobuf", 200

    def start(self):
        folder = folder_of("collector")
        self.programs.append(Program("collector", [folder / "collector", "--config",
                                                   folder / "config.yaml"], self.port, None))
        return self

    def body(self, batch):
        return payloads.otlp(batch)


class Spring(System):
    name, port = "Spring Cloud Gateway + Boot", 28880

    def start(self):
        folder = folder_of("spring")
        for part, port in (("producer", 28881), ("gateway", 28880)):
            self.programs.append(Program(f"spring-{part}", [*JAVA, "-jar", folder / f"{part}.jar"],
                                         port, None))
        return self


def password():
    return pathlib.Path(stack.HOME / "data/postgresql/pgpass").read_text().strip().split(":")[-1]


class Connect:
    """Kafka Connect with Debezium's JDBC sink, two tasks. One worker, a connector for each reading."""
    name, port = "Kafka Connect + Debezium", 28883

    def start(self):
        folder = folder_of("kafka-connect")
        self.work = pathlib.Path(stack.HOME / "data/bench-connect")
        self.work.mkdir(parents=True, exist_ok=True)
        (self.work / "offsets").unlink(missing_ok=True)
        schema = " ".join((folder / "value-schema.json").read_text().split())
        text = (folder / "worker.properties").read_text()
        for name, value in (("PLUGINS", folder / "plugins"), ("WORK", self.work), ("SCHEMA", schema)):
            text = text.replace("${%s}" % name, str(value))
        (self.work / "worker.properties").write_text(text)
        self.program = Program(
            "kafka-connect", [*JAVA, f"-Dlog4j2.configurationFile={folder}/log4j2.properties", "-cp",
                              f"{folder}/runtime/*", "org.apache.kafka.connect.cli.ConnectStandalone",
                              self.work / "worker.properties"], self.port, "/connectors")
        self.round = 0
        return self

    def pids(self):
        return {"kafka-connect": self.program.process.pid}

    def read_again(self):
        if self.round:
            stack.request(self.port, "DELETE", f"/connectors/sink-{self.round}")
        self.round += 1
        # Its batches are rewritten into statements of many rows by the driver. A password is only
        # given over loopback, to a database of the benchmark's own.
        url = ("jdbc:postgresql://127.0.0.1:15432/stormlog?reWriteBatchedInserts=true"
               "&stringtype=unspecified")
        status, text = stack.request(self.port, "PUT", f"/connectors/sink-{self.round}/config", {
            "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector", "tasks.max": "2",
            "topics": "logs", "connection.url": url, "connection.username": "stormlog",
            "connection.password": password(), "insert.mode": "insert", "primary.key.mode": "none",
            "schema.evolution": "none", "collection.name.format": "bench_peer", "batch.size": "5000"})
        if status not in (200, 201):
            raise Failed(f"connector: {status} {text[:500]}")

    def trouble(self):
        _, text = stack.get(self.port, f"/connectors/sink-{self.round}/status")
        return text if "FAILED" in text else ""

    def stop(self):
        self.program.stop()


class SpringListener:
    name = "Spring batch listener"

    def start(self):
        folder = folder_of("spring")
        self.log = open(stack.HOME / "data/bench-spring-listener.log", "w")
        self.process = subprocess.Popen(
            [*map(str, JAVA), "-jar", folder / "listener.jar"], stdin=subprocess.PIPE,
            stdout=self.log, stderr=self.log, text=True,
            env=dict(os.environ, POSTGRES_PASSWORD=password()))
        self.first = True
        return self

    def pids(self):
        return {"spring-listener": self.process.pid}

    def read_again(self):
        if not self.first:
            self.process.stdin.write("again\n")
            self.process.stdin.flush()
        self.first = False

    def trouble(self):
        return "it ended" if self.process.poll() is not None else ""

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()
