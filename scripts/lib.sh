# shellcheck shell=bash disable=SC2034 # used by those who source it
# What the scripts share: where things are, how they speak, and steps with logs. Sourced, not run.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
home=${STORMLOG_HOME:-$root/.stormlog}
bin=${STORMLOG_BIN_DIR:-$root/build/release/bin}
# CI systems and cron may leave HOME out; the caches live there.
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
export HOME
# Messages of tools are read by people and by these scripts: one language, and UTF-8 where it exists.
export LC_ALL=C.UTF-8
umask 022

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' dim=$'\e[2m' plain=$'\e[0m'
else
  bold='' red='' green='' dim='' plain=''
fi

say() { printf '%s\n' "$*"; }
# A notice or an error is no result: it goes to standard error.
note() { printf '%s\n' "$*" >&2; }
die() {
  printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2
  exit 1
}
# Wrong command line: 2, as every program of Stormlog ends on wrong usage.
die_usage() {
  printf '%serror:%s %s (see %s --help)\n' "$red" "$plain" "$1" "$0" >&2
  exit 2
}

now_ms() { date +%s%3N; }
seconds_since() { # START_MS -> 12.3
  local ms=$(($(now_ms) - $1))
  printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

# step NAME TITLE FUNCTION [ARGS...]
#
# Runs the function with its output in logs/setup-NAME.log. When it fails: the step, the end of its
# log, and what to do, which the function leaves in $step_hint_file by hint(). Ends the script then.
step() {
  local name=$1 title=$2 start status=0
  shift 2
  local log=$home/logs/setup-$name.log
  step_hint_file=$home/logs/.setup-hint
  mkdir -p "$home/logs"
  rm -f "$step_hint_file"
  start=$(now_ms)
  if [[ -t 1 ]]; then printf '  %-34s %s…%s' "$title" "$dim" "$plain"; fi
  # A subshell of its own, not a condition: `set -e` must hold inside of it.
  set +e
  (
    set -e
    "$@"
  ) >"$log" 2>&1 </dev/null
  status=$?
  set -e
  if [[ -t 1 ]]; then printf '\r'; fi
  if [[ $status -eq 0 ]]; then
    printf '  %-34s %sok%s %6s s\n' "$title" "$green" "$plain" "$(seconds_since "$start")"
    return 0
  fi
  printf '  %-34s %sFAILED%s after %s s\n' "$title" "$red" "$plain" "$(seconds_since "$start")"
  {
    printf '\n%serror:%s step "%s" failed. Its log: %s\n' "$red" "$plain" "$name" "$log"
    printf 'The last lines of it:\n'
    tail -n 15 "$log" | sed 's/^/  | /'
    if [[ -s $step_hint_file ]]; then
      printf 'What to do:\n'
      sed 's/^/  /' "$step_hint_file"
    fi
  } >&2
  exit 1
}

# What to do should the running step fail from here on; replaces an earlier hint.
hint() { printf '%s\n' "$@" >"$step_hint_file"; }
