"""Who may do what at a gateway with a tokens file, as curl sees it."""

import http.client
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

from security_support import (EVENT, FORMS, LOKI, OTLP, Observed, Traffic, curl, entry, eventually, replace,
                              token_of)
from ingest_support import free_port, gateway

PROGRAM = sys.argv.pop(1)
TOKENS = (entry("reader", "read") + entry("writer", "write") + entry("ops", "admin") +
          entry("slow", "write", "  rate: 0.1/s\n  burst: 10\n"))


class TokensTest(Observed, unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.file = self.path / "tokens.yaml"
        self.file.write_text(TOKENS)

    def start(self, *options):
        log = (self.path / "log").open("wb")
        self.addCleanup(log.close)
        running = gateway(PROGRAM, "--tokens-file", str(self.file), *options, log=log)
        self.url, self.producer = running.__enter__()
        self.addCleanup(running.__exit__, None, None, None)

    def fetch(self, path):
        return curl(self.url + path)

    def post(self, token, path="/api/v1/logs", body=EVENT):
        return curl(self.url + path, body=body, token=token)

    def test_each_api_asks_for_write_and_refuses_in_its_own_form(self):
        self.start()
        for path, body, good in FORMS:
            with self.subTest(path=path):
                self.assertEqual(self.post(token_of("writer"), path, body).status, good)
                missing = self.post(None, path, body)
                self.assertEqual(missing.status, 401)
                self.assertEqual(missing.fields["www-authenticate"], 'Bearer realm="stormlog"')
                unknown = self.post("nonsense", path, body)
                self.assertEqual(unknown.status, 401)
                self.assertIn('error="invalid_token"', unknown.fields["www-authenticate"])
                wrong = self.post(token_of("reader"), path, body)
                self.assertEqual(wrong.status, 403)
                self.assertIn('scope="write"', wrong.fields["www-authenticate"])
        self.assertEqual(json.loads(self.post(None).body)["status"], 401)
        self.assertEqual(json.loads(self.post(None, "/v1/logs", OTLP).body)["code"], 16)  # UNAUTHENTICATED
        self.assertEqual(json.loads(self.post(token_of("ops"), "/v1/logs", OTLP).body)["code"], 7)
        self.assertIn("text/plain", self.post(None, "/loki/api/v1/push", LOKI).fields["content-type"])
        self.assertEqual(len(self.producer.take()), len(FORMS))
        self.see_metric('ingest_rejected_total{reason="unauthorized"} 9')
        self.see_metric('ingest_rejected_total{reason="forbidden"} 4')

    def test_a_used_up_quota_is_429_with_the_time_to_wait(self):
        self.start()
        self.assertEqual(self.post(token_of("slow"), body=f"[{','.join([EVENT] * 8)}]").status, 202)
        late = self.post(token_of("slow"), body=f"[{','.join([EVENT] * 10)}]")
        self.assertEqual(late.status, 429)
        self.assertEqual(late.fields["content-type"], "application/problem+json")
        self.assertGreaterEqual(int(late.fields["retry-after"]), 1)
        self.assertLessEqual(int(late.fields["retry-after"]), 80)
        self.assertEqual(self.post(token_of("slow"), body=f"[{','.join([EVENT] * 11)}]").status, 413)
        self.assertEqual(self.post(token_of("writer"), body=f"[{','.join([EVENT] * 11)}]").status, 202)
        self.see_metric('ingest_rejected_total{reason="quota"} 1')
        # What was refused is nowhere.
        self.assertEqual(len(self.producer.take()), 8 + 11)

    def test_a_quota_is_told_to_otlp_and_loki_clients_too(self):
        self.file.write_text(entry("slow", "write", "  rate: 0.001/s\n  burst: 1\n"))
        self.start()
        self.assertEqual(self.post(token_of("slow")).status, 202)
        for path, body, _ in FORMS:
            answer = self.post(token_of("slow"), path, body)
            self.assertEqual(answer.status, 429, path)
            self.assertGreater(int(answer.fields["retry-after"]), 1, path)

    def test_reads_need_read_and_admin_needs_admin(self):
        self.start()
        for path, right in [("/api/v1/logs?limit=1", "reader"), ("/admin/breakers", "ops"), ("/admin/dlq", "ops")]:
            for name in ["reader", "writer", "ops"]:
                with self.subTest(path=path, name=name):
                    wanted = 200 if name == right else 403
                    self.assertEqual(curl(self.url + path, token=token_of(name)).status, wanted)
            self.assertEqual(curl(self.url + path).status, 401)
        for path in ["/api/v1/logs/tail", "/admin/breakers/events"]:
            self.assertEqual(curl(self.url + path).status, 401)
        for path in ["/livez", "/readyz", "/metrics", "/openapi.yaml"]:
            self.assertEqual(curl(self.url + path).status, 200)

    def test_a_body_that_nobody_may_send_is_not_waited_for(self):
        self.start()
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as client:
            client.sendall(b"POST /api/v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
                           b"Expect: 100-continue\r\n\r\n")
            answer = b""
            while piece := client.recv(4096):
                answer += piece
        self.assertTrue(answer.startswith(b"HTTP/1.1 401 "), answer)
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.see_metric('ingest_rejected_total{reason="unauthorized"} 1')

    def test_a_changed_file_takes_effect_under_traffic_and_a_bad_one_does_not(self):
        self.start()

        def send():
            answer = self.post(token_of("writer"))
            return None if answer.status == 202 else f"{answer.status} {answer.body}"

        with Traffic(send) as traffic:
            traffic.go_on()
            replace(self.file, TOKENS + entry("new", "write"))
            eventually(lambda: self.post(token_of("new")).status == 202, "the new token does not work")
            replace(self.file, TOKENS + "- name: bad\n")
            self.see_metric('tokens_reloads_total{result="failed"} 1')
            self.assertEqual(self.post(token_of("new")).status, 202)
            traffic.go_on()
        self.assertEqual(traffic.failures, [])
        error, = self.see_log(level="error")
        self.assertIn(f"{self.file}:15", error["reason"])
        replace(self.file, entry("reader", "read"))
        eventually(lambda: self.post(token_of("writer")).status == 401, "the old token still works")

    def open_stream(self, name):
        connection = http.client.HTTPConnection(*self.url.removeprefix("http://").split(":"), timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", "/admin/breakers/events", headers={"Authorization": f"Bearer {token_of(name)}"})
        answer = connection.getresponse()
        self.assertEqual(answer.readline(), b"event: snapshot\n")
        return answer

    def test_a_stream_ends_once_its_token_is_taken_away(self):
        replace(self.file, TOKENS + entry("second", "admin"))
        self.start()
        taken, kept = self.open_stream("ops"), self.open_stream("second")
        replace(self.file, entry("second", "admin"))
        taken.read()  # to its end
        while kept.readline() != b": heartbeat\n":
            self.assertFalse(kept.isclosed())

    def test_the_gateway_has_a_token_of_its_own_for_those_behind_it(self):
        self.start("--upstream-token", "gateways-own-token")
        self.producer.token = "gateways-own-token"
        self.assertEqual(self.post(token_of("writer")).status, 202)
        self.assertEqual(curl(self.url + "/api/v1/logs", token=token_of("reader")).status, 200)
        self.assertEqual({headers["Authorization"] for _, headers in self.producer.seen},
                         {"Bearer gateways-own-token"})
        # Another one than the producer wants: not stored, and no client's fault.
        self.producer.token = "changed"
        self.assertEqual(self.post(token_of("writer")).status, 503)

    def test_without_it_reads_carry_the_clients_own(self):
        self.start()
        self.assertEqual(curl(self.url + "/api/v1/logs", token=token_of("reader")).status, 200)
        self.assertEqual(self.post(token_of("writer")).status, 202)
        found = {path: headers["Authorization"] for path, headers in self.producer.seen}
        self.assertEqual(found, {"/api/v1/logs": f"Bearer {token_of('reader')}", "/internal/v1/batch": None})

    def test_logs_name_the_token_and_never_show_it(self):
        self.start("--access-log", "all")
        url = self.url + "/admin/breakers/log-producer"
        self.assertEqual(curl(url, body='{"action":"reset"}', token=token_of("ops")).status, 200)
        self.assertEqual(curl(url, body='{"action":"reset"}', token=token_of("reader")).status, 403)
        self.assertEqual(curl(self.url + "/admin/dlq/replay", body="{}", token=token_of("ops")).status, 200)
        self.assertEqual(self.post("slt_unknown-token").status, 401)
        audits = self.see_log(3, msg="audit")
        self.assertEqual([(line["token"], line["result"]) for line in audits],
                         [("ops", "closed"), ("reader", "refused"), ("ops", "200")])
        access = [line["token"] for line in self.see_log(4, msg="access", method="POST")]
        self.assertEqual(access, ["ops", "reader", "ops", ""])
        text = (self.path / "log").read_text()
        self.assertNotIn("the-token-of", text)
        self.assertNotIn("slt_unknown", text)

    def test_a_new_token_is_made_and_its_entry_appended(self):
        made = subprocess.run([PROGRAM, "--new-token", "fresh:write"], capture_output=True, text=True,
                              timeout=60, check=True)
        with self.file.open("a") as file:
            file.write(made.stdout)
        token = made.stderr.split()[-1]
        self.assertNotIn(token, made.stdout)
        self.start()
        self.assertEqual(self.post(token).status, 202)
        bad = subprocess.run([PROGRAM, "--new-token", "fresh"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((bad.returncode, bad.stdout), (2, ""))
        self.assertIn("shop:write", bad.stderr)


class StartTest(unittest.TestCase):
    def run_gateway(self, *options):
        done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    def test_a_bad_tokens_file_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "tokens.yaml"
            code, error = self.run_gateway("--tokens-file", str(file))
            self.assertEqual(code, 2)
            self.assertIn(str(file), error)
            file.write_text("- name: shop\n  sha256: abc\n  scopes: [write]\n")
            code, error = self.run_gateway("--tokens-file", str(file))
            self.assertEqual(code, 2)
            self.assertIn(f"{file}:2", error)

    def test_without_credentials_other_machines_may_not_reach_it(self):
        code, error = self.run_gateway("--listen", f"0.0.0.0:{free_port()}")
        self.assertEqual(code, 1)
        self.assertIn("tokens-file", error)


if __name__ == "__main__":
    unittest.main()
