#!/bin/bash
# Makes root file systems from Debian packages: `node` (a kind node), `base` (small system images), `workloads` (what
# tests run in pods).
#
# Usage: roots.sh NAME   prints its path; about 30 s each with an empty cache
set -euo pipefail

cache=${GODWIT_CACHE:-/var/cache/godwit}
name=$1
small=(base-files bash dash coreutils sed grep libc-bin ca-certificates netbase)
declare -A packages=(
  # systemd 257 is the last one with cgroup v1; CRIU is not here: Godwit's own installer brings it.
  [node]="systemd/trixie systemd-sysv/trixie libsystemd0/trixie libudev1/trixie dbus iproute2 iptables nftables kmod procps util-linux mount ca-certificates libseccomp2 conntrack ethtool socat ebtables runc containerd containernetworking-plugins curl jq netbase iputils-ping hostname rsync gawk openssl"
  [base]="${small[*]} iptables nftables iproute2 iputils-ping"
  [workloads]="${small[*]} redis-server redis-tools iproute2 procps netcat-openbsd curl"
)
declare -A variant=([node]=minbase [base]=extract [workloads]=extract)

say() { echo "roots: $*" >&2; }

list=${packages[$name]}
root=$cache/cluster-root-$name-$(cat "$0" <(echo "$list") | sha256sum | cut -c1-12)
mkdir -p "$cache"
exec 9>"$cache/cluster-root-$name.lock"
flock 9
if [ -e "$root/.complete" ]; then echo "$root"; exit; fi
rm -rf "$root" "$root.new"

mirror=${GODWIT_MIRROR:-$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(CODENAME)' 'Created-By: Packages' | awk '$1 == "Debian" && $3 !~ /-/ { print $2; exit }')}
pins=$(mktemp)
trap 'rm -f "$pins"' EXIT
cat >"$pins" <<P
Package: systemd systemd-* libsystemd* libudev1 udev libpam-systemd libnss-systemd
Pin: release n=trixie
Pin-Priority: 1001
P
say "making $name from Debian packages"
mmdebstrap --quiet --variant="${variant[$name]}" --aptopt='Acquire::Check-Valid-Until "false"' \
  --setup-hook='mkdir -p "$1/etc/apt/preferences.d"' --setup-hook="cp $pins \"\$1/etc/apt/preferences.d/systemd.pref\"; chmod 644 \"\$1/etc/apt/preferences.d/systemd.pref\"" \
  --include="${list// /,}" forky "$root.new" "deb $mirror forky main" "deb $mirror trixie main" >&2
if [ "$name" != node ]; then # without maintainer scripts nobody has chosen an iptables
  for x in iptables ip6tables; do for s in "" -save -restore; do [ -e "$root.new/usr/sbin/$x-nft$s" ] && ln -sf "$x-nft$s" "$root.new/usr/sbin/$x$s"; done; done || true
  rm -rf "$root.new"/usr/share/{doc,man,locale,info} "$root.new"/var/{cache,lib/apt}
fi
touch "$root.new/.complete"
mv "$root.new" "$root"
echo "$root"
