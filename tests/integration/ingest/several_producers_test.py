"""Several producers behind one gateway: the load goes where it is least."""

import sys
import threading
import unittest
import urllib.request

from ingest_support import FakeProducer, start_gateway

PROGRAM = sys.argv.pop(1)
REQUESTS = 400
CLIENTS = 16


class SeveralProducers(unittest.TestCase):
    def serve(self, *producers):
        for producer in producers:
            self.addCleanup(producer.close)
        url, process = start_gateway(PROGRAM, [producer.url for producer in producers])
        self.addCleanup(process.wait, 60)
        self.addCleanup(process.terminate)
        return url

    def send(self, url):
        """What the requests were answered, from several clients at once."""
        statuses = []

        def client():
            for _ in range(REQUESTS // CLIENTS):
                request = urllib.request.Request(url + "/api/v1/logs", b'{"body":"x"}',
                                                 {"Content-Type": "application/json"})
                with urllib.request.urlopen(request, timeout=60) as answer:
                    statuses.append(answer.status)

        threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return statuses

    def test_both_work_and_the_slow_one_gets_less(self):
        fast, slow = FakeProducer(), FakeProducer()
        slow.delay = 0.2
        url = self.serve(fast, slow)
        self.assertEqual(self.send(url), [202] * REQUESTS)
        taken = [len(producer.take()) for producer in (fast, slow)]
        self.assertEqual(sum(taken), REQUESTS)
        self.assertGreater(taken[1], 0)
        self.assertGreater(taken[0], 2 * taken[1])

    def test_one_that_is_not_there_costs_no_request(self):
        there, away = FakeProducer(), FakeProducer()
        away.close()
        url = self.serve(there, away)
        self.assertEqual(self.send(url), [202] * REQUESTS)
        self.assertEqual(len(there.take()), REQUESTS)


if __name__ == "__main__":
    unittest.main()
