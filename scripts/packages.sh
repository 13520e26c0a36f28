# shellcheck shell=bash disable=SC2034 # used by those who source it
# Which packages Stormlog needs, and which of them are missing. Sourced after lib.sh.

# PACKAGE[|ALTERNATIVE...][ =COMMAND]: the first one that is installed will do; so does the command,
# wherever it comes from.
build_packages=(
  'g++ =g++'
  'cmake =cmake'
  'ninja-build =ninja'
  'ccache =ccache'
  'pkg-config|pkgconf =pkg-config'
  'libboost1.81-dev|libboost1.83-dev|libboost1.88-dev|libboost-dev'
  'libcurl4-openssl-dev|libcurl4-gnutls-dev'
  'librdkafka-dev'
  'libpq-dev'
  'libhiredis-dev'
  'libsimdjson-dev'
  'nlohmann-json3-dev'
  'libyaml-cpp-dev'
  'libcli11-dev'
  'libfmt-dev'
  'libspdlog-dev'
  'prometheus-cpp-dev'
  'libssl-dev'
  'zlib1g-dev'
  'libzstd-dev'
  'libsnappy-dev'
  'libjemalloc-dev'
  'libprotozero-dev'
  'libgtest-dev'
  'libgmock-dev'
  'libbenchmark-dev'
)
run_packages=(
  'postgresql =postgres'
  'redis-server|valkey-server =redis-server'
  'redis-tools =redis-cli'
  'prometheus =prometheus'
  'openjdk-17-jre-headless|openjdk-21-jre-headless|openjdk-25-jre-headless =java'
  'curl =curl'
  'python3 =python3'
  'procps =ps'
  'iproute2 =ss'
)
# Pinned: another major version formats differently.
test_packages=('clang-format-14 =clang-format-14' 'nodejs =node' 'openssl =openssl')
# Only when scripts/client-packages.sh has something to fetch.
client_packages=('npm =npm' 'python3-venv =python3-venv' 'golang-go|golang =go')
# For scripts/fuzz.sh alone. Pinned, as the preset names it.
fuzz_packages=('clang-14 =clang++-14' 'libclang-rt-14-dev')
fetch_packages=('maven =mvn')

have_command() { command -v "$1" >/dev/null 2>&1; }
is_debian() { have_command dpkg-query && have_command apt-get; }

# Prints the major version of the java on the PATH, 0 without one.
java_major() {
  local text
  text=$(java -version 2>&1 | head -n 1) || true
  [[ $text =~ \"([0-9]+) ]] && printf '%s' "${BASH_REMATCH[1]}" || printf 0
}

# COMMAND of a requirement is there and good enough.
command_serves() {
  case $1 in
    java) have_command java && [[ $(java_major) -ge 17 ]] ;;
    postgres) find_postgres >/dev/null ;;
    node) have_command node && [[ $(node --version) =~ ^v([0-9]+) && ${BASH_REMATCH[1]} -ge 18 ]] ;;
    # A module of Python, which comes as a package of its own.
    python3-venv) have_command python3 && python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    *) have_command "$1" ;;
  esac
}

# missing_packages REQUIREMENT...: prints the packages of each missing one, alternatives as they are,
# a line each. Elsewhere than on Debian only commands are looked for: there the build says which
# library it misses.
missing_packages() {
  local requirement names name command all=() installed=' '
  if is_debian; then
    for requirement in "$@"; do
      IFS='|' read -ra names <<<"${requirement%% *}"
      all+=("${names[@]}")
    done
    # dpkg-query fails when it does not know one of the names, and prints the others all the same.
    installed=" $({ dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${all[@]}" 2>/dev/null || true; } |
      awk '$2 == "installed" {print $1}' | tr '\n' ' ') "
  fi
  for requirement in "$@"; do
    command=''
    if [[ $requirement == *' ='* ]]; then command=${requirement##*=}; fi
    if [[ -n $command ]] && command_serves "$command"; then continue; fi
    if is_debian; then
      IFS='|' read -ra names <<<"${requirement%% *}"
      for name in "${names[@]}"; do
        if [[ $installed == *" $name "* ]]; then continue 2; fi
      done
    elif [[ -z $command ]]; then
      continue
    fi
    printf '%s\n' "${requirement%% *}"
  done
}

# pick_packages A[|B...]...: of each the first that this system's lists offer, else the first.
pick_packages() {
  local alternatives names name offered=' '
  if is_debian; then
    IFS='|' read -ra names <<<"$(IFS='|'; echo "$*")"
    offered=" $({ apt-cache show --no-all-versions "${names[@]}" 2>/dev/null || true; } |
      awk '$1 == "Package:" {print $2}' | tr '\n' ' ') "
  fi
  for alternatives in "$@"; do
    IFS='|' read -ra names <<<"$alternatives"
    for name in "${names[@]}"; do
      if [[ $offered == *" $name "* ]]; then break; fi
      name=${names[0]}
    done
    printf '%s\n' "$name"
  done
}

# Prints the folder above PostgreSQL's bin/, newest version first; fails without one.
find_postgres() {
  local folder
  for folder in $(printf '%s\n' /usr/lib/postgresql/*/ /usr/pgsql-*/ | sort -rV); do
    if [[ -x $folder/bin/postgres && -x $folder/bin/initdb ]]; then
      printf '%s\n' "${folder%/}"
      return 0
    fi
  done
  # Other systems put them on the PATH.
  if have_command initdb && have_command postgres; then
    folder=$(dirname -- "$(readlink -f -- "$(command -v postgres)")")
    printf '%s\n' "${folder%/bin}"
    return 0
  fi
  return 1
}

# Sets `as_root` to the words that run a command as root; fails where there is no way.
find_root() {
  as_root=()
  if [[ $(id -u) -eq 0 ]]; then return 0; fi
  # sudo may ask for a password, which takes a terminal; standard error is a log by now.
  if have_command sudo && { sudo -n true || { { : </dev/tty; } && sudo -v; }; } 2>/dev/null; then
    as_root=(sudo)
    return 0
  fi
  return 1
}
