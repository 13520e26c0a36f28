#!/usr/bin/env bash
# Builds the fuzzers of tests/fuzz with Clang, AddressSanitizer and UndefinedBehaviorSanitizer, and runs
# them one after another.
#
#   scripts/fuzz.sh TARGET...|all [--seconds N] [--jobs N]
#   scripts/fuzz.sh --list
#
#   --seconds N   how long each target runs (default 60)
#   --jobs N      processes for each target (default 1)
#
# It starts from the corpus that is kept (tests/fuzz/corpus/TARGET) and from what earlier runs have found
# worth keeping (build/fuzz/corpus/TARGET). An input that fails goes to build/fuzz/findings; put it into
# the kept corpus together with the repair, and the unit tests replay it from then on.
# Exit code: 0 nothing found, 1 something was, 2 wrong usage.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/packages.sh
source "$root/scripts/packages.sh"

build=$root/build/fuzz
mapfile -t known < <(sed -n 's/^stormlog_fuzz(\([a-z0-9_]*\) .*/\1/p' "$root/tests/fuzz/CMakeLists.txt")
targets=() seconds=60 jobs=1
number() { # OPTION VALUE
  [[ ${2:-} =~ ^[1-9][0-9]{0,5}$ ]] || die_usage "$1 takes a number from 1 on"
}
while [[ $# -gt 0 ]]; do
  case $1 in
    --seconds) number "$1" "${2:-}"; seconds=$2; shift ;;
    --jobs) number "$1" "${2:-}"; jobs=$2; shift ;;
    --list) printf '%s\n' "${known[@]}"; exit 0 ;;
    --help | -h) sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
    all) targets=("${known[@]}") ;;
    -*) die_usage "unknown option $1" ;;
    *)
      [[ " ${known[*]} " == *" $1 "* ]] || die_usage "there is no target \"$1\"; there are: ${known[*]}"
      targets+=("$1")
      ;;
  esac
  shift
done
[[ ${#targets[@]} -gt 0 ]] || die_usage "which target? There are: ${known[*]}"

list=$(missing_packages "${fuzz_packages[@]}")
if [[ -n $list ]]; then
  die "missing: ${list//$'\n'/ } (Debian: apt-get install ${list//$'\n'/ })"
fi

say "building ${#targets[@]} fuzzers in build/fuzz"
mkdir -p "$build"
if ! {
  [[ -f $build/build.ninja ]] || cmake -S "$root" --preset fuzz
  ninja -C "$build" "${targets[@]/#/fuzz_}"
} >"$build/build.log" 2>&1; then
  tail -n 30 "$build/build.log" >&2
  die "the build failed; its log: $build/build.log"
fi

# What libFuzzer said last of its progress, as "runs 1234, coverage 567, corpus 89".
progress() { # LOG
  sed -n 's/^#\([0-9]*\).*cov: \([0-9]*\).*corp: \([0-9]*\).*/runs \1, edges \2, corpus \3/p' "$1" | tail -n 1
}

failed=()
mkdir -p "$build/findings"
for target in "${targets[@]}"; do
  corpus=$build/corpus/$target
  log=$build/fuzz-$target.log
  mkdir -p "$corpus"
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
    -artifact_prefix="$build/findings/$target-")
  if [[ -f $root/tests/fuzz/$target.dict ]]; then options+=(-dict="$root/tests/fuzz/$target.dict"); fi
  if [[ $jobs -gt 1 ]]; then options+=(-fork="$jobs"); fi
  began=$(now_ms)
  printf '  %-24s %s s ' "$target" "$seconds"
  UBSAN_OPTIONS=print_stacktrace=1 "$build/bin/fuzz_$target" "${options[@]}" \
    "$corpus" "$root/tests/fuzz/corpus/$target" >"$log" 2>&1 &
  running=$!
  trap 'kill "$running" 2>/dev/null || true; exit 130' INT TERM
  while sleep 1 && kill -0 "$running" 2>/dev/null; do
    if [[ -t 1 ]]; then
      printf '\r  %-24s %s of %s s: %s\e[K' "$target" "$((($(now_ms) - began) / 1000))" "$seconds" "$(progress "$log")"
    fi
  done
  status=0
  wait "$running" || status=$?
  trap - INT TERM
  if [[ -t 1 ]]; then printf '\r\e[K  %-24s ' "$target"; fi
  if [[ $status -eq 0 ]]; then
    printf '%sok%s      %s\n' "$green" "$plain" "$(progress "$log")"
    continue
  fi
  failed+=("$target")
  printf '%sFAILED%s  %s\n' "$red" "$plain" "$(progress "$log")"
  grep -m 1 -E 'must hold|what\(\)|runtime error|ERROR: ' "$log" | sed 's/^/    /' || true
  grep -o 'Test unit written to .*' "$log" | sed 's/^/    /' || true
  say "    log: $log"
done
if [[ ${#failed[@]} -gt 0 ]]; then
  die "${#failed[@]} of ${#targets[@]} targets found something: ${failed[*]}"
fi
say "${#targets[@]} targets, nothing found"
