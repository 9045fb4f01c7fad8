#!/bin/sh
# Builds godwit-pager: `build-pager.sh` the static release, `build-pager.sh test|sanitized|fuzz` what its tests run
# (core/native/build-c.sh).
set -eu
cd "$(dirname "$0")/../.."
. core/native/build-c.sh

name=godwit-pager
headers=$(echo node-agent/native/pager/*.h)
sources="node-agent/native/pager/$name.c $headers"
tests='-DGODWIT_PAGER_PAUSE_US=1000'
# musl brings no headers of the kernel.
static_cc="$static_cc -idirafter /usr/include -idirafter /usr/include/$(gcc -print-multiarch)"

build_variant "${1:-release}"
