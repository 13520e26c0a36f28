#!/usr/bin/env python3
"""Checks the list of tests itself: check_tests.py CTEST BUILD_FOLDER

Every test has one of the labels unit, integration, chaos and a time limit, so that `./test.sh PART`
leaves none out and none hangs. Chaos tests are RUN_SERIAL, because they measure time and own the
ports of the stack; integration tests either are, or use private ports and wait on conditions.
"""
import json
import subprocess
import sys

LABELS = {"unit", "integration", "chaos"}


def problems_of(test):
    properties = {one["name"]: one["value"] for one in test.get("properties", [])}
    labels = set(properties.get("LABELS", []))
    if len(labels & LABELS) != 1:
        yield f"has the labels {sorted(labels)}; needs one of {', '.join(sorted(LABELS))}"
    if "TIMEOUT" not in properties:
        yield "has no TIMEOUT"
    if "chaos" in labels and not properties.get("RUN_SERIAL"):
        yield "is not RUN_SERIAL"


def main():
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    ctest, folder = sys.argv[1:]
    listed = subprocess.run([ctest, "--test-dir", folder, "--show-only=json-v1"],
                            check=True, capture_output=True, text=True)
    # What is not built has no properties yet; ctest reports it as failed by itself.
    tests = [test for test in json.loads(listed.stdout)["tests"]
             if not test["name"].endswith("_NOT_BUILT")]
    problems = [f"{test['name']} {problem}" for test in tests for problem in problems_of(test)]
    print("\n".join(problems + [f"{len(tests)} tests, {len(problems)} problems"]))
    return 1 if problems or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
