// rewriter SEED MIB THREADS: changes its memory in every way that a program has, without pause: writes, maps, unmaps,
// moves, drops, protects, reads files into it, forks, and children execute it anew (for a second, and without children
// of their own). Says "ready" once it holds MIB MiB.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, AREAS = 24, AREA_PAGES = 1024 };

struct area {
  uint8_t *start;
  size_t pages;
  /** Protection of all of it. */
  int access;
};

struct worker {
  pthread_t thread;
  uint64_t random;
  struct area areas[AREAS];
};

static char **arguments;

static uint64_t next(struct worker *worker) {
  uint64_t x = worker->random;
  x ^= x << 13, x ^= x >> 7, x ^= x << 17;
  return worker->random = x;
}

static size_t below(struct worker *worker, size_t limit) {
  return (size_t)(next(worker) % limit);
}

static void fill(struct worker *worker, uint8_t *start, size_t pages) {
  for (size_t i = 0; i < pages * PAGE / sizeof(uint64_t); i++) ((uint64_t *)start)[i] = next(worker);
}

static void map_new(struct worker *worker, struct area *area) {
  area->pages = 1 + below(worker, AREA_PAGES);
  area->access = PROT_READ | PROT_WRITE;
  area->start = mmap(NULL, area->pages * PAGE, area->access, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area->start == MAP_FAILED) abort();
  if (below(worker, 4) == 0) madvise(area->start, area->pages * PAGE, MADV_HUGEPAGE);
  fill(worker, area->start, area->pages);
}

static void make_writable(struct area *area) {
  if (area->access == (PROT_READ | PROT_WRITE)) return;
  area->access = PROT_READ | PROT_WRITE;
  if (mprotect(area->start, area->pages * PAGE, area->access) != 0) abort();
}

static void move(struct worker *worker, struct area *area) {
  size_t pages = 1 + below(worker, AREA_PAGES);
  make_writable(area);
  uint8_t *moved = mremap(area->start, area->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE);
  if (moved == MAP_FAILED) return; // parts of it are other mappings by now
  if (pages > area->pages) fill(worker, moved + area->pages * PAGE, pages - area->pages);
  area->start = moved;
  area->pages = pages;
}

/** Other memory at the same address. */
static void replace_part(struct worker *worker, struct area *area) {
  size_t from = below(worker, area->pages), pages = 1 + below(worker, area->pages - from);
  make_writable(area);
  uint8_t *part = area->start + from * PAGE;
  if (mmap(part, pages * PAGE, area->access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != part) abort();
  if (below(worker, 2)) fill(worker, part, pages);
}

static void read_into(struct worker *worker, struct area *area) {
  int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  size_t from = below(worker, area->pages);
  make_writable(area);
  if (read(file, area->start + from * PAGE, PAGE) < 0) abort();
  close(file);
}

/** A child that changes its copy, and ends or becomes another program. */
static void fork_child(struct worker *worker) {
  if (fork() != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int i = 0; i < 200; i++) {
    struct area *area = &worker->areas[below(worker, AREAS)];
    make_writable(area);
    fill(worker, area->start + below(worker, area->pages) * PAGE, 1);
    usleep(1000);
  }
  if (below(worker, 2)) execv("/proc/self/exe", (char *[]){arguments[0], "9", "1", "1", "brief", NULL});
  _exit(0);
}

static void use_stack(struct worker *worker, int depth) {
  volatile uint8_t room[PAGE];
  for (size_t i = 0; i < sizeof room; i += 64) room[i] = (uint8_t)next(worker);
  if (depth > 0) use_stack(worker, depth - 1);
}

static void step(struct worker *worker, int forks) {
  struct area *area = &worker->areas[below(worker, AREAS)];
  switch (below(worker, 16)) {
    case 0: munmap(area->start, area->pages * PAGE); map_new(worker, area); break;
    case 1: move(worker, area); break;
    case 2: replace_part(worker, area); break;
    case 3: make_writable(area); madvise(area->start + below(worker, area->pages) * PAGE, PAGE, MADV_DONTNEED); break;
    case 4: read_into(worker, area); break;
    case 5: area->access = below(worker, 2) ? PROT_READ : PROT_NONE; mprotect(area->start, area->pages * PAGE, area->access); break;
    case 6: use_stack(worker, (int)below(worker, 16)); break;
    case 7: if (forks && below(worker, 2000) == 0) fork_child(worker); break;
    default: make_writable(area); fill(worker, area->start + below(worker, area->pages) * PAGE, 1); break;
  }
}

static void *work(void *argument) {
  struct worker *worker = argument;
  for (;;) {
    for (int i = 0; i < 20; i++) step(worker, 0);
    usleep(500);
  }
  return NULL;
}

int main(int argc, char **argv) {
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  size_t mebibytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 16;
  int threads = argc > 3 ? atoi(argv[3]) : 2;
  static struct worker workers[16];
  struct worker first = {.random = seed * 0x9e3779b97f4a7c15 + 1};
  arguments = argv;
  signal(SIGCHLD, SIG_IGN);
  uint8_t *base = mmap(NULL, mebibytes << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) abort();
  fill(&first, base, mebibytes << 8);
  for (int i = 0; i < AREAS; i++) map_new(&first, &first.areas[i]);
  for (int i = 0; i < threads && i < 16; i++) {
    workers[i].random = next(&first);
    for (int j = 0; j < AREAS; j++) map_new(&workers[i], &workers[i].areas[j]);
    pthread_create(&workers[i].thread, NULL, work, &workers[i]);
  }
  printf("ready\n");
  fflush(stdout);
  for (int turn = 0; argc < 5 || turn < 1000; turn++) {
    for (int i = 0; i < 20; i++) step(&first, argc < 5);
    fill(&first, base + below(&first, mebibytes << 8) * PAGE, 1);
    usleep(500);
  }
  return 0;
}
