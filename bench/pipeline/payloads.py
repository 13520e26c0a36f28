"""The same log event in the form that each system takes. The client makes a fresh number of each run of
16 '#', so no two events are the same, and its connection's number of each '%%%%': every connection is a
service of its own."""

import json
import struct

MARK = "#" * 16
SERVICE = "checkout-%%%%"
TEXT = (f"order {MARK} could not be charged: the payment provider answered 503 after 2 attempts, "
        "the next one is scheduled in 30 s")
ATTRIBUTES = {"http.route": "/api/orders/{id}/charge", "http.status": "503", "customer": MARK}
TIME_NS = 1_790_000_000_000_000_000


def event():
    """Without a key: then a service's events keep their order, and its name gives the partition."""
    return {"service": SERVICE, "timestamp": TIME_NS, "severity_text": "WARN",
            "body": TEXT, "attributes": ATTRIBUTES}


def stormlog(batch):
    """POST /api/v1/logs, also of the Spring pair."""
    events = [event() for _ in range(batch)]
    return json.dumps(events[0] if batch == 1 else events, separators=(",", ":")).encode()


def _varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _field(number, content):
    """A length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _attribute(key, value):
    return _field(1, key.encode()) + _field(2, _field(1, value.encode()))


def otlp(batch):
    """ExportLogsServiceRequest in protobuf, as exporters send it. Source: opentelemetry-proto, logs.proto."""
    record = (b"\x09" + struct.pack("<Q", TIME_NS) + _varint(2 << 3) + _varint(13) +
              _field(3, b"WARN") + _field(5, _field(1, TEXT.encode())))
    for key, value in ATTRIBUTES.items():
        record += _field(6, _attribute(key, value))
    resource = _field(1, _attribute("service.name", SERVICE))
    return _field(1, _field(1, resource) + _field(2, _field(2, record) * batch))
