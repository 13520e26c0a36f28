#!/usr/bin/env bash
# Formats the C++ sources with clang-format 14: scripts/format.sh --check | --fix
#
# --check names the files that are not formatted and ends with 1. Files that have not changed since
# they last passed are not looked at again.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mode=${1:---check}
case $mode in
  --check | --fix) ;;
  --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) die_usage "unknown option $mode" ;;
esac

tool=$(command -v clang-format-14 || command -v clang-format) || die "clang-format 14 is not installed"
if [[ $("$tool" --version) != *'version 14.'* ]]; then
  die "$tool is not version 14, and another one formats differently"
fi

stamp=$root/build/.format-checked
newer=()
if [[ $mode == --check && -f $stamp && $stamp -nt $root/.clang-format && $stamp -nt $0 ]]; then
  newer=(-newer "$stamp")
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/start"
cd -- "$root"
find src apps bench tests -type f \( -name '*.cpp' -o -name '*.hpp' \) "${newer[@]}" -print0 >"$work/list"
if [[ $mode == --fix ]]; then
  xargs -0 -r -n 20 -P "$(nproc)" "$tool" -i <"$work/list"
else
  # One message for each file instead of one for each line.
  if ! xargs -0 -r -n 20 -P "$(nproc)" "$tool" --dry-run --Werror <"$work/list" 2>"$work/errors"; then
    grep -oE '^[^ :]+\.[ch]pp:[0-9]+' "$work/errors" | sort -t: -k1,1 -u | sed 's/$/: not formatted/' >&2
    die "run scripts/format.sh --fix"
  fi
fi
mkdir -p build
touch -r "$work/start" "$stamp"
