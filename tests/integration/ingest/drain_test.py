"""A gateway that is told to end (SIGTERM) under load answers every request that it was sent."""

import collections
import http.client
import json
import signal
import sys
import threading
import time
import unittest
import uuid

from ingest_support import FakeProducer, start_gateway

PROGRAM = sys.argv.pop(1)
CLIENTS = 20


class Client(threading.Thread):
    """Sends event after event over a kept-alive connection until none can be made."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        self.accepted = []
        self.problems = []

    def run(self):
        while True:
            try:
                self.connection.connect()
            except OSError:
                return  # nothing was sent
            try:
                while self.connection.sock is not None:
                    self.send_one()
            except (OSError, http.client.HTTPException) as error:
                self.problems.append(repr(error))
                self.connection.close()

    def send_one(self):
        event = str(uuid.uuid4())
        self.connection.request("POST", "/api/v1/logs", json.dumps({"id": event, "body": "x"}),
                                {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        answer.read()  # the connection is closed behind it, where the answer says so
        if answer.status == 202:
            self.accepted.append(event)
        else:
            self.problems.append(answer.status)


class DrainTest(unittest.TestCase):
    def test_no_request_is_left_without_its_answer(self):
        producer = FakeProducer()
        producer.delay = 0.003  # so that some are under way at any time
        self.addCleanup(producer.close)
        url, process = start_gateway(PROGRAM, [producer.url])
        self.addCleanup(process.kill)
        clients = [Client(url) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        deadline = time.monotonic() + 60
        while min(len(client.accepted) for client in clients) < 20:
            self.assertLess(time.monotonic(), deadline, [len(c.accepted) for c in clients])
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=60), 0)
        for client in clients:
            client.join(timeout=60)
            self.assertFalse(client.is_alive())
        self.assertEqual([problem for client in clients for problem in client.problems], [])
        accepted = collections.Counter(event for client in clients for event in client.accepted)
        stored = collections.Counter(event["id"] for event in producer.take())
        self.assertEqual(accepted, stored)


if __name__ == "__main__":
    unittest.main()
