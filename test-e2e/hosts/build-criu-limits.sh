#!/bin/sh
# Builds criu-limits.so for the CRIU of test hosts; one that is newer than its source stays.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build
source=test-e2e/hosts/criu-limits.c
output=build/criu-limits.so
[ "$output" -nt "$source" ] && exit
gcc -shared -fPIC -O2 -Wall -Wextra -Werror -o "$output.new.$$" "$source"
mv "$output.new.$$" "$output"
