"""What is asked of a Toxiproxy server: sequences of requests, each on a server of its own.

A step is (method, path, body) or (method, path, body, headers). A body that is no string is sent as
JSON. UP is an upstream that nobody needs to reach, TAKEN a port that the recorder occupies.
"""

UP = "localhost:9"
TAKEN = "{taken}"
A = {"name": "a", "listen": "localhost:0", "upstream": UP}
NEW = [("POST", "/proxies", A)]
LATENCY = {"type": "latency", "attributes": {"latency": 100, "jitter": 10}}


def toxic(kind, **attributes):
    return ("POST", "/proxies/a/toxics", {"type": kind, "attributes": attributes})


def bad_value(value, kind="latency", key="latency"):
    return ("POST", "/proxies/a/toxics", f'{{"type":"{kind}","attributes":{{"{key}":{value}}}}}')


CASES = {
    "proxies": [
        ("GET", "/proxies", None), *NEW, ("GET", "/proxies", None), ("GET", "/proxies/a", None),
        ("POST", "/proxies", A),
        ("POST", "/proxies", {"name": "b", "listen": "127.0.0.1:0", "upstream": UP, "enabled": False}),
        ("POST", "/proxies", {"name": "c", "listen": "127.0.0.1:0", "upstream": UP, "enabled": None}),
        ("POST", "/proxies", {"name": "d e/f", "listen": "127.0.0.1:0", "upstream": UP}),
        ("GET", "/proxies/d%20e%2Ff", None), ("POST", "/proxies", {"name": "ü", "upstream": UP, "enabled": False}),
        ("GET", "/proxies/%C3%BC", None), ("GET", "/proxies", None), ("DELETE", "/proxies/a", None),
        ("GET", "/proxies/a", None), ("DELETE", "/proxies/a", None)],
    "proxies_refused": [
        ("POST", "/proxies", {}), ("POST", "/proxies", {"name": "a"}), ("POST", "/proxies", {"upstream": UP}),
        ("POST", "/proxies", {"name": "", "upstream": UP}), ("POST", "/proxies", ""),
        ("POST", "/proxies", "{bad"), ("POST", "/proxies", "[]"), ("POST", "/proxies", '"a"'),
        ("POST", "/proxies", '{"name":1,"upstream":"x:1"}'),
        ("POST", "/proxies", '{"name":"a","upstream":"x:1","enabled":"yes"}'),
        ("POST", "/proxies", {"name": "t", "listen": TAKEN, "upstream": UP}),
        ("POST", "/proxies", {"name": "n", "listen": "127.0.0.1", "upstream": UP}),
        ("POST", "/proxies", {"name": "n", "listen": "127.0.0.1:70000", "upstream": UP}),
        ("GET", "/proxies", None)],
    "update": [
        *NEW, ("POST", "/proxies/a", {"enabled": False}), ("GET", "/proxies/a", None),
        ("POST", "/proxies/a", {"enabled": True}), ("PATCH", "/proxies/a", {"upstream": "localhost:10"}),
        ("PATCH", "/proxies/a", {"name": "z"}), ("PATCH", "/proxies/a", {}),
        ("PATCH", "/proxies/a", {"enabled": False, "listen": "127.0.0.1:0"}),
        ("POST", "/proxies/a", {"listen": TAKEN, "enabled": True}), ("GET", "/proxies/a", None),
        ("POST", "/proxies/nope", {"enabled": True}), ("PATCH", "/proxies/nope", {}),
        ("POST", "/proxies/a", '{"enabled":1}'), ("POST", "/proxies/a", "nonsense")],
    "update_keeps_toxics": [
        *NEW, toxic("latency", latency=5), ("POST", "/proxies/a", {"upstream": "localhost:11"}),
        ("POST", "/proxies/a", {"enabled": False}), ("GET", "/proxies/a", None),
        ("POST", "/proxies/a", {"enabled": True})],
    "populate": [
        ("POST", "/populate", []), ("POST", "/populate", [A]), ("GET", "/proxies", None),
        ("POST", "/populate", [{"name": "b", "listen": "127.0.0.1:0", "upstream": UP, "enabled": False}]),
        toxic("latency", latency=5),
        ("POST", "/populate", [{"name": "a", "listen": "127.0.0.1:0", "upstream": "localhost:12"}]),
        ("GET", "/proxies/a", None)],
    "populate_refused": [
        ("POST", "/populate", {}), ("POST", "/populate", ""), ("POST", "/populate", [A, {"name": "b"}]),
        ("POST", "/populate", [{"upstream": UP}]), ("GET", "/proxies", None),
        ("POST", "/populate", [A, {"name": "t", "listen": TAKEN, "upstream": UP}]),
        ("GET", "/proxies", None)],
    "toxics": [
        *NEW, ("GET", "/proxies/a/toxics", None), ("POST", "/proxies/a/toxics", LATENCY),
        ("GET", "/proxies/a/toxics/latency_downstream", None), ("POST", "/proxies/a/toxics", LATENCY),
        ("POST", "/proxies/a/toxics", {**LATENCY, "stream": "upstream"}),
        ("POST", "/proxies/a/toxics", {**LATENCY, "name": "own", "stream": "UPSTREAM", "toxicity": 0.5}),
        ("POST", "/proxies/a/toxics", {**LATENCY, "name": "never", "toxicity": 0}),
        ("POST", "/proxies/a/toxics", {**LATENCY, "name": "null", "stream": None, "toxicity": None}),
        ("GET", "/proxies/a/toxics", None), ("GET", "/proxies/a", None),
        ("PATCH", "/proxies/a/toxics/own", {"attributes": {"latency": 1}}),
        ("POST", "/proxies/a/toxics/own", {"toxicity": 0.25, "attributes": {"jitter": 3}}),
        ("POST", "/proxies/a/toxics/own", {"stream": "downstream", "name": "x", "type": "noop"}),
        ("POST", "/proxies/a/toxics/own", {}), ("DELETE", "/proxies/a/toxics/own", None),
        ("DELETE", "/proxies/a/toxics/own", None), ("GET", "/proxies/a/toxics/own", None),
        ("POST", "/proxies/a/toxics/own", {}), ("GET", "/proxies/a/toxics", None)],
    "toxic_types": [
        *NEW, toxic("latency"), toxic("bandwidth", rate=100), toxic("slow_close", delay=1),
        toxic("timeout", timeout=1), toxic("reset_peer", timeout=1),
        toxic("slicer", average_size=10, size_variation=1, delay=1), toxic("limit_data", bytes=1),
        toxic("noop"), ("GET", "/proxies/a/toxics", None)],
    "toxics_refused": [
        *NEW, ("POST", "/proxies/a/toxics", ""), ("POST", "/proxies/a/toxics", "{"),
        ("POST", "/proxies/a/toxics", {"type": "latenc"}), ("POST", "/proxies/a/toxics", {}),
        ("POST", "/proxies/a/toxics", {"type": "latency", "stream": ""}),
        ("POST", "/proxies/a/toxics", {"type": "latency", "stream": "sideways"}),
        ("POST", "/proxies/a/toxics", {"type": "nope", "stream": "sideways"}),
        bad_value("1.5"), bad_value('"100"'), bad_value("true"), bad_value("[]"),
        bad_value("99999999999999999999"), ("POST", "/proxies/a/toxics", '{"type":"latency","attributes":[]}'),
        ("POST", "/proxies/a/toxics", '{"type":"latency","toxicity":"high"}'),
        ("POST", "/proxies/nope/toxics", LATENCY), ("GET", "/proxies/nope/toxics", None),
        ("DELETE", "/proxies/nope/toxics/x", None), ("GET", "/proxies/a/toxics", None),
        ("POST", "/proxies/a/toxics", {"type": "latency", "attributes": {"latency": 7, "unknown": 1}}),
        ("POST", "/proxies/a/toxics/latency_downstream", '{"attributes":{"latency":"x"}}'),
        ("GET", "/proxies/a/toxics/latency_downstream", None)],
    "reset": [
        *NEW, ("POST", "/proxies/a/toxics", LATENCY), ("POST", "/proxies/a", {"enabled": False}),
        ("POST", "/reset", None), ("GET", "/proxies/a", None)],
    "routes": [
        ("GET", "/", None), ("GET", "/nope", None), ("GET", "/proxies/", None), ("GET", "/proxies/a/b", None),
        ("DELETE", "/proxies", None), ("PUT", "/proxies", {}), ("PATCH", "/proxies", {}),
        ("GET", "/populate", None), ("GET", "/reset", None), ("POST", "/version", None),
        ("PUT", "/proxies/a", {})],
    "browsers": [
        ("GET", "/proxies", None, {"User-Agent": "Mozilla/5.0"}),
        ("GET", "/version", None, {"User-Agent": "Mozilla/5.0"}),
        ("GET", "/proxies", None, {"User-Agent": "mozilla/5.0"}),
        ("GET", "/proxies", None, {"User-Agent": "curl Mozilla/5.0"}),
        ("POST", "/proxies", A, {"User-Agent": "Mozilla/5.0"}),
        ("GET", "/nope", None, {"User-Agent": "Mozilla/5.0"})],
}
