"""What `stormlog proxy` does beyond Toxiproxy: token, seed, events, canaries, state, signals."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from echo import Echo
from transcript import free_port

PROGRAM = os.environ["STORMLOG"]
PATIENCE = 30


class ProxyTest(unittest.TestCase):
    def setUp(self):
        self.echo = Echo()
        self.addCleanup(self.echo.close)
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.api = free_port()
        self.listen = f"127.0.0.1:{free_port()}"

    def start(self, *words, environment=None):
        environment = dict(os.environ, **(environment or {}))
        self.process = subprocess.Popen(
            [PROGRAM, "proxy", "--listen", f"127.0.0.1:{self.api}", *words], env=environment,
            cwd=self.folder, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(self.end, self.process)
        self.until(lambda: self.answers() or self.process.poll() is not None)
        return self.process

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def answers(self):
        with contextlib.suppress(OSError):
            return self.ask("GET", "/version")[0] == 200
        return False

    @staticmethod
    def until(holds):
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise AssertionError("not within half a minute")
            time.sleep(0.01)

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=PATIENCE)
        with contextlib.closing(connection):
            text = body if body is None or isinstance(body, str) else json.dumps(body)
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        with contextlib.suppress(ValueError):
            return answer.status, json.loads(text)
        return answer.status, text

    def make(self, **more):
        body = {"name": "p", "listen": self.listen, "upstream": self.echo.address, **more}
        status, proxy = self.ask("POST", "/proxies", body)
        self.assertEqual(status, 201, proxy)
        return proxy

    def toxic(self, kind, **more):
        return self.ask("POST", "/proxies/p/toxics", {"type": kind, **more})

    def connect(self):
        host, port = self.listen.split(":")
        client = socket.create_connection((host, int(port)), PATIENCE)
        self.addCleanup(client.close)
        return client

    def round_trip(self, client=None):
        client = client or self.connect()
        client.sendall(b"ping")
        return client.recv(4)

    def metric(self, name, **labels):
        _, text = self.ask("GET", "/metrics")
        total = 0.0
        for line in text.splitlines():
            if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total


class OwnToxics(ProxyTest):
    def test_unknown_attributes_are_refused_on_ours_and_named(self):
        self.start()
        self.make()
        status, answer = self.toxic("loss", attributes={"probabilty": 0.1})
        self.assertEqual(status, 400)
        self.assertIn("probabilty", answer["error"])
        self.assertIn('did you mean "probability"?', answer["error"])
        status, answer = self.toxic("latncy")
        self.assertEqual(status, 400)
        self.assertIn('"latncy"', answer["error"])
        status, answer = self.toxic("latency", attributes={"distribution": "flat"})
        self.assertEqual(status, 400)
        self.assertIn("distribution", answer["error"])
        self.assertEqual(self.ask("GET", "/proxies/p/toxics"), (200, []))

    def test_what_would_kill_the_original_is_refused(self):
        self.start()
        self.make()
        for attributes in ({}, {"average_size": 0}, {"average_size": 5, "size_variation": 6}):
            self.assertEqual(self.toxic("slicer", attributes=attributes)[0], 400, attributes)
        for body in ({"type": "latency", "toxicity": 2}, {"type": "latency", "toxicity": -1},
                     {"type": "latency", "attributes": {"latency": -1}}):
            self.assertEqual(self.ask("POST", "/proxies/p/toxics", body)[0], 400, body)

    def test_own_attributes_show_only_where_they_are_set(self):
        self.start()
        self.make()
        _, plain = self.toxic("latency", attributes={"latency": 1})
        self.assertEqual(plain["attributes"], {"latency": 1, "jitter": 0})
        _, own = self.toxic("latency", name="own", attributes={"latency": 1, "distribution": "pareto"})
        self.assertEqual(own["attributes"]["distribution"], "pareto")

    def test_refuse_and_half_open(self):
        self.start()
        self.make()
        self.assertEqual(self.toxic("refuse")[0], 200)
        self.assertRaises(ConnectionRefusedError, self.connect)
        self.assertEqual(self.ask("DELETE", "/proxies/p/toxics/refuse_downstream")[0], 204)
        self.assertEqual(self.round_trip(), b"ping")
        self.assertEqual(self.toxic("half_open")[0], 200)
        client = self.connect()
        client.sendall(b"ping")
        client.settimeout(0.1)
        self.assertRaises(TimeoutError, client.recv, 4)
        client.settimeout(PATIENCE)
        self.assertEqual(self.ask("POST", "/reset")[0], 204)
        self.assertEqual(client.recv(4), b"ping")

    def test_a_thousand_proxies_and_no_more(self):
        self.start("--max-proxies", "2")
        for name in ("a", "b"):
            self.assertEqual(self.ask("POST", "/proxies", {"name": name, "listen": "127.0.0.1:0",
                                                           "upstream": "127.0.0.1:9"})[0], 201)
        status, answer = self.ask("POST", "/proxies", {"name": "c", "upstream": "127.0.0.1:9"})
        self.assertEqual(status, 400)
        self.assertIn("--max-proxies", answer["error"])


class Telling(ProxyTest):
    def test_bytes_are_counted_while_the_connection_lives(self):
        self.start()
        self.make()
        client = self.connect()
        self.round_trip(client)
        self.until(lambda: self.metric("toxiproxy_proxy_sent_bytes_total", direction="downstream") == 4)
        self.toxic("latency", attributes={"latency": 20})
        self.round_trip(client)
        self.until(lambda: self.metric("stormlog_proxy_delay_seconds_count", direction="downstream") == 1)
        self.assertGreaterEqual(self.metric("stormlog_proxy_delay_seconds_sum", direction="downstream"), 0.02)
        self.assertEqual(self.metric("stormlog_proxy_connections", proxy="p"), 1)

    def test_events_tell_what_happens_to_connections(self):
        self.start()
        self.make()
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/events")
        stream = connection.getresponse()
        self.assertEqual(stream.getheader("Content-Type"), "text/event-stream")
        stream.readline()
        client = self.connect()
        self.round_trip(client)
        self.toxic("latency", attributes={"latency": 1})
        self.round_trip(client)
        client.close()
        seen = []
        while len(seen) < 3:
            line = stream.readline().decode().strip()
            if line.startswith("event: "):
                seen.append(line[7:])
                data = json.loads(stream.readline().decode().strip()[6:])
                self.assertEqual((data["proxy"], data["connection"]), ("p", 1))
        self.assertEqual(seen, ["connect", "toxic_on", "close"])
        self.assertEqual((data["reason"], data["upstream_bytes"]), ("client closed", 8))

    def test_a_seed_hits_the_same_connections_again(self):
        def hits(seed):
            self.ask("POST", "/proxies/p", {"seed": seed})
            found = []
            for _ in range(12):
                client = self.connect()
                client.sendall(b"x")
                client.settimeout(PATIENCE)
                found.append(client.recv(1) == b"")
                client.close()
            return found

        self.start("--seed", "5")
        self.make()
        self.toxic("limit_data", toxicity=0.5, attributes={"bytes": 0})
        first = hits(1)
        self.assertEqual(first, hits(1))
        self.assertNotEqual(first, hits(2))
        self.assertIn(True, first)
        self.assertIn(False, first)

    def test_a_canary_goes_to_its_own_upstream_through_the_toxics(self):
        self.start()
        self.make(upstream="127.0.0.1:9")
        self.toxic("latency", attributes={"latency": 30})
        with socket.socket() as client:
            client.bind(("127.0.0.1", 0))
            client.settimeout(PATIENCE)
            name = f"127.0.0.1:{client.getsockname()[1]}"
            body = {"client": name, "upstream": self.echo.address}
            self.assertEqual(self.ask("POST", "/proxies/p/canary", body)[0], 204)
            host, port = self.listen.split(":")
            client.connect((host, int(port)))
            start = time.monotonic()
            client.sendall(b"ping")
            self.assertEqual(client.recv(4), b"ping")
            self.assertGreaterEqual(time.monotonic() - start, 0.03)
        for bad in ({}, {"client": "x", "upstream": "127.0.0.1:1"}, {"client": 1}):
            self.assertEqual(self.ask("POST", "/proxies/p/canary", bad)[0], 400)


class Safety(ProxyTest):
    def test_a_token_is_asked_for(self):
        self.start(environment={"STORMLOG_PROXY_TOKEN": "s3cret"})
        self.assertEqual(self.ask("GET", "/proxies")[0], 401)
        self.assertEqual(self.ask("GET", "/events")[0], 401)
        self.assertEqual(self.ask("GET", "/proxies", Authorization="Bearer wrong")[0], 401)
        self.assertEqual(self.ask("GET", "/proxies", Authorization="Bearer s3cret"), (200, {}))
        self.assertEqual(self.ask("GET", "/version")[0], 200)

    def test_another_address_than_loopback_needs_a_token(self):
        done = subprocess.run([PROGRAM, "proxy", "-host", "0.0.0.0", "-port", str(self.api)],
                              capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--token", done.stderr)

    def test_bad_usage_is_named(self):
        for words, named in ((["--window", "lots"], "lots"), (["--listen", "nowhere"], "nowhere"),
                             (["--config", "missing.json"], "missing.json"),
                             (["--listen", "127.0.0.1:1", "--port", "2"], "--listen"),
                             (["--seed", "-1"], "--seed"), (["--confg", "x"], "--config")):
            done = subprocess.run([PROGRAM, "proxy", "--port", str(self.api), *words] if "--port" not in words
                                  and "--listen" not in words else [PROGRAM, "proxy", *words],
                                  capture_output=True, text=True, timeout=PATIENCE, cwd=self.folder,
                                  stdin=subprocess.DEVNULL)
            self.assertIn(done.returncode, (1, 2), words)
            self.assertIn(named, done.stderr, words)


class Life(ProxyTest):
    def config(self, *names):
        proxies = [{"name": name, "listen": "127.0.0.1:0", "upstream": self.echo.address} for name in names]
        (self.folder / "proxies.json").write_text(json.dumps(proxies))

    def test_a_configuration_file_as_toxiproxy_has_it(self):
        self.config("a", "b")
        self.start("-config", "proxies.json")
        self.assertEqual(sorted(self.ask("GET", "/proxies")[1]), ["a", "b"])
        self.make()
        self.config("b", "c")
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: sorted(self.ask("GET", "/proxies")[1]) == ["b", "c", "p"])

    def test_a_bad_configuration_changes_nothing_at_a_reload(self):
        self.config("a")
        self.start("--config", "proxies.json")
        (self.folder / "proxies.json").write_text('[{"name": "b"}]')
        self.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        self.assertEqual(sorted(self.ask("GET", "/proxies")[1]), ["a"])

    def test_a_proxy_that_died_comes_back_as_it_was(self):
        self.start("--state", "state.json")
        before = self.make(seed=9)
        self.toxic("latency", toxicity=0.5, attributes={"latency": 3, "distribution": "normal"})
        self.ask("POST", "/proxies", {"name": "off", "listen": "127.0.0.1:0", "upstream": "x:1", "enabled": False})
        everything = self.ask("GET", "/proxies")
        self.process.kill()
        self.process.wait()
        self.start("--state", "state.json")
        self.assertEqual(self.ask("GET", "/proxies"), everything)
        self.assertEqual(everything[1]["p"]["seed"], before["seed"])
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.assertFalse((self.folder / "state.json").exists(), "an orderly end leaves nothing")

    def test_a_damaged_state_is_named_and_kept(self):
        (self.folder / "state.json").write_text("{")
        process = self.start("--state", "state.json")
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertIn("state.json", process.stderr.read())
        self.assertEqual((self.folder / "state.json").read_text(), "{")

    def test_sigterm_lets_connections_end(self):
        self.start("--drain-timeout", "20s")
        self.make()
        client = self.connect()
        self.round_trip(client)
        self.process.terminate()
        self.until(lambda: self.refuses())
        self.assertEqual(self.round_trip(client), b"ping")
        self.assertIsNone(self.process.poll())
        client.close()
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def refuses(self):
        try:
            self.connect().close()
            return False
        except ConnectionResetError:
            return False  # it came in as the port was closed
        except ConnectionRefusedError:
            return True


if __name__ == "__main__":
    unittest.main()
