#!/usr/bin/env bash
# One event, all the way: sent to the gateway, found in PostgreSQL, in Redis and through the query API.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

usage() {
  cat <<'TEXT'
Usage: integration-tests/test-end-to-end.sh [--keep]

Checks, with a stack that is up or is started for it: the services are healthy; an event sent to
http://127.0.0.1:8080 is found in PostgreSQL, in Redis, and by the query API; sent again, it is still
stored once. Prints each step with ok or FAIL, and stops with exit code 1 at the first that fails.

  --keep    do not stop what this test started
TEXT
}

keep=false
case ${1:-} in
  --keep) keep=true ;;
  --help | -h) usage; exit 0 ;;
  '') ;;
  *) die_usage "unknown option $1" ;;
esac
[[ -x $bin/stormlog ]] || die "Stormlog is not built: run ./setup.sh first"

gateway=http://127.0.0.1:8080
producer=http://127.0.0.1:8081
consumer=http://127.0.0.1:8082
passfile=$home/data/postgresql/pgpass
work=$(mktemp -d)

# What this test started it stops: the stack is left as it was found.
found='' started=false profiles=()
# shellcheck disable=SC2317 # reached through the trap
cleanup() {
  local status=$?
  trap '' INT TERM HUP
  rm -rf "$work"
  if $started && ! $keep; then
    "$bin/stormlog" down >/dev/null 2>&1 || note "stormlog down failed; see $bin/stormlog status"
    if [[ -n $found ]]; then
      "$bin/stormlog" up "${profiles[@]}" --only "$found" >/dev/null 2>&1 ||
        note "stormlog up ${profiles[*]} --only $found failed; see $bin/stormlog status"
    fi
  fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# check TITLE FUNCTION [ARGS...]: a function tells what is wrong on its standard output.
check() {
  local title=$1 status=0
  shift
  "$@" >"$work/out" 2>&1 || status=$?
  if [[ $status -eq 0 ]]; then
    printf '  %sok%s    %s\n' "$green" "$plain" "$title"
    return
  fi
  printf '  %sFAIL%s  %s\n' "$red" "$plain" "$title"
  sed 's/^/        /' "$work/out"
  die "end-to-end test failed at: $title"
}

# until_true SECONDS COMMAND...: what the command said last is what is wrong.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >"$work/attempt" 2>&1; do
    if ((SECONDS >= deadline)); then
      cat "$work/attempt"
      return 1
    fi
    sleep 0.1
  done
}

# Of the services that are up, "all" or the names with commas, nothing when none is; then the profiles
# that they were started with, a word each.
services_up() {
  # Its exit code says whether all of them are.
  { "$bin/stormlog" status --json || true; } | python3 -c '
import json, sys
stack = json.load(sys.stdin)
services = stack["services"]
up = [one["name"] for one in services if one["phase"] not in ("stopped", "failed")]
# Those of profiles that are not active are never up, and are not in the list.
print("all" if len(up) == len(services) else ",".join(up), *stack["profiles"])'
}

stack_up() {
  "$bin/stormlog" up
}

answers_200() { # URL
  local status
  status=$(curl -s -m 5 -o "$work/body" -w '%{http_code}' "$1") || {
    echo "$1 does not answer"
    return 1
  }
  [[ $status == 200 ]] || {
    echo "$1 answers $status: $(head -c 500 "$work/body")"
    return 1
  }
}

healthy() { # URL OF A SERVICE
  until_true 30 answers_200 "$1/livez" && until_true 30 answers_200 "$1/readyz"
}

id=$(python3 - <<'PY'
import os, time
# RFC 9562, version 7: 48 bits of milliseconds, then random ones.
value = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10), "big")
value = value & ~(0xF << 76) | (7 << 76)
value = value & ~(3 << 62) | (2 << 62)
text = f"{value:032x}"
print("-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])))
PY
)
mark="end to end $id"

sent() {
  local status
  status=$(curl -s -m 15 -o "$work/body" -w '%{http_code}' -H 'content-type: application/json' \
    --data "{\"id\":\"$id\",\"service\":\"end-to-end\",\"severity\":\"INFO\",\"body\":\"$mark\",\"attributes\":{\"run\":\"end-to-end\"}}" \
    "$gateway/api/v1/logs") || {
    echo "$gateway/api/v1/logs does not answer"
    return 1
  }
  [[ $status == 202 ]] || {
    echo "expected 202, got $status: $(head -c 500 "$work/body")"
    return 1
  }
  python3 - "$work/body" <<'PY'
import json, sys
answer = json.load(open(sys.argv[1]))
if answer.get("accepted") != 1 or answer.get("rejected") != 0:
    sys.exit(f"expected 1 accepted and 0 rejected, got {answer}")
PY
}

rows() {
  psql -X -A -t -v ON_ERROR_STOP=1 \
    "host=127.0.0.1 port=15432 dbname=stormlog user=stormlog connect_timeout=5 passfile='$passfile'" \
    -c "SELECT count(*) FROM logs WHERE id = '$id'"
}
stored_once() {
  local count
  count=$(rows) || { echo "$count"; return 1; }
  [[ $count == 1 ]] || {
    echo "table logs holds $count rows with id $id, expected 1"
    return 1
  }
}
in_postgresql() { until_true 20 stored_once; }

cached() {
  local value
  value=$(redis-cli -h 127.0.0.1 -p 16379 --raw get "stormlog:log:$id") || { echo "$value"; return 1; }
  [[ $value == *"$mark"* ]] || {
    echo "key stormlog:log:$id holds \"$value\", expected the event"
    return 1
  }
}
in_redis() { until_true 10 cached; }

queried() { # URL
  answers_200 "$1" || return 1
  python3 - "$work/body" "$id" "$mark" <<'PY'
import json, sys
path, wanted, mark = sys.argv[1:]
def found(value):
    if isinstance(value, dict):
        if value.get("id") == wanted and mark in json.dumps(value):
            return True
        return any(found(one) for one in value.values())
    return isinstance(value, list) and any(found(one) for one in value)
answer = json.load(open(path))
if not found(answer):
    sys.exit(f"the answer does not hold the event {wanted}: {json.dumps(answer)[:500]}")
PY
}
by_query() { until_true 10 queried "$gateway/api/v1/logs/$id"; }
in_list() { until_true 10 queried "$gateway/api/v1/logs?service=end-to-end"; }

stored_once_still() {
  # A second row would come behind the first within moments; what is behind it shows that it did not.
  local first=$id
  id=${id:0:35}$([[ ${id:35} == 0 ]] && echo 1 || echo 0)
  sent && in_postgresql || return 1
  id=$first
  stored_once
}

say "End-to-end test"
before=$(services_up) || die "stormlog status failed"
found=${before%% *}
for profile in ${before#"$found"}; do profiles+=(--profile "$profile"); done
if [[ $found != all ]]; then started=true; fi
check 'the stack is up' stack_up
check 'api-gateway is healthy' healthy "$gateway"
check 'log-producer is healthy' healthy "$producer"
check 'log-consumer is healthy' healthy "$consumer"
check 'an event sent to :8080 is acknowledged' sent
check 'it is in PostgreSQL' in_postgresql
check 'it is in Redis' in_redis
check 'the query API at :8080 finds it by id' by_query
check 'the query API at :8080 lists it' in_list
check 'sent again, it is acknowledged' sent
check 'and still stored once' stored_once_still
say "${green}passed${plain}: event $id"
