# How the two C executables are compiled; sourced by their build scripts, which set `name`, `sources` (the first one is
# compiled) and `tests`.
warnings='-std=gnu17 -Wall -Wextra -Wconversion -Werror'
sanitizers='-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all'

static_cc="gcc $warnings -Os -static -s"
if command -v musl-gcc > /dev/null; then static_cc="musl-gcc $warnings -Os -static -s"; fi

# compile OUTPUT COMPILER FLAGS...: only when a source is newer; the output appears whole or not at all.
compile() {
  output=$1
  shift
  if [ -e "$output" ] && [ -z "$(find $sources "$0" core/native/build-c.sh -newer "$output")" ]; then return; fi
  mkdir -p "$(dirname "$output")"
  "$@" -o "$output.$$" "${sources%% *}" || { rm -f "$output.$$"; return 1; }
  mv "$output.$$" "$output"
}

# build_variant release|test|sanitized|bench|fuzz; all but the release look for everything below their working
# directory.
build_variant() {
  case $1 in
    release) compile "build/$name" $static_cc ;;
    bench) compile "build/bench/$name" $static_cc $tests ;;
    test) compile "build/test/$name" gcc $warnings -Os $tests ;;
    sanitized) compile "build/sanitized/$name" gcc $warnings $sanitizers $tests ;;
    fuzz)
      sources="${sources%%.c *}.fuzz.c core/native/fuzz.h $sources"
      if command -v clang > /dev/null; then
        compile "build/fuzz/$name" clang $warnings $sanitizers,fuzzer -DGODWIT_LIBFUZZER $tests
      else
        compile "build/fuzz/$name" gcc $warnings $sanitizers $tests
      fi
      ;;
    *) echo "unknown variant: $1" >&2; return 2 ;;
  esac
}
