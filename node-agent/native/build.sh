#!/bin/sh
# Builds godwit-runc: `build.sh` the static release, `build.sh test|sanitized|bench|fuzz` what its tests and benchmarks
# run (core/native/build-c.sh).
set -eu
cd "$(dirname "$0")/../.."
. core/native/build-c.sh

name=godwit-runc
sources="node-agent/native/$name.c $(echo node-agent/native/runc/*.h) node-agent/native/watchdog.h core/native/unix-client.h"
tests='-DGODWIT_RUN_DIR="run" -DGODWIT_RUNC_PATHS="bin/runc" -DGODWIT_NEXT_FRAME_MS=3000 -DGODWIT_HOOK_ALONE_MS=4000 -DGODWIT_HOLD_ALONE_MS=1500'

build_variant "${1:-release}"
