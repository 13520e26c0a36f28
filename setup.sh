#!/usr/bin/env bash
# Installs what is missing, builds Stormlog, and starts its infrastructure: Kafka, PostgreSQL, Redis,
# Prometheus. Run it as often as you like: what is done is not done again.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/packages.sh
source scripts/packages.sh

usage() {
  cat <<'TEXT'
Usage: ./setup.sh [--no-start] [--zookeeper] [--tests] [--offline]

Installs what is missing, builds Stormlog, and starts Kafka, PostgreSQL, Redis and Prometheus.

  --no-start    install and build, start nothing
  --zookeeper   Kafka 3.9 with ZooKeeper instead of Kafka 4 in KRaft mode
  --tests       also build the tests and what they need
  --offline     never ask for the network; fail where it would be needed
  --help        this text

Works as root, as a user with sudo, and without either where the packages are there already.
All of Stormlog's data are in .stormlog; `build/release/bin/stormlog down` stops what runs.

Environment:
  STORMLOG_HOME     instead of .stormlog
  STORMLOG_WERROR   ON or OFF: whether compiler warnings are errors (default ON)
  XDG_CACHE_HOME    where what was fetched is kept (default ~/.cache)
TEXT
}

start_stack=true zookeeper=false tests=false offline=false
while [[ $# -gt 0 ]]; do
  case $1 in
    --no-start) start_stack=false ;;
    --zookeeper) zookeeper=true ;;
    --tests) tests=true ;;
    --offline) offline=true ;;
    --help | -h) usage; exit 0 ;;
    *) die_usage "unknown option $1" ;;
  esac
  shift
done
kafka_version=4.3.1
if $zookeeper; then kafka_version=3.9.1; fi
system_user=stormlog # PostgreSQL refuses to run as root; stack.yaml names the same

# --- where the data are -----------------------------------------------------------------------------

# Every folder above $1 can be entered by everybody.
is_reachable() {
  local folder
  folder=$(dirname -- "$1")
  while [[ $folder != / ]]; do
    (((0$(stat -c %a -- "$folder") & 1) == 1)) || return 1
    folder=$(dirname -- "$folder")
  done
}

# As root, the servers run as a user of their own, who must be able to reach their data: for a
# checkout under /root, .stormlog becomes a link to a folder under /var/lib.
place_home() {
  if [[ $(id -u) -ne 0 || -n ${STORMLOG_HOME:-} || -L $home ]]; then
    mkdir -p "$home"
    return
  fi
  if is_reachable "$home"; then
    mkdir -p "$home"
    return
  fi
  local target
  target=/var/lib/stormlog/$(printf %s "$root" | sha256sum | cut -c1-12)
  mkdir -p /var/lib/stormlog
  if [[ -d $home ]]; then
    [[ ! -e $home/data ]] ||
      die "$home/data cannot be reached by user $system_user; stop the stack, then: mv $home $target && ln -s $target $home"
    mv -T "$home" "$target"
  fi
  mkdir -p "$target"
  ln -s "$target" "$home"
  note "The data go to $target: the servers' user cannot reach $root."
}

# --- steps ------------------------------------------------------------------------------------------

setup_packages() {
  local wanted=("${build_packages[@]}" "${run_packages[@]}") list missing
  if $tests; then
    wanted+=("${test_packages[@]}")
    if ! scripts/client-packages.sh --check 2>/dev/null; then wanted+=("${client_packages[@]}"); fi
  fi
  if ! scripts/kafka-jars.sh --check "$kafka_version" "$home/dist/kafka-$kafka_version"; then
    wanted+=("${fetch_packages[@]}")
  fi
  # In two steps: a failure inside <(…) would go unseen, and read as nothing missing.
  list=$(missing_packages "${wanted[@]}")
  if [[ -z $list ]]; then
    echo "nothing is missing"
    return
  fi
  mapfile -t missing <<<"$list"
  list=$(pick_packages "${missing[@]}")
  list=${list//$'\n'/ }
  echo "missing: $list"
  if ! is_debian; then
    hint "This is not Debian or Ubuntu. Install what your system calls these, then run $0 again:" \
      "  $list"
    return 1
  fi
  hint "As root: apt-get update && apt-get install --no-install-recommends $list" \
    "Then run $0 again."
  if $offline; then
    echo "packages are missing, and --offline forbids to fetch them"
    return 1
  fi
  if ! find_root; then
    echo "neither root nor sudo"
    return 1
  fi
  "${as_root[@]}" bash scripts/apt-install.sh "${missing[@]}"
  hash -r
  list=$(missing_packages "${wanted[@]}")
  if [[ -n $list ]]; then
    echo "still missing after the installation: ${list//$'\n'/ }"
    return 1
  fi
}

setup_user() {
  if [[ $(id -u) -ne 0 ]]; then
    echo "not root: everything runs as $(id -un)"
    return
  fi
  if id "$system_user" >/dev/null 2>&1; then
    echo "user $system_user is there"
    return
  fi
  hint "Create the user by hand: useradd --system --user-group $system_user"
  useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
    --comment 'Stormlog servers' "$system_user"
}

setup_postgresql() {
  local folder major data=$home/data/postgresql/db/PG_VERSION
  hint "Install PostgreSQL's server programs (Debian: apt-get install postgresql)."
  if ! folder=$(find_postgres); then
    echo "there is no initdb and postgres under /usr/lib/postgresql, nor on the PATH"
    return 1
  fi
  major=$("$folder/bin/postgres" --version | grep -o '[0-9]*' | head -n 1)
  if [[ -f $data && $(cat "$data") != "$major" ]]; then
    local kept
    kept=/usr/lib/postgresql/$(cat "$data")
    if [[ -x $kept/bin/postgres ]]; then
      folder=$kept
    else
      hint "Install postgresql-$(cat "$data") again, or remove Stormlog's data: $bin/stormlog down --wipe"
      echo "the data in $home/data/postgresql are of PostgreSQL $(cat "$data"), this machine has $major"
      return 1
    fi
  fi
  mkdir -p "$home/dist"
  ln -sfnT "$folder" "$home/dist/postgresql"
  echo "$folder"
}

setup_jars() {
  hint "Maven fetches them from where its settings say (~/.m2/settings.xml); see that it reaches it," \
    "then run $0 again. On a machine without network, copy ~/.cache/stormlog from another one."
  local options=()
  if $offline; then options+=(--offline); fi
  scripts/kafka-jars.sh "${options[@]}" "$kafka_version" "$home/dist/kafka-$kafka_version"
}

setup_clients() {
  hint "They come through npm, pip and Go, from where their settings say; see that they reach it," \
    "then run $0 --tests again. On a machine without network, copy ~/.cache/stormlog from another one."
  local options=()
  if $offline; then options+=(--offline); fi
  scripts/client-packages.sh "${options[@]}"
}

setup_build() {
  local build=$root/build/release targets=(stormlog api-gateway log-producer log-consumer)
  hint "The first error in the log tells. With another compiler than GCC 12, warnings may be new ones:" \
    "  STORMLOG_WERROR=OFF $0" \
    "To build from nothing: rm -rf $build"
  # A build folder that was copied or moved here knows paths that are not its own.
  local fresh=()
  if [[ -f $build/CMakeCache.txt ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build/CMakeCache.txt"; then
    fresh=(--fresh)
  fi
  # ninja runs cmake by itself when a CMake file has changed.
  if [[ ! -f $build/build.ninja || ${#fresh[@]} -gt 0 || -n ${STORMLOG_WERROR:-} ]]; then
    cmake --preset release "${fresh[@]}" "-DSTORMLOG_WERROR=${STORMLOG_WERROR:-ON}"
  fi
  if $tests; then targets=(all); fi
  ninja -C "$build" "${targets[@]}"
}

start_infrastructure() {
  local services=kafka,postgresql,redis,prometheus profile=()
  if $zookeeper; then
    services=zookeeper,$services
    profile=(--profile zookeeper)
  fi
  hint "The servers' logs: $home/logs. What runs: $bin/stormlog status. Stop all: $bin/stormlog down" \
    "To change between KRaft and ZooKeeper, start from empty data: $bin/stormlog down --wipe"
  "$bin/stormlog" up "${profile[@]}" --only "$services"
}

# --- main -------------------------------------------------------------------------------------------

began=$(now_ms)
place_home
say "Stormlog: setting up in $root"
step packages 'packages' setup_packages
step user "the servers' user" setup_user
step postgresql 'PostgreSQL' setup_postgresql
step jars "Kafka $kafka_version" setup_jars
if $tests; then step clients "clients to test with" setup_clients; fi
step build 'build' setup_build
if ! $start_stack; then
  say "Ready in $(seconds_since "$began") s."
  exit 0
fi
step start 'infrastructure' start_infrastructure
cat <<TEXT
Ready in $(seconds_since "$began") s. Running:
  Kafka       127.0.0.1:9092
  PostgreSQL  127.0.0.1:15432   psql "host=127.0.0.1 port=15432 dbname=stormlog user=stormlog passfile=$home/data/postgresql/pgpass"
  Redis       127.0.0.1:16379
  Prometheus  http://127.0.0.1:9090

Next:
  ./demo.sh                                the producer is killed under load; nothing is lost
  integration-tests/test-end-to-end.sh     one event, all the way
  build/release/bin/stormlog up            the whole stack
  build/release/bin/stormlog down          stops all of it
TEXT
