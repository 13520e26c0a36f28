#!/usr/bin/env bash
# Puts Kafka's jars into a folder, each checked against its pinned SHA-256.
#
#   scripts/kafka-jars.sh [--offline] VERSION FOLDER   fills FOLDER, from the cache or through Maven
#   scripts/kafka-jars.sh --check VERSION FOLDER       exit code 0 if that needs no Maven
#
# The jars are kept in ${XDG_CACHE_HOME:-~/.cache}/stormlog/kafka-VERSION and checked whenever they are
# used; what is damaged or missing is fetched again. Where from is Maven's own configuration.
# The pinned versions: deploy/kafka/kafka-VERSION.pom.xml, the checksums: kafka-VERSION.sha256 beside it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

offline=false check=false
while [[ ${1:-} == --* ]]; do
  case $1 in
    --offline) offline=true ;;
    --check) check=true ;;
    --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die_usage "unknown option $1" ;;
  esac
  shift
done
[[ $# -eq 2 ]] || die_usage "VERSION and FOLDER are needed"
version=$1 folder=$2
pom=$root/deploy/kafka/kafka-$version.pom.xml
sums=$root/deploy/kafka/kafka-$version.sha256
[[ -f $pom && -f $sums ]] || die "there is no Kafka $version: $pom and $sums are needed"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stormlog/kafka-$version

# Exactly the pinned jars are in the folder: all of them, whole, and no other.
is_good() {
  [[ -d $1 ]] || return 1
  [[ $(find "$1/" -name '*.jar' | wc -l) -eq $(wc -l <"$sums") ]] || return 1
  (cd -- "$1" && sha256sum --check --status "$sums" 2>/dev/null)
}

# FROM is good: makes TO the same. Replaced as a whole; a reader never meets half of it.
place() {
  local from=$1 to=$2 fresh
  mkdir -p "$(dirname -- "$to")"
  fresh=$(mktemp -d "$to.XXXXXX")
  chmod 755 "$fresh"
  # A link costs no space; another file system needs the copy.
  cp -l "$from"/*.jar "$fresh"/ 2>/dev/null || cp -f "$from"/*.jar "$fresh"/
  chmod 644 "$fresh"/*.jar
  rm -rf "$to"
  mv -T "$fresh" "$to"
}

if is_good "$folder"; then
  if ! $check && ! is_good "$cache"; then place "$folder" "$cache"; fi
  exit 0
fi
if ! is_good "$cache"; then
  if $check; then exit 1; fi
  if [[ -e $cache ]]; then echo "the jars in $cache are incomplete or damaged"; fi
  command -v mvn >/dev/null || die "Maven (mvn) is needed to fetch Kafka's jars"
  mkdir -p "$(dirname -- "$cache")"
  work=$(mktemp -d "$cache.part.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  fetch() { # MAVEN OPTION...
    rm -rf "$work/jars"
    echo "mvn $*"
    # Into the log without its colour codes, and without its advice on how to debug Maven.
    mvn -B -q -f "$pom" -DincludeScope=runtime -DoutputDirectory="$work/jars" "$@" \
      dependency:copy-dependencies 2>&1 |
      sed -e $'s/\e\\[[0-9;]*m//g' -e '/^\[ERROR\] *$/d' -e '/full stack trace/d' -e '/Re-run Maven/d' \
        -e '/For more information/d' -e '/^\[ERROR\] \[Help/d' &&
      is_good "$work/jars"
  }
  # First without the network, from what Maven has; then with it; then past a local repository that
  # holds something damaged.
  if ! fetch -o; then
    if $offline; then die "the jars are neither in $cache nor in Maven's local repository"; fi
    fetch || fetch "-Dmaven.repo.local=$work/repository" || {
      if [[ -d $work/jars ]]; then
        (cd "$work/jars" && sha256sum --check --quiet "$sums") || true
        die "what was fetched is not what is pinned in $sums"
      fi
      die "Maven could not fetch the jars; its messages are above"
    }
  fi
  place "$work/jars" "$cache"
fi
if $check; then exit 0; fi
place "$cache" "$folder"
