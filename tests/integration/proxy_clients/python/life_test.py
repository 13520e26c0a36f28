"""toxiproxy-python: what its users do. See ../clients_test.py."""

import os
import socket
import time
import unittest

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

HOST, PORT = os.environ["PROXY_API"].split(":")
ECHO = os.environ["ECHO"]
PATIENCE = 30


def connect(proxy):
    host, port = proxy.listen.rsplit(":", 1)
    return socket.create_connection((host, int(port)), PATIENCE)


def round_trip(connection, text=b"hello"):
    """Seconds until the text was back."""
    start = time.monotonic()
    connection.sendall(text)
    back = b""
    while len(back) < len(text):
        part = connection.recv(len(text) - len(back))
        if not part:
            raise ConnectionError(f"closed after {back}")
        back += part
    assert back == text, back
    return time.monotonic() - start


class Life(unittest.TestCase):
    def setUp(self):
        self.server = Toxiproxy()
        self.server.update_api_consumer(HOST, int(PORT))
        self.addCleanup(self.server.destroy_all)

    def test_proxies(self):
        self.assertTrue(self.server.running())
        self.assertTrue(self.server.version())
        proxy = self.server.create(upstream=ECHO, name="one")
        self.assertNotEqual(proxy.listen, "127.0.0.1:0")
        self.assertTrue(proxy.enabled)
        with connect(proxy) as connection:
            round_trip(connection)
        self.assertEqual(list(self.server.proxies()), ["one"])
        self.assertEqual(self.server.get_proxy("one").upstream, ECHO)
        self.assertIsNone(self.server.get_proxy("two"))
        self.assertTrue(self.server.destroy(proxy))
        self.assertEqual(self.server.proxies(), {})
        self.assertRaises(ConnectionRefusedError, connect, proxy)

    def test_populate(self):
        made = self.server.populate([{"name": "a", "upstream": ECHO, "listen": "127.0.0.1:0"},
                                     {"name": "b", "upstream": ECHO, "listen": "127.0.0.1:0"}])
        self.assertEqual([one.name for one in made], ["a", "b"])
        for proxy in made:
            with connect(proxy) as connection:
                round_trip(connection)
        same = {"name": "a", "upstream": ECHO, "listen": made[0].listen}
        self.assertEqual(self.server.populate([same]), [])
        moved = self.server.populate([{"name": "b", "upstream": "127.0.0.1:9", "listen": made[1].listen}])
        self.assertEqual(moved[0].listen, made[1].listen)
        self.assertEqual(self.server.get_proxy("b").upstream, "127.0.0.1:9")

    def test_toxics(self):
        proxy = self.server.create(upstream=ECHO, name="one")
        with connect(proxy) as connection:
            proxy.add_toxic(type="latency", attributes={"latency": 100})
            self.assertGreaterEqual(round_trip(connection), 0.1)
            proxy.add_toxic(type="latency", name="there", stream="upstream", toxicity=1,
                            attributes={"latency": 50, "jitter": 0})
            self.assertGreaterEqual(round_trip(connection), 0.15)
            toxics = proxy.toxics()
            self.assertEqual(sorted(toxics), ["latency_downstream", "there"])
            self.assertEqual(toxics["there"].attributes, {"latency": 50, "jitter": 0})
            self.assertEqual(toxics["latency_downstream"].stream, "downstream")
            self.assertTrue(proxy.destroy_toxic("latency_downstream"))
            self.assertIsNone(proxy.get_toxic("latency_downstream"))
            self.assertGreaterEqual(round_trip(connection), 0.05)
            proxy.destroy_toxic("there")
        proxy.add_toxic(type="limit_data", attributes={"bytes": 3})
        with connect(proxy) as connection:
            connection.sendall(b"hello")
            self.assertRaisesRegex(ConnectionError, "hel", round_trip, connection)

    def test_down_and_reset(self):
        proxy = self.server.create(upstream=ECHO, name="one")
        connection = connect(proxy)
        self.addCleanup(connection.close)
        round_trip(connection)
        with proxy.down():
            self.assertEqual(connection.recv(1), b"")
            self.assertRaises(ConnectionRefusedError, connect, proxy)
            self.assertFalse(self.server.get_proxy("one").enabled)
        with connect(proxy) as again:
            round_trip(again)
        proxy.add_toxic(type="timeout", attributes={"timeout": 0})
        proxy.disable()
        self.assertTrue(self.server.reset())
        self.assertEqual(proxy.toxics(), {})
        self.assertTrue(self.server.get_proxy("one").enabled)
        with connect(proxy) as again:
            round_trip(again)

    def test_errors(self):
        proxy = self.server.create(upstream=ECHO, name="one")
        self.assertRaises(ProxyExists, self.server.create, upstream=ECHO, name="one")
        with self.assertRaises(InvalidToxic) as raised:
            proxy.add_toxic(type="latncy")
        self.assertIn("invalid toxic type", str(raised.exception))
        self.assertRaises(InvalidToxic, proxy.add_toxic, type="latency", stream="sideways")
        self.assertRaises(InvalidToxic, proxy.add_toxic, type="latency", attributes={"latency": "long"})
        proxy.add_toxic(type="noop")
        self.assertRaises(ProxyExists, proxy.add_toxic, type="noop")
        self.assertRaises(NotFound, proxy.destroy_toxic, "none")
        self.assertRaises(InvalidToxic, self.server.create, upstream="", name="two")
        self.assertEqual(list(proxy.toxics()), ["noop_downstream"])
        proxy.destroy()
        self.assertRaises(NotFound, proxy.destroy)
        self.assertRaises(NotFound, proxy.toxics)


if __name__ == "__main__":
    unittest.main()
