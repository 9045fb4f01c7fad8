#!/bin/sh
# Builds godwit-cni: `build-shim.sh` the static release, `build-shim.sh test|sanitized|bench|fuzz` what its tests and
# benchmarks run (core/native/build-c.sh).
set -eu
cd "$(dirname "$0")/../.."
. core/native/build-c.sh

name=godwit-cni
sources="cni-plugin/native/$name.c core/native/unix-client.h"
tests='-DGODWIT_RUN_DIR="run" -DGODWIT_STATE_DIR="state" -DGODWIT_CNI_DEADLINE_MS=4000'

build_variant "${1:-release}"
