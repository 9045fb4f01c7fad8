#!/bin/bash
# Gets a Debian-like machine ready: packages, npm modules, the C parts. Quick when there is nothing to do.
#
# Usage: setup.sh [hosts|cluster]   with `hosts` also the root file system of the test hosts, with `cluster` what kind
# needs (root)
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }

# command -> Debian package that brings it
declare -A PACKAGE_OF=(
  [gcc]=gcc [musl-gcc]=musl-tools [npm]=npm [ip]=iproute2 [unshare]=util-linux [mmdebstrap]=mmdebstrap [runc]=runc [ps]=procps
)

# What a kind cluster on podman and the product's images need beyond that.
declare -A CLUSTER_PACKAGE_OF=([podman]=podman [patchelf]=patchelf [jq]=jq [iptables]=iptables [go]=golang-go)
if [ "${1:-}" = cluster ]; then
  for command in "${!CLUSTER_PACKAGE_OF[@]}"; do PACKAGE_OF[$command]=${CLUSTER_PACKAGE_OF[$command]}; done
fi

missing_packages() {
  if [ -n "${PACKAGE_OF[podman]:-}" ]; then
    [ -e /usr/lib/podman/netavark ] || echo netavark
    [ -e /usr/lib/podman/aardvark-dns ] || echo aardvark-dns
  fi
  for command in "${!PACKAGE_OF[@]}"; do command -v "$command" >/dev/null || echo "${PACKAGE_OF[$command]}"; done
  [ -e /usr/include/stdio.h ] || echo libc6-dev
  [ -e /usr/lib/cni/bridge ] || echo containernetworking-plugins # what bench-cni compares with
}

install_packages() {
  local packages
  packages=$(missing_packages)
  [ -z "$packages" ] && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "these Debian packages are missing, and installing them needs root and apt-get:" $packages
    exit 1
  fi
  say "installing" $packages
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >&2
}

install_modules() {
  [ node_modules/.package-lock.json -nt package-lock.json ] && return
  say "installing npm modules (about 20 s without a cache)"
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
}

build_native() {
  node-agent/native/build.sh
  node-agent/native/build-pager.sh
  node-agent/native/build-tracker.sh
  cni-plugin/native/build-shim.sh
  cni-plugin/native/build.sh
  node-agent/native/build-addon.sh
  test-e2e/hosts/build-criu-limits.sh
  ln -sf godwit-runc build/godwit-criu-hook
}

install_packages
install_modules
build_native
if [ "${1:-}" = hosts ]; then scripts/host-image.sh >/dev/null; fi
