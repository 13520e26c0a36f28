#!/usr/bin/env bash
# Fetches what tests run Stormlog against: for `stormlog proxy` Toxiproxy's clients in three languages, and
# Toxiproxy itself; for the gateway OpenTelemetry's SDK for Python and its load generator telemetrygen, the
# load generator vegeta, and schemathesis.
#
#   scripts/client-packages.sh [--offline]   fetches and builds what is missing
#   scripts/client-packages.sh --check       exit code 0 if nothing is
#   scripts/client-packages.sh --where       prints the folder of each part: node, python, go,
#                                            opentelemetry, generators, schemathesis
#
# Pinned, with their checksums, beside the tests: tests/integration/proxy_clients, …/ingest, …/openapi. Kept in
# ${XDG_CACHE_HOME:-~/.cache}/stormlog/proxy-clients; a change of a pin makes a new folder there.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Some of it needs a Go that is newer than some systems': then this one is fetched, as the Go module that
# newer versions of Go fetch by themselves.
go_needed=1.26
go_fetched=go1.27.3

tests=$root/tests/integration/proxy_clients
opentelemetry=$root/tests/integration/ingest/python
generators=$root/tests/integration/ingest/go
openapi=$root/tests/integration/openapi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stormlog/proxy-clients
offline=false mode=fetch
case ${1:-} in
  '') ;;
  --offline) offline=true ;;
  --check | --where) mode=${1#--} ;;
  --help | -h) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) die_usage "unknown option $1" ;;
esac

# Where a part is kept. Its name holds what it was made from.
folder_of() { # PART
  local sum
  case $1 in
    node) sum=$(cat "$tests"/node/package*.json | sha256sum) ;;
    python) sum=$(sha256sum <"$tests/python/requirements.txt") ;;
    opentelemetry) sum=$(sha256sum <"$opentelemetry/requirements.txt") ;;
    # Parts of it are built for one version of Python.
    schemathesis) sum=$({ cat "$openapi/requirements.txt"; python3 --version; uname -m; } | sha256sum) ;;
    # The test of Go is a program that is built here.
    go) sum=$({ cat "$tests"/go/*; uname -m; } | sha256sum) ;;
    generators) sum=$({ cat "$generators"/go.*; uname -m; } | sha256sum) ;;
  esac
  printf '%s/%s-%s' "$cache" "$1" "${sum:0:12}"
}

need() { # COMMAND WHAT_FOR
  command -v "$1" >/dev/null || die "$1 is needed to fetch $2"
}

# Each make_PART fills the folder $1.

make_node() {
  need npm "the client for Node.js"
  cp "$tests"/node/package*.json "$1"
  (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier)
}

install_python() { # FOLDER REQUIREMENTS
  need python3 "packages for Python"
  # pip comes with the environment; what it installs needs none. Wheels that serve every Python are
  # taken, also where there is one for this Python alone: the checksums are theirs.
  python3 -m venv "$1/environment" || die "python3 needs its modules venv and ensurepip (Debian: python3-venv)"
  "$1/environment/bin/pip" --disable-pip-version-check install --quiet --require-hashes --no-deps \
    --no-compile --target "$1/packages" --requirement "$2"
  rm -rf "$1/environment"
}

make_python() {
  install_python "$1" "$tests/python/requirements.txt"
}

make_opentelemetry() {
  install_python "$1" "$opentelemetry/requirements.txt"
}

make_schemathesis() {
  install_python "$1" "$openapi/requirements.txt"
}

# Puts a Go that is new enough into $go.
find_go() {
  need go "Toxiproxy, its client for Go, and load generators"
  local version found folder
  go=$(command -v go)
  version=$(cd / && GOTOOLCHAIN=local "$go" env GOVERSION)
  if [[ $(printf '%s\n' "go$go_needed" "$version" | sort -V | head -n 1) == "go$go_needed" ]]; then return; fi
  echo "$version is older than $go_needed: fetching $go_fetched"
  found=$(cd / && GOTOOLCHAIN=local "$go" mod download -json \
    "golang.org/toolchain@v0.0.1-$go_fetched.linux-$("$go" env GOARCH)") || die "Go $go_fetched could not be fetched: $found"
  folder=$(sed -n 's/^\t*"Dir": "\(.*\)",$/\1/p' <<<"$found")
  # A module's files are not executable.
  chmod -R u+x "$folder/bin" "$folder/pkg/tool"
  go=$folder/bin/go
}

# What must be set before Go builds something.
prepare_go() {
  # What Go keeps stays for the next change of the test.
  export GOPATH=$cache/gopath GOMODCACHE=$cache/gopath/pkg/mod GOCACHE=$cache/gobuild
  export GOFLAGS=-modcacherw CGO_ENABLED=0 GOWORK=off
  find_go
  # Neither another version than the one found, nor another's library.
  export GOTOOLCHAIN=local
  unset GOROOT
}

make_go() {
  prepare_go
  (
    cd "$tests/go"
    "$go" build -mod=readonly -trimpath -o "$1/toxiproxy-server" github.com/Shopify/toxiproxy/v2/cmd/server
    "$go" test -mod=readonly -trimpath -c -o "$1/life_test" .
  )
}

make_generators() {
  prepare_go
  (
    cd "$generators"
    "$go" build -mod=readonly -trimpath -o "$1/telemetrygen" \
      github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen
    "$go" build -mod=readonly -trimpath -o "$1/vegeta" github.com/tsenart/vegeta/v12
  )
}

for part in node python go opentelemetry generators schemathesis; do
  folder=$(folder_of "$part")
  if [[ $mode == where ]]; then printf '%s\n' "$folder"; fi
  if [[ -d $folder ]]; then continue; fi
  if [[ $mode != fetch ]]; then
    die "the packages of $part are not there (${folder#"$cache"/}); run scripts/client-packages.sh"
  fi
  if $offline; then die "$folder is missing, and --offline forbids to fetch it"; fi
  echo "making $folder"
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/part.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # Not in a condition: `set -e` must hold inside.
  "make_$part" "$work"
  chmod 755 "$work"
  # Moved as a whole; who was faster has made the same.
  mv -T "$work" "$folder" 2>/dev/null || [[ -d $folder ]]
  rm -rf "$work"
done
