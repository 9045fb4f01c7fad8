// direct FILE: reads from a file into its memory by direct I/O, without pause. Says "ready" when it has begun.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCKS = 1024, BLOCK = 16384 };

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int file = open(argv[1], O_RDWR | O_CREAT | O_DIRECT, 0600);
  uint8_t *memory = aligned_alloc(BLOCK, (size_t)BLOCKS * BLOCK);
  if (file < 0 || memory == NULL) return perror("direct"), 1;
  for (size_t i = 0; i < (size_t)BLOCKS * BLOCK; i++) memory[i] = (uint8_t)(i * 31 + i / BLOCK);
  if (pwrite(file, memory, (size_t)BLOCKS * BLOCK, 0) < 0) return perror("direct"), 1;
  printf("ready\n");
  fflush(stdout);
  for (uint64_t i = 0;; i++) {
    uint64_t to = i * 7 % BLOCKS, from = i * 13 % BLOCKS;
    if (pread(file, memory + to * BLOCK, BLOCK, (off_t)(from * BLOCK)) != BLOCK) return perror("direct"), 1;
    usleep(100);
  }
}
