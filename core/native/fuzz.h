// What drives a fuzz target: libFuzzer where the compiler has it, else the same mutations from the same seed on every
// machine.
#ifndef GODWIT_FUZZ_H
#define GODWIT_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Ends the run with the broken promise. */
#define PROMISE(condition) ((condition) ? (void)0 : (fprintf(stderr, "broken: %s (line %d)\n", #condition, __LINE__), abort()))

#ifndef GODWIT_LIBFUZZER
/** Valid inputs of the target to start from. */
struct seed {
  const char *bytes;
  size_t size;
};
#define SEED(text) {text, sizeof text - 1}
static const struct seed seeds[];
static const size_t seed_count;

enum { INPUT_MAX = 4096 };
static uint64_t random_state = 0x9e3779b97f4a7c15;

static size_t random_below(size_t limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return limit == 0 ? 0 : (size_t)(random_state % limit);
}

/** One change of the input: a bit, a byte, an interesting byte, a cut, a repetition, or a piece of another seed. */
static size_t mutate(uint8_t *input, size_t size) {
  static const uint8_t interesting[] = {0, 1, '"', '=', '-', '/', '.', ':', '0', '9', 'P', 'R', 'S', 'W', 'X', 0x7f, 0xff};
  size_t at = random_below(size + 1), length = random_below(32), left = INPUT_MAX - size;
  const struct seed *other = &seeds[random_below(seed_count)];
  switch (random_below(6)) {
    case 0: if (at < size) input[at] ^= (uint8_t)(1u << random_below(8)); return size;
    case 1: if (at < size) input[at] = (uint8_t)random_below(256); return size;
    case 2: if (at < size) input[at] = interesting[random_below(sizeof interesting)]; return size;
    case 3:
      if (length > size - at) length = size - at;
      memmove(input + at, input + at + length, size - at - length);
      return size - length;
    case 4:
      if (length > left) length = left;
      memmove(input + at + length, input + at, size - at);
      return size + length;
    default:
      if (length > other->size) length = other->size;
      if (length > left) length = left;
      memmove(input + at + length, input + at, size - at);
      memcpy(input + at, other->bytes + random_below(other->size - length + 1), length);
      return size + length;
  }
}

int main(int argc, char **argv) {
  static uint8_t input[INPUT_MAX];
  unsigned long runs = 200000;
  if (argc > 1 && sscanf(argv[1], "-runs=%lu", &runs) != 1) return 2;
  for (unsigned long run = 0; run < runs; run++) {
    const struct seed *seed = &seeds[random_below(seed_count)];
    size_t size = seed->size;
    memcpy(input, seed->bytes, size);
    for (size_t changes = run < seed_count ? 0 : 1 + random_below(8); changes > 0; changes--) size = mutate(input, size);
    uint8_t *exact = malloc(size == 0 ? 1 : size); // so that a read beyond the end is found
    PROMISE(exact != NULL);
    memcpy(exact, input, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
  }
  printf("%lu inputs held\n", runs);
  return 0;
}
#endif
#endif
