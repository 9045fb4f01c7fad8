// Writes into shared memory of three kinds, through mappings and descriptors, in two processes. Says "ready" when it
// has begun.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <unistd.h>

enum { SIZE = 8 << 20, PAGE = 4096 };

int main(void) {
  int file = memfd_create("sharer", MFD_CLOEXEC);
  int segment = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
  if (file < 0 || segment < 0 || ftruncate(file, SIZE + 100) != 0) return perror("sharer"), 1;
  uint8_t *places[] = {
      mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
      mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0),
      shmat(segment, NULL, 0),
  };
  shmctl(segment, IPC_RMID, NULL);
  for (int i = 0; i < 3; i++)
    for (size_t at = 0; at < SIZE / 2; at += 8) *(uint64_t *)(places[i] + at) = at * 0x9e3779b97f4a7c15 + (uint64_t)i;
  if (pwrite(file, "behind the end of the mapping", 29, SIZE + 3) != 29) return 1;
  if (fork() == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  else printf("ready\n"), fflush(stdout);
  for (uint64_t i = (uint64_t)getpid();; i++) {
    uint64_t place = i * 2654435761u % (SIZE / PAGE);
    *(uint64_t *)(places[i % 3] + place * PAGE + 8 * (i % 512)) = i;
    if (i % 7 == 0 && pwrite(file, &i, sizeof i, (off_t)(place * PAGE + 16)) < 0) return 1;
    if (i % 64 == 0) usleep(1000);
  }
}
