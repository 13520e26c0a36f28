#!/usr/bin/env bash
# Load on the stack: throughput, latency, codes, and the breaker transitions seen.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

usage() {
  cat <<'TEXT'
Usage: ./load-test.sh [--json] [OPTION...]

Sends events through the gateway at http://127.0.0.1:8080 and prints throughput, latency (p50, p90,
p95, p99, max), codes and breaker transitions; with --json one JSON document on standard output.

A stack that is up is used and left up. Otherwise it is set up, started, and stopped again at the end.

By default 100 connections for 10 s, each sending its next event when the last one is answered. Every
option of `stormlog load` can be given and wins over these:
TEXT
  if [[ -x $bin/stormlog ]]; then
    say ''
    "$bin/stormlog" load --help
  fi
}

for word in "$@"; do
  if [[ $word == --help || $word == -h ]]; then
    usage
    exit 0
  fi
done

has() { # OPTION WORDS...: was it given, as --option or --option=value?
  local option=$1 word
  shift
  for word in "$@"; do
    if [[ $word == "$option" || $word == "$option="* ]]; then return 0; fi
  done
  return 1
}

# Standard output is the result's alone: what happens on the way goes to standard error.
# shellcheck disable=SC2317 # reached through the trap
stop_stack() {
  local status=$?
  trap '' INT TERM HUP # a second Ctrl-C must not stop the stopping
  "$bin/stormlog" down >"$home/logs/load-test-down.log" 2>&1 ||
    note "stormlog down failed; see $home/logs/load-test-down.log and $bin/stormlog status"
  exit "$status"
}
if ! curl -fs -m 5 -o /dev/null http://127.0.0.1:8080/livez; then
  ./setup.sh --no-start >&2
  mkdir -p "$home/logs"
  # Ctrl-C reaches the load as well, which then ends with what it has measured so far.
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  trap stop_stack EXIT
  note "Starting the stack"
  "$bin/stormlog" up >&2
elif [[ ! -x $bin/stormlog ]]; then
  die "the gateway answers, but Stormlog is not built: run ./setup.sh --no-start first"
fi

defaults=()
has --concurrency "$@" || defaults+=(--concurrency 100)
has --duration "$@" || defaults+=(--duration 10s)
status=0
"$bin/stormlog" load "${defaults[@]}" "$@" || status=$?
exit "$status"
