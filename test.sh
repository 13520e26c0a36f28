#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

usage() {
  cat <<'TEXT'
Usage: ./test.sh [unit|integration|chaos] [CTEST OPTION...]

Installs what is missing, builds, checks the format, and runs all tests or one part of them.

  unit          of single modules; nothing is started
  integration   with real servers, and the pipeline end to end
  chaos         the experiments that ship

Anything further goes to ctest: ./test.sh unit -R circuit_breaker
TEXT
}

selection=()
case ${1:-} in
  unit | integration | chaos) selection=(-L "^$1\$"); shift ;;
  --help | -h) usage; exit 0 ;;
  '' | -*) ;;
  *) die_usage "there is no part \"$1\" of the tests: unit, integration or chaos" ;;
esac

./setup.sh --no-start --tests
step format 'format' scripts/format.sh --check
say ''
# Tests share the processors, but for those that measure time or own the ports of the stack: they are
# marked RUN_SERIAL.
exec ctest --test-dir build/release --output-on-failure --no-tests=error -j "$(nproc)" "${selection[@]}" "$@"
