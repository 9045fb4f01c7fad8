#!/bin/bash
# Builds a root file system of Debian packages once and prints its path: that of a test host (criu, runc, containerd,
# the workloads' servers), or of the zoo (programs as Debian configures them, and what its clients need).
#
# Usage: host-image.sh [host|zoo]  path on stdout, progress on stderr
# GODWIT_CACHE  folder for what is expensive to build (default /var/cache/godwit)
# GODWIT_MIRROR Debian mirror; by default the one that apt on this machine uses
set -euo pipefail

SUITE=forky
# Number of the way of building; the root is rebuilt when it or the list of packages changes.
RECIPE=2
PACKAGES=(
  criu runc containerd containernetworking-plugins
  iproute2 iputils-ping iptables nftables ethtool tcpdump procps
  redis-server postgresql postgresql-contrib python3
)
TOOLS=(criu runc containerd redis-server)
NEEDED_MIB=3072
KIND=${1:-host}
if [ "$KIND" = zoo ]; then
  PACKAGES=(
    iproute2 procps python3 python3-pymysql python3-psycopg2
    nginx mariadb-server postgresql redis-server memcached sqlite3 tmux php-fpm gunicorn nodejs caddy openjdk-25-jre-headless libecj-java
  )
  TOOLS=(nginx mariadbd redis-server memcached tmux gunicorn nodejs caddy)
  NEEDED_MIB=6144
fi
CACHE=${GODWIT_CACHE:-/var/cache/godwit}

say() { echo "host-image: $*" >&2; }

key() { sha256sum <<<"$SUITE $RECIPE ${PACKAGES[*]}" | cut -c1-12; }

# Everything that is missing at once, so that nobody has to find it out line by line.
missing() {
  local kernel version
  [ "$(id -u)" = 0 ] || echo "root: run this with sudo"
  kernel=$(uname -r); version=$(printf '%d%03d' "$(cut -d. -f1 <<<"$kernel")" "$(cut -d. -f2 <<<"$kernel")")
  [ "$version" -ge 5015 ] || echo "kernel 5.15 or newer: this one is $kernel"
  for namespace in net mnt pid uts ipc cgroup; do
    [ -e /proc/self/ns/$namespace ] || echo "kernel with $namespace namespaces"
  done
  for tool in unshare nsenter ip; do
    command -v $tool >/dev/null || echo "command $tool: apt-get install util-linux iproute2"
  done
  command -v apt-config >/dev/null || echo "apt: the root is made from Debian packages"
}

missing_for_build() {
  local free
  mkdir -p "$CACHE" 2>/dev/null || true
  free=$(df --output=avail -m "$CACHE" 2>/dev/null | tail -1 | tr -d ' ')
  [ "${free:-0}" -ge $NEEDED_MIB ] || echo "$NEEDED_MIB MiB of disk below $CACHE: ${free:-0} MiB are free"
  [ -e "$KEYRING" ] || echo "the archive's keys, $KEYRING: apt-get install debian-archive-keyring"
  [ -n "$MIRROR" ] || echo "a Debian mirror: apt on this machine has none, set GODWIT_MIRROR"
}

refuse() {
  [ -z "$1" ] && return
  say "cannot go on, missing:"
  sed 's/^/  - /' <<<"$1" >&2
  exit 1
}

configured_mirror() {
  apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(CODENAME)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" && $3 !~ /-/ { print $2; exit }'
}

# Nothing on a machine that is no Debian, or whose apt knows no repository. Package lists may have been cleaned away.
machine_mirror() {
  local mirror
  mirror=$(configured_mirror)
  if [ -z "$mirror" ]; then
    apt-get update >&2
    mirror=$(configured_mirror)
  fi
  echo "$mirror"
}

# A mirror that is frozen in time needs what this machine's apt was told about dates; nothing else is relaxed.
date_options() {
  apt-config dump --format '%F "%v"%n' Acquire | grep -E '^Acquire::Check-(Valid-Until|Date) "[^"]+"$' | sed 's/^/--aptopt=/' || true
}

install_mmdebstrap() {
  command -v mmdebstrap >/dev/null && return
  say "installing mmdebstrap"
  apt-get update >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends mmdebstrap >&2 ||
    refuse "mmdebstrap: apt-get install mmdebstrap failed, see above"
}

build() {
  local beside=$1 include options
  include=$(IFS=,; echo "${PACKAGES[*]}")
  mapfile -t options < <(date_options)
  say "building Debian $SUITE in $beside (about a minute with a near mirror)"
  mmdebstrap --mode=root --variant=minbase --skip=cleanup/apt --keyring="$KEYRING" "${options[@]}" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --essential-hook='mkdir -p "$1/etc/postgresql-common" && echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
    --essential-hook='mkdir -p "$1/usr/share/man/man1"' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/tmp/* "$1"/run/*' \
    --include="$include" "$SUITE" "$beside" "$MIRROR" >&2
  for tool in "${TOOLS[@]}"; do
    chroot "$beside" sh -c "command -v $tool" >/dev/null || refuse "$tool in the root that was just built"
  done
}

refuse "$(missing)"
ROOT=$CACHE/$KIND-root-$(key)
if [ ! -d "$ROOT" ]; then
  KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
  MIRROR=${GODWIT_MIRROR:-$(machine_mirror)}
  refuse "$(missing_for_build)"
  exec 9>"$CACHE/$KIND-root.lock"
  flock 9
  if [ ! -d "$ROOT" ]; then
    install_mmdebstrap
    rm -rf "$ROOT".new-*
    trap 'rm -rf "$ROOT.new-$$"' EXIT
    build "$ROOT.new-$$"
    mv -T "$ROOT.new-$$" "$ROOT"
    say "built $ROOT"
  fi
fi
echo "$ROOT"
