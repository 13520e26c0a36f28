"""The faults on a link, through `stormlog proxy` in front of a small server."""

import contextlib
import json
import os
import signal
import socket
import unittest
import urllib.request

from fault_support import FaultTest
from support import free_port


class LinkTest(FaultTest):
    def setUp(self):
        self.api, self.listen, self.upstream = free_port(), free_port(), free_port()
        self.STACK = f"""services:
{self.web("server", self.upstream)}  proxy:
    command: ["${{bin}}/stormlog", proxy, --stack, "${{stack}}", --links, --listen, "127.0.0.1:{self.api}"]
    health: {{http: "http://127.0.0.1:{self.api}/version", start_period: 30s}}
  client: {{command: [sleep, '1000']}}
proxy: {{api: "http://127.0.0.1:{self.api}", service: proxy}}
links:
  to-server: {{client: client, server: server, listen: "127.0.0.1:{self.listen}", upstream: "127.0.0.1:{self.upstream}"}}
  spared: {{client: client, server: server, listen: "127.0.0.1:{free_port()}", upstream: "127.0.0.1:{self.upstream}", protected: true}}
"""
        super().setUp()

    def toxics(self, proxy="to-server"):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.api}/proxies/{proxy}/toxics") as answer:
            return json.load(answer)

    def confirmed(self, fault, *parameters):
        """Injects it for a moment; what was measured."""
        code, seen = self.json("inject", fault, "--target", "to-server", "--for", "50ms", *parameters)
        self.assertEqual((code, seen["effect"]), (0, "confirmed"), seen)
        self.assertEqual(self.toxics(), [])
        self.assertEqual(self.records(), [])
        return seen["measured"]

    def test_each_fault_is_measured_and_healed(self):
        latency = self.confirmed("network_latency", "delay=40ms")
        self.assertGreaterEqual(latency["upstream"]["least_ms"], 40)
        self.assertGreaterEqual(latency["downstream"]["least_ms"], 40)
        one_way = self.confirmed("network_latency", "delay=40ms", "direction=downstream")
        self.assertNotIn("upstream", one_way)
        self.confirmed("network_latency", "delay=30ms", "jitter=10ms", "distribution=normal")
        self.confirmed("network_bandwidth", "rate=200KB")
        self.assertEqual(self.confirmed("network_partition")["upstream"]["arrived"], 0)
        self.assertTrue(self.confirmed("network_reset")["destination_reset"])
        self.confirmed("network_slicer", "pause=5ms")
        self.assertEqual(self.confirmed("network_limit", "bytes=5KB")["bytes"], 5000)
        self.assertGreater(self.confirmed("network_loss", "probability=0.3", "rto=20ms")["upstream"]["lost"], 0)

    def test_a_share_of_the_connections(self):
        seen = self.confirmed("network_latency", "delay=40ms", "toxicity=0.3")
        self.assertGreaterEqual(seen["canaries"], 1)

    def test_the_link_itself_is_hit(self):
        process = self.start("inject", "network_partition", "--target", "to-server", "--for", "30s")
        self.addCleanup(process.kill)
        self.wait_for(lambda: len(self.toxics()) == 2, "two toxics")
        with socket.create_connection(("127.0.0.1", self.listen), 10) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            client.settimeout(0.2)
            self.assertRaises(TimeoutError, client.recv, 1)
            self.assertEqual(self.stormlog("heal", "--all").returncode, 0)
            client.settimeout(30)
            self.assertEqual(client.recv(4), b"HTTP")
        self.assertEqual(self.toxics(), [])

    def test_the_watchdog_heals_after_an_engine_that_was_killed(self):
        process = self.start("inject", "network_latency", "--target", "to-server", "--for", "60s")
        self.wait_for(lambda: len(self.records()) == 1 and len(self.toxics()) == 2, "the fault")
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.wait_for(lambda: self.toxics() == [] and self.records() == [], "the healing")

    def test_what_cannot_be_hit(self):
        for words, named in ((["network_latency", "--target", "server"], '"server" is no link'),
                             (["network_latency", "--target", "to-sever"], 'did you mean "to-server"?'),
                             (["network_latency", "--target", "spared"], "is protected"),
                             (["network_latency", "--target", "to-server", "delay=10"], "delay"),
                             (["network_latency", "--target", "to-server", "direction=left"], "direction"),
                             (["service_kill", "--target", "to-server"], "unknown service")):
            done = self.stormlog("inject", *words, "--for", "1s")
            self.assertNotEqual(done.returncode, 0, words)
            self.assertIn(named, done.stderr, words)
        self.assertEqual(self.toxics(), [])

    def test_without_its_proxy_nothing_is_touched(self):
        self.stormlog("down")
        self.ok("up")
        os.kill(self.pid("proxy"), signal.SIGSTOP)
        try:
            done = self.stormlog("inject", "network_latency", "--target", "to-server", "--for", "1s")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid("proxy"), signal.SIGCONT)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.records(), [])


if __name__ == "__main__":
    unittest.main()
