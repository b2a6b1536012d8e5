# What the scripts share: where the tree is, how to speak, how to become root. Source it: . "$(dirname "$0")/lib.sh"
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
scripts=$root/scripts
me=${0##*/}
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C.UTF-8

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "$me" "$*" >&2; exit 1; }

# The comment on top of a script is its help.
usage() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; exit "${1:-2}"; }

# How many compilers at once: one a core, and no more than memory allows. JOBS says otherwise.
jobs_at_once() {
  local cores memory; cores=$(nproc); memory=$(awk '/^MemAvailable/ { print int($2 / 1200000) }' /proc/meminfo)
  [[ ${memory:-1} -ge 1 ]] || memory=1
  echo "${JOBS:-$((cores < memory ? cores : memory))}"
}

# Runs a command as root, or says which one to run. It never asks for a password where nobody can type one.
as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; return; fi
  if command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then sudo "$@"; return; fi
  fail "this needs root; run as root: $*"
}

# Samba's LDAP ports are fixed and low.
allow_low_ports() {
  [[ $(id -u) != 0 && $(</proc/sys/net/ipv4/ip_unprivileged_port_start) -gt 389 ]] || return 0
  say "The directory needs the ports 389 and 636. Until the next boot, ordinary users may use ports from 389 on:"
  as_root sysctl net.ipv4.ip_unprivileged_port_start=389
}
