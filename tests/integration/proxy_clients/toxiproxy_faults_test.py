"""The engine's link faults on a real Toxiproxy, named by the stack file as any other proxy."""

import json
import signal
import unittest
import urllib.request

from fault_support import FaultTest
from packages import toxiproxy
from support import free_port


class ToxiproxyTest(FaultTest):
    def setUp(self):
        self.api, self.listen, self.upstream = free_port(), free_port(), free_port()
        self.STACK = f"""services:
{self.web("server", self.upstream)}  proxy:
    command: ["{toxiproxy()}", -port, "{self.api}", -config, proxies.json]
    health: {{http: "http://127.0.0.1:{self.api}/version", start_period: 30s}}
  client: {{command: [sleep, '1000']}}
proxy: {{api: "http://127.0.0.1:{self.api}", service: proxy}}
links:
  to-server: {{client: client, server: server, listen: "127.0.0.1:{self.listen}", upstream: "127.0.0.1:{self.upstream}"}}
  forgotten: {{client: client, server: server, listen: "127.0.0.1:{free_port()}", upstream: "127.0.0.1:{self.upstream}"}}
"""
        super().setUp()

    def write(self, text):
        proxies = [{"name": "to-server", "listen": f"127.0.0.1:{self.listen}",
                    "upstream": f"127.0.0.1:{self.upstream}", "enabled": True}]
        (self.root / "proxies.json").write_text(json.dumps(proxies))
        super().write(text)

    def ask(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.api}{path}", timeout=10) as answer:
            return json.load(answer)

    def assert_clean(self):
        """The link is as it was, and nothing else is there."""
        left = self.ask("/proxies")
        self.assertEqual(list(left), ["to-server"])
        self.assertEqual(left["to-server"]["toxics"], [])
        self.assertTrue(left["to-server"]["enabled"])
        self.assertEqual(self.records(), [])
        with urllib.request.urlopen(f"http://127.0.0.1:{self.listen}/", timeout=30) as answer:
            self.assertEqual(answer.status, 200)

    def confirmed(self, fault, *parameters):
        code, seen = self.json("inject", fault, "--target", "to-server", "--for", "50ms", *parameters)
        self.assertEqual((code, seen["effect"]), (0, "confirmed"), seen)
        self.assert_clean()
        return seen["measured"]

    def test_latency(self):
        seen = self.confirmed("network_latency", "delay=40ms")
        self.assertGreaterEqual(seen["upstream"]["least_ms"], 40)
        self.assertGreaterEqual(seen["downstream"]["least_ms"], 40)
        self.assertNotIn("upstream", self.confirmed("network_latency", "delay=40ms", "direction=downstream"))
        self.confirmed("network_latency", "delay=40ms", "jitter=10ms")
        self.assertGreaterEqual(self.confirmed("network_latency", "delay=40ms", "toxicity=0.3")["canaries"], 1)

    def test_bandwidth(self):
        self.confirmed("network_bandwidth", "rate=200KB")

    def test_partition(self):
        self.assertEqual(self.confirmed("network_partition")["upstream"]["arrived"], 0)

    def test_reset(self):
        self.confirmed("network_reset")

    def test_slicer(self):
        self.confirmed("network_slicer", "pause=5ms")

    def test_limit(self):
        self.assertEqual(self.confirmed("network_limit", "bytes=5KB")["bytes"], 5000)

    def test_what_toxiproxy_does_not_have_is_refused_before_anything_is_touched(self):
        for words, named in ((["network_loss"], "the toxic `loss` is unknown to Toxiproxy"),
                             (["network_latency", "distribution=normal"], "`distribution` of a latency"),
                             (["network_latency", "correlation=0.5"], "`correlation` of a latency")):
            process = self.stormlog("inject", *words, "--target", "to-server", "--for", "1s")
            self.assertNotEqual(process.returncode, 0, words)
            self.assertIn(named, process.stderr, words)
            self.assert_clean()

    def test_a_link_that_toxiproxy_does_not_have(self):
        done = self.stormlog("inject", "network_latency", "--target", "forgotten", "--for", "1s")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('has no proxy "forgotten"', done.stderr)
        self.assert_clean()

    def test_the_watchdog_heals_after_an_engine_that_was_killed(self):
        process = self.start("inject", "network_latency", "--target", "to-server", "--for", "60s")
        # The canary's own proxy is there once the fault was measured.
        self.wait_for(lambda: len(self.ask("/proxies")) == 2, "the canary")
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.wait_for(lambda: self.records() == [], "the healing")
        self.assert_clean()


if __name__ == "__main__":
    unittest.main()
