#!/bin/sh
# Builds godwit-tracker: `build-tracker.sh` the static release, `build-tracker.sh test|sanitized` what its tests run
# (core/native/build-c.sh).
set -eu
cd "$(dirname "$0")/../.."
. core/native/build-c.sh

name=godwit-tracker
sources="node-agent/native/tracker/$name.c $(echo node-agent/native/tracker/*.h)"
tests=''
# musl brings no headers of the kernel.
static_cc="$static_cc -idirafter /usr/include -idirafter /usr/include/$(gcc -print-multiarch)"

build_variant "${1:-release}"
