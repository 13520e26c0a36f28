"""The gateway over TLS, with and without certificates of its clients, while its own are replaced."""

import http.client
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import warnings

from security_support import EVENT, FORMS, Observed, Traffic, curl, entry, eventually, replace, token_of
from ingest_support import free_port, gateway

PROGRAM = sys.argv.pop(1)


class Authority:
    """Signs certificates, with the openssl command."""

    def __init__(self, folder, name):
        self.folder = folder
        self.name = name
        self.file = folder / f"{name}.pem"
        self._make(name, [])

    def _make(self, name, more):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-keyout", self.folder / f"{name}.key", "-out", self.folder / f"{name}.pem", *more],
            check=True, capture_output=True, timeout=60)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def sign(self, name):
        """The files of a certificate for 127.0.0.1 and of its key."""
        return self._make(name, ["-CA", self.file, "-CAkey", self.folder / f"{self.name}.key",
                                 "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"])


class Certificates(unittest.TestCase):
    """A pair of files for the server, which a test may replace, and some for clients."""

    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.shared.name)
        cls.ca = Authority(folder, "authority")
        cls.stranger = Authority(folder, "stranger")
        cls.first = cls.ca.sign("first")
        cls.second = cls.ca.sign("second")
        cls.client = cls.ca.sign("client")
        cls.strange_client = cls.stranger.sign("strange-client")

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.certificate, self.key = self.path / "server.pem", self.path / "server.key"
        self.put(*self.first)

    def put(self, certificate, key):
        replace(self.certificate, certificate.read_text())
        replace(self.key, key.read_text())


class TlsTest(Observed, Certificates):
    def context(self, client=None):
        made = ssl.create_default_context(cafile=self.ca.file)
        if client:
            made.load_cert_chain(*client)
        return made

    def start(self, *options, client=None):
        log = (self.path / "log").open("wb")
        self.addCleanup(log.close)
        running = gateway(PROGRAM, "--tls-certificate", str(self.certificate), "--tls-key", str(self.key), *options,
                          tls=self.context(client), log=log)
        self.url, self.producer = running.__enter__()
        self.addCleanup(running.__exit__, None, None, None)
        self.address = ("127.0.0.1", int(self.url.rpartition(":")[2]))
        self.curl_options = ["--cacert", str(self.ca.file)]
        if client:
            self.curl_options += ["--cert", str(client[0]), "--key", str(client[1])]

    def curl(self, path, **more):
        return curl(self.url + path, *self.curl_options, **more)

    def fetch(self, path):
        return self.curl(path)

    def connect(self, context=None):
        context = context or self.context()
        return context.wrap_socket(socket.create_connection(self.address, timeout=60),
                                   server_hostname="127.0.0.1", suppress_ragged_eofs=False)

    def subject(self):
        """Of the certificate that a new connection is shown."""
        with self.connect() as connection:
            return dict(pair for part in connection.getpeercert()["subject"] for pair in part)["commonName"]

    def test_each_api_works_over_tls_and_nothing_without(self):
        self.start()
        for path, body, good in FORMS:
            self.assertEqual(self.curl(path, body=body).status, good, path)
        self.assertEqual(len(self.producer.take()), len(FORMS))
        large = "[" + ",".join([EVENT] * 9000) + "]"
        self.assertEqual(self.curl("/api/v1/logs", body=large).status, 202)
        self.assertEqual(len(self.producer.take()), 9000)
        with self.assertRaises(ConnectionError):
            curl(self.url.replace("https", "http") + "/livez")
        self.see_metric('tls_handshakes_total{result="failed"} 1')
        expiry = next(line for line in self.curl("/metrics").body.splitlines()
                      if line.startswith("tls_certificate_expiry_timestamp_seconds"))
        self.assertAlmostEqual(float(expiry.split()[1]), time.time() + 2 * 86400, delta=3600)

    def test_old_versions_and_weak_ciphers_are_refused(self):
        self.start()
        warnings.simplefilter("ignore", DeprecationWarning)  # that they are old is the point
        for version, ciphers in [(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
                                 (ssl.TLSVersion.TLSv1_2, "AES128-SHA:@SECLEVEL=0"),
                                 (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")]:
            context = self.context()
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = version
            context.set_ciphers(ciphers)
            with self.assertRaises(OSError, msg=ciphers):
                self.connect(context).close()
        context = self.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2", "http/1.1"])
        with self.connect(context) as connection:
            self.assertEqual((connection.version(), connection.selected_alpn_protocol()), ("TLSv1.2", "http/1.1"))

    def test_connections_are_kept_and_their_end_is_told(self):
        self.start()
        with self.connect() as connection:
            for _ in range(3):
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
                answer = b""
                while answer.count(b'{"status":"alive"}') < 5:
                    answer += connection.recv(4096)
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b""
            # A cut would be an error here: close_notify comes first.
            while piece := connection.recv(4096):
                answer += piece
        self.assertTrue(answer.endswith(b'{"status":"alive"}'), answer)

    def test_a_stream_over_tls(self):
        self.start()
        connection = http.client.HTTPSConnection(*self.address, context=self.context(), timeout=60)
        connection.request("GET", "/admin/breakers/events")
        answer = connection.getresponse()
        self.assertEqual(answer.readline(), b"event: snapshot\n")
        self.curl("/livez")
        answer.close()
        connection.close()
        self.curl("/livez")

    def test_clients_must_show_a_certificate_of_the_ca(self):
        self.start("--tls-client-ca", str(self.ca.file), "--access-log", "all", client=self.client)
        self.assertEqual(self.curl("/api/v1/logs", body=EVENT).status, 202)
        line, = self.see_log(msg="access", method="POST")
        self.assertEqual(line["certificate"], "CN=client")
        for client in [None, self.strange_client]:
            context = self.context(client)
            # In TLS 1.3 the refusal comes after the client's handshake.
            with self.assertRaises(OSError), self.connect(context) as connection:
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                connection.recv(4096)
        self.see_metric('tls_handshakes_total{result="failed"} 2')

    def test_a_certificate_may_be_optional_and_tokens_still_count(self):
        tokens = self.path / "tokens.yaml"
        tokens.write_text(entry("writer", "write"))
        self.start("--tls-client-ca", str(self.ca.file), "--tls-client-auth", "optional",
                   "--tokens-file", str(tokens))
        self.assertEqual(self.curl("/api/v1/logs", body=EVENT, token=token_of("writer")).status, 202)
        self.assertEqual(self.curl("/api/v1/logs", body=EVENT).status, 401)
        self.curl_options += ["--cert", str(self.client[0]), "--key", str(self.client[1])]
        self.assertEqual(self.curl("/api/v1/logs", body=EVENT).status, 401)
        self.assertEqual(self.curl("/api/v1/logs", body=EVENT, token=token_of("writer")).status, 202)

    def test_certificates_are_replaced_under_traffic(self):
        self.start()

        def send():
            connection = http.client.HTTPSConnection(*self.address, context=self.context(), timeout=60)
            for _ in range(3):
                connection.request("POST", "/api/v1/logs", EVENT, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 202:
                    return f"{answer.status} {text}"
            connection.close()
            return None

        old = http.client.HTTPSConnection(*self.address, context=self.context(), timeout=60)
        old.connect()
        before = old.sock
        with Traffic(send) as traffic:
            traffic.go_on()
            self.assertEqual(self.subject(), "first")
            # A certificate without its key is no pair: what was there stays.
            replace(self.certificate, self.second[0].read_text())
            self.see_metric('tls_reloads_total{result="failed"} 1')
            self.assertEqual(self.subject(), "first")
            replace(self.key, self.second[1].read_text())
            eventually(lambda: self.subject() == "second", "the new pair is not used")
            traffic.go_on()
            replace(self.key, "nonsense")
            self.see_metric('tls_reloads_total{result="failed"} 2')
            self.assertEqual(self.subject(), "second")
            traffic.go_on()
        self.assertEqual(traffic.failures, [])
        old.request("GET", "/livez")
        self.assertEqual(old.getresponse().status, 200)
        self.assertIs(old.sock, before)
        old.close()
        self.see_metric('tls_reloads_total{result="ok"} 1')
        reasons = [line["reason"] for line in self.see_log(2, level="error")]
        self.assertEqual(len(reasons), 2)
        self.assertIn("does not belong to the certificate", reasons[0])
        self.assertIn(str(self.key), reasons[1])

    def test_a_client_that_does_not_finish_its_handshake_is_cut(self):
        self.start("--tls-handshake-timeout", "200ms", "--max-connections", "100")
        silent = [socket.create_connection(self.address, timeout=60) for _ in range(50)]
        silent[0].sendall(b"\x16\x03\x01")  # the beginning of a greeting
        self.assertEqual(self.curl("/livez").status, 200)
        for client in silent:
            with client:
                self.assertEqual(client.recv(100), b"")
        self.see_metric('tls_handshakes_total{result="timeout"} 50')
        self.see_metric("http_connections 1")

    def test_a_full_server_closes_without_a_handshake(self):
        self.start("--max-connections", "2")
        with self.connect() as one, self.connect() as two:
            for connection in [one, two]:
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertIn(b"200 OK", connection.recv(4096))
            with self.assertRaises(OSError):
                self.connect().close()
        eventually(self.serves, "it does not serve again")

    def serves(self):
        try:
            return self.curl("/livez").status == 200
        except ConnectionError:
            return False


class StartTest(Certificates):
    """What is refused at the start, with the file and the reason."""

    def refused(self, *options):
        done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2)
        return done.stderr

    def test_what_is_refused(self):
        certificate, key = map(str, self.first)
        locked = self.path / "locked.key"
        subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked],
                       check=True, capture_output=True, timeout=60)
        for options, right in [
                (["--tls-certificate", certificate], "tls-key"),
                (["--tls-key", key], "tls-certificate"),
                (["--tls-client-ca", certificate], "tls-certificate"),
                (["--tls-certificate", "/none.pem", "--tls-key", key], "/none.pem"),
                (["--tls-certificate", certificate, "--tls-key", str(self.second[1])], "does not belong"),
                (["--tls-certificate", key, "--tls-key", key], "-----BEGIN CERTIFICATE-----"),
                (["--tls-certificate", certificate, "--tls-key", certificate], "-----BEGIN PRIVATE KEY-----"),
                (["--tls-certificate", certificate, "--tls-key", str(locked)], "without a passphrase"),
                (["--tls-certificate", certificate, "--tls-key", key, "--tls-client-ca", key], "client CA")]:
            with self.subTest(options=options):
                self.assertIn(right, self.refused(*options))

    def test_required_certificates_are_credentials_enough_for_other_machines(self):
        address = f"0.0.0.0:{free_port()}"
        options = ["--tls-certificate", str(self.certificate), "--tls-key", str(self.key), "--tls-client-ca",
                   str(self.ca.file), "--listen", address]
        process = subprocess.Popen([PROGRAM, *options], stderr=subprocess.PIPE, text=True)
        try:
            self.assertIn("listening", process.stderr.readline())
        finally:
            process.terminate()
            process.communicate(timeout=60)
        done = subprocess.run([PROGRAM, *options, "--tls-client-auth", "optional"], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("credentials", done.stderr)


if __name__ == "__main__":
    unittest.main()
