#!/usr/bin/env bash
# Fetches and builds the systems that Stormlog is measured beside, from their packages.
#
#   bench/peers/peers.sh [NAME...]           makes what is missing: collector kafka-connect spring
#   bench/peers/peers.sh --where NAME        prints the folder of one; exit code 1 where it is missing
#
# Pinned in the folder of each. Kept in ${XDG_CACHE_HOME:-~/.cache}/stormlog/peers; a change of what a peer
# is made of makes a new folder there. Where packages come from is Go's and Maven's own configuration. A peer
# that cannot be made does not keep the others from it; the exit code is then 1. run.py of bench/pipeline
# starts and stops them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

peers=$root/bench/peers
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stormlog/peers
all=(collector kafka-connect spring)

folder_of() { # NAME
  local sum
  [[ " ${all[*]} " == *" $1 "* ]] || die_usage "no peer \"$1\"; there are: ${all[*]}"
  sum=$(cd "$peers/$1" && find . -type f -not -path '*/target/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
  printf '%s/%s-%s' "$cache" "$1" "${sum:0:12}"
}

need() { # COMMAND WHAT_FOR
  command -v "$1" >/dev/null || { note "$1 is needed to make $2"; return 1; }
}

# Each make_PEER fills the folder $1.

make_collector() {
  need go "the Collector"
  # The builder has no version of its own: that of the parts, which all are of one release.
  local version
  version=$(sed -n 's/^ *version: //p' "$peers/collector/builder.yaml")
  export GOPATH=$cache/gopath GOMODCACHE=$cache/gopath/pkg/mod GOCACHE=$cache/gobuild GOBIN=$1
  export GOFLAGS=-modcacherw CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local
  go install "go.opentelemetry.io/collector/cmd/builder@v$version"
  cp "$peers/collector/config.yaml" "$1"
  sed "s|^dist:|dist:\n  output_path: $1/source|" "$peers/collector/builder.yaml" >"$1/builder.yaml"
  "$1/builder" --config "$1/builder.yaml" --ldflags=-s --ldflags=-w
  mv "$1/source/collector" "$1/collector"
  rm -rf "$1/source" "$1/builder"
}

copy_jars() { # POM FOLDER
  mvn -B -q -f "$1" -DincludeScope=runtime -DoutputDirectory="$2" dependency:copy-dependencies
}

make_kafka-connect() {
  need mvn "Kafka Connect"
  cp -r "$peers/kafka-connect" "$1/project"
  copy_jars "$1/project/pom.xml" "$1/runtime"
  copy_jars "$1/project/plugin.pom.xml" "$1/plugins/debezium-jdbc"
  # What Connect brings itself, a plug-in must not bring again.
  local jar
  for jar in "$1"/plugins/debezium-jdbc/{kafka-,connect-,slf4j-,log4j-,jackson-}*; do rm -f "$jar"; done
  cp "$1"/project/*.properties "$1/project"/*.json "$1"
  rm -rf "$1/project"
}

make_spring() {
  need mvn "the Spring pair"
  cp -r "$peers/spring" "$1/project"
  rm -rf "$1"/project/*/target
  mvn -B -q -f "$1/project/pom.xml" package
  local name
  for name in gateway producer listener; do
    mv "$1/project/$name/target/spring-$name-1.jar" "$1/$name.jar"
  done
  rm -rf "$1/project"
}

make_peer() { # NAME
  local folder work
  folder=$(folder_of "$1")
  if [[ -d $folder ]]; then return; fi
  echo "making $folder"
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/part.XXXXXX")
  # A shell of its own: `set -e` must hold inside, and a failure must not end the others.
  if bash -c "set -euo pipefail; source '$peers/peers.sh' --functions; make_$1 '$work'"; then
    chmod 755 "$work"
    mv -T "$work" "$folder"
  else
    rm -rf "$work"
    note "peer $1 could not be made; its messages are above"
    return 1
  fi
}

case ${1:-} in
  --functions) return 0 ;;
  --where)
    [[ $# -eq 2 ]] || die_usage "--where NAME"
    folder=$(folder_of "$2")
    [[ -d $folder ]] || die "peer $2 is missing; bench/peers/peers.sh $2 makes it"
    printf '%s\n' "$folder"
    exit 0
    ;;
  --help | -h) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
  -*) die_usage "unknown option $1" ;;
esac

failed=0
[[ $# -gt 0 ]] || set -- "${all[@]}"
for name in "$@"; do
  make_peer "$name" || failed=1
done
exit "$failed"
