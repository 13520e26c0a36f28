#!/usr/bin/env bash
# Installs packages as root without side effects: scripts/apt-install.sh PACKAGE[|ALTERNATIVE]...
#
# Debian starts a server as soon as it is installed, and gives PostgreSQL a first database. Stormlog
# runs instances of its own and leaves the system's alone: for the time of the installation the
# servers' start is denied, and what was installed here for the first time is not started at boot.
# A server that was installed before is not touched.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/packages.sh"

if [[ $# -eq 0 || $1 == --help ]]; then
  sed -n '2,7s/^# \{0,1\}//p' "$0"
  exit $(($# == 0 ? 2 : 0))
fi
[[ $(id -u) -eq 0 ]] || { echo "error: $0 must run as root" >&2; exit 2; }

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8
policy=/usr/sbin/policy-rc.d
cluster_conf=/etc/postgresql-common/createcluster.d/stormlog.conf
servers=(postgresql redis-server prometheus prometheus-node-exporter)

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

new_servers=()
for server in "${servers[@]}"; do
  is_installed "$server" || new_servers+=("$server")
done

made_policy=false
cleanup() {
  if $made_policy; then rm -f "$policy"; fi
  rm -f "$cluster_conf"
  rmdir --ignore-fail-on-non-empty "$(dirname "$cluster_conf")" 2>/dev/null || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# An administrator's own policy stays in force.
if [[ ! -e $policy ]]; then
  made_policy=true
  {
    echo '#!/bin/sh'
    echo '# Written by Stormlog'\''s setup for the time of an installation.'
    echo "case \"\$1\" in $(IFS='|'; echo "${servers[*]}")|postgresql@*) exit 101 ;; esac"
    echo 'exit 0'
  } >"$policy"
  chmod 755 "$policy"
fi
if ! is_installed postgresql-common; then
  mkdir -p "$(dirname "$cluster_conf")"
  echo 'create_main_cluster = off' >"$cluster_conf"
fi

apt=(apt-get -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
# A mirror that does not answer is no reason to stop: the packages may be in apt's cache.
"${apt[@]}" update || echo "warning: apt-get update failed; going on with the lists at hand" >&2
# Which of the alternatives there are, only the lists of now can tell.
list=$(pick_packages "$@")
mapfile -t packages <<<"$list"
"${apt[@]}" install --no-install-recommends "${packages[@]}"

if command -v systemctl >/dev/null 2>&1; then
  for server in "${new_servers[@]}"; do
    if is_installed "$server"; then systemctl disable "$server.service" || true; fi
  done
fi
