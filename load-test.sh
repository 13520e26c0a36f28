#!/usr/bin/env bash
# Load on the running stack: throughput, latency, codes, and the breaker transitions seen.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

usage() {
  cat <<'TEXT'
Usage: ./load-test.sh [--json] [OPTION...]

Sends events through the gateway at http://127.0.0.1:8080 and prints throughput, latency (p50, p90, p95,
p99, max), codes and breaker transitions. The stack must be up: build/release/bin/stormlog up

By default 100 connections for 30 s, each sending its next event when the last one is answered. Every
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
[[ -x $bin/stormlog ]] || die "Stormlog is not built: run ./setup.sh first"
curl -fs -m 5 -o /dev/null http://127.0.0.1:8080/livez ||
  die "the gateway at http://127.0.0.1:8080 does not answer: start the stack with $bin/stormlog up"

has() { # OPTION WORDS...: was it given, as --option or --option=value?
  local option=$1 word
  shift
  for word in "$@"; do
    if [[ $word == "$option" || $word == "$option="* ]]; then return 0; fi
  done
  return 1
}
defaults=()
has --concurrency "$@" || defaults+=(--concurrency 100)
has --duration "$@" || defaults+=(--duration 30s)
exec "$bin/stormlog" load "${defaults[@]}" "$@"
