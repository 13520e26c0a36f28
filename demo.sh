#!/usr/bin/env bash
# The whole of it in one command: set up, start the stack, kill the producer under load, and see what
# became of every event.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

usage() {
  cat <<'TEXT'
Usage: ./demo.sh [--keep] [EXPERIMENT.yaml]

Installs what is missing, builds, starts the stack, runs experiments/producer-kill.yaml (or the file
given) under load, and prints the timeline, the checks and the verdict.

  --keep    leave the stack up and print its URLs; otherwise nothing is left running
  --help    this text

Exit code: the verdict's. 0 passed, 1 failed, 2 bad file or usage, 3 invalid, 4 unknown, 5 aborted.
TEXT
}

keep=false experiment=experiments/producer-kill.yaml
while [[ $# -gt 0 ]]; do
  case $1 in
    --keep) keep=true ;;
    --help | -h) usage; exit 0 ;;
    -*) die_usage "unknown option $1" ;;
    *) experiment=$1 ;;
  esac
  shift
done
[[ -f $experiment ]] || die_usage "there is no file $experiment"

# However this ends, nothing is left running, unless it came to its end and was told to keep it.
stay_up=false
# shellcheck disable=SC2317 # reached through the trap
cleanup() {
  local status=$?
  # A second Ctrl-C must not stop the stopping.
  trap '' INT TERM HUP
  if ! $stay_up && [[ -x $bin/stormlog ]]; then
    if "$bin/stormlog" down >"$home/logs/demo-down.log" 2>&1; then
      say "The stack is stopped again; ./demo.sh --keep leaves it up."
    else
      note "stormlog down failed; see $home/logs/demo-down.log and $bin/stormlog status"
    fi
  fi
  exit "$status"
}
# Ctrl-C reaches what runs in the foreground as well: the experiment heals and ends with its own code,
# which is then this script's.
interrupted=false
trap 'interrupted=true' INT
trap 'exit 143' TERM HUP
unless_interrupted() {
  if $interrupted; then exit 130; fi
}

./setup.sh --no-start
unless_interrupted
trap cleanup EXIT
mkdir -p "$home/logs"
say ''
say "Starting the stack"
"$bin/stormlog" up
unless_interrupted
say ''
status=0
"$bin/stormlog" run "$experiment" || status=$?
say ''
if $keep && ! $interrupted; then
  stay_up=true
  cat <<TEXT
The stack is up; \`build/release/bin/stormlog down\` stops it.
  send and query   http://127.0.0.1:8080/api/v1/logs
  breakers         http://127.0.0.1:8080/admin/breakers
  metrics          http://127.0.0.1:8080/metrics   http://127.0.0.1:8081/metrics   http://127.0.0.1:8082/metrics
  Prometheus       http://127.0.0.1:9090
TEXT
fi
exit "$status"
