// A program that knows the content of each of its pages while its threads write, drop, unmap, remap and fork: churn
// SECONDS [PAGES [SOCKET]]. It says twice a second what it found, and after SECONDS or a SIGTERM what a look at every
// page gave. With SOCKET it is its own restored task: its memory comes in from images of its own making, by a pager
// that listens there.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = 512, THREADS = 4, SPAN_MAX = 24, CHILD_STEPS = 40, WORD_OF_THE_END = 0x52535446 };
static const uint64_t zeros = 0, nothing = UINT64_MAX;

/** Of one thread: pages in the first half at the start, all of them anywhere later. */
struct arena {
  pthread_t thread;
  char *memory;
  /** What each page is filled with. */
  uint64_t *content;
  size_t pages;
  uint64_t random, checked, wrong, steps;
};

static struct arena arenas[THREADS];
static volatile double until;

static void stop(int signal) {
  (void)signal;
  until = 0;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t below(struct arena *arena, size_t limit) {
  arena->random ^= arena->random << 13;
  arena->random ^= arena->random >> 7;
  arena->random ^= arena->random << 17;
  return arena->random % limit;
}

static char *page_at(const struct arena *arena, size_t index) {
  return arena->memory + index * PAGE;
}

static void fill(uint64_t *words, uint64_t content) {
  for (size_t i = 0; i < WORDS; i++) words[i] = content == zeros ? 0 : content * WORDS + i;
}

static void check(struct arena *arena, size_t index) {
  if (arena->content[index] == nothing) return;
  const uint64_t *words = (const uint64_t *)page_at(arena, index);
  uint64_t expected[WORDS];
  fill(expected, arena->content[index]);
  arena->checked++;
  if (memcmp(words, expected, PAGE) == 0) return;
  if (arena->wrong++ < 3) fprintf(stderr, "page %zu: %lx instead of %lx\n", index, words[0], expected[0]);
}

static bool all(const struct arena *arena, size_t index, size_t count, bool mapped) {
  for (size_t i = index; i < index + count; i++) if ((arena->content[i] != nothing) != mapped) return false;
  return true;
}

static void set(struct arena *arena, size_t index, size_t count, uint64_t content) {
  for (size_t i = index; i < index + count; i++) arena->content[i] = content;
}

/** What a call did that failed half-way: the kernel moves one mapping after the other. */
static void look_again(struct arena *arena, size_t from, size_t to, size_t count) {
  unsigned char resident;
  for (size_t i = 0; i < count; i++) {
    if (mincore(page_at(arena, from + i), PAGE, &resident) == 0) continue;
    if (mincore(page_at(arena, to + i), PAGE, &resident) == 0) arena->content[to + i] = arena->content[from + i];
    arena->content[from + i] = nothing;
  }
}

/** Moves pages onto others, or to where nothing is. */
static void move(struct arena *arena, size_t from, size_t to, size_t count, int flags) {
  if (from + count > to && to + count > from) return;
  void *moved = mremap(page_at(arena, from), count * PAGE, count * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | flags, page_at(arena, to));
  if (moved == MAP_FAILED) return look_again(arena, from, to, count);
  memcpy(arena->content + to, arena->content + from, count * sizeof *arena->content);
  set(arena, from, count, flags & MREMAP_DONTUNMAP ? zeros : nothing);
}

/** Moves the first of some pages, and gives up the others by the same call. */
static void shrink(struct arena *arena, size_t from, size_t to, size_t count) {
  if (from + count > to && to + 1 > from) return;
  if (mremap(page_at(arena, from), count * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(arena, to)) == MAP_FAILED) {
    look_again(arena, from, to, 1);
    for (size_t i = 1; i < count; i++) look_again(arena, from + i, from + i, 1);
    return;
  }
  arena->content[to] = arena->content[from];
  set(arena, from, count, nothing);
}

static void step(struct arena *arena, bool may_fork);

/** The child has the same pages, and goes its own way. */
static void fork_child(struct arena *arena) {
  pid_t child = fork();
  if (child < 0) return;
  if (child == 0) {
    arena->wrong = 0;
    for (int i = 0; i < CHILD_STEPS; i++) step(arena, i == 0 && below(arena, 4) == 0);
    for (int i = 0; i < 200; i++) check(arena, below(arena, arena->pages));
    _exit(arena->wrong > 0);
  }
  int status;
  while (waitpid(child, &status, 0) < 0) {}
  if (status != 0) arena->wrong++;
}

static void step(struct arena *arena, bool may_fork) {
  size_t count = 1 + below(arena, SPAN_MAX), index = below(arena, arena->pages - SPAN_MAX), to = below(arena, arena->pages - SPAN_MAX);
  arena->steps++;
  size_t kind = below(arena, may_fork ? 401 : 400);
  switch (kind / 4) {
    case 0 ... 39:
      check(arena, index);
      break;
    case 40 ... 69:
      if (arena->content[index] == nothing) break;
      arena->content[index] = 1 + below(arena, 1 << 30);
      fill((uint64_t *)page_at(arena, index), arena->content[index]);
      break;
    case 70 ... 77:
      if (all(arena, index, count, true) && madvise(page_at(arena, index), count * PAGE, MADV_DONTNEED) == 0) set(arena, index, count, zeros);
      break;
    case 78 ... 81:
      if (munmap(page_at(arena, index), count * PAGE) == 0) set(arena, index, count, nothing);
      break;
    case 82 ... 90:
      if (!all(arena, index, count, false)) break;
      if (mmap(page_at(arena, index), count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) set(arena, index, count, zeros);
      break;
    case 91:
      if (all(arena, index, count, true) && all(arena, to, 1, false)) shrink(arena, index, to, count);
      break;
    case 92 ... 94:
      if (all(arena, index, count, true) && all(arena, to, count, false)) move(arena, index, to, count, 0);
      break;
    case 95 ... 97:
      if (arena->content[index] != nothing) move(arena, index, to, 1, 0);
      break;
    case 98 ... 99:
      if (arena->content[index] != nothing) move(arena, index, to, 1, MREMAP_DONTUNMAP);
      break;
    default:
      fork_child(arena);
  }
}

static void *churn(void *given) {
  struct arena *arena = given;
  double pause_at = now();
  while (now() < until) {
    step(arena, true);
    if (now() - pause_at < 0.004) continue;
    usleep(4000); // leaves the machine to others
    pause_at = now();
  }
  for (size_t i = 0; i < arena->pages; i++) check(arena, i);
  return NULL;
}

// ---- as its own restored task ----

static void put(FILE *file, const void *bytes, size_t size) {
  if (fwrite(bytes, 1, size, file) != size) abort();
}

static size_t put_varint(uint8_t *at, uint64_t value) {
  size_t size = 0;
  for (; value > 127; value >>= 7) at[size++] = (uint8_t)(value | 128);
  at[size++] = (uint8_t)value;
  return size;
}

static void put_message(FILE *file, const uint64_t *values, int count) {
  uint8_t message[64];
  uint32_t size = 0;
  for (int i = 0; i < count; i++) {
    message[size++] = (uint8_t)((i == 2 ? 4 : i + 1) << 3);
    size += (uint32_t)put_varint(message + size, values[i]);
  }
  put(file, &size, sizeof size);
  put(file, message, size);
}

static FILE *image(const char *name, uint32_t magic) {
  FILE *file = fopen(name, "w");
  uint32_t words[] = {0x54564319, magic};
  if (file == NULL) abort();
  if (magic != 0) put(file, words, sizeof words);
  return file;
}

/** Images of a task 1: two runs of pages for each arena, which are lazy and present. */
static void write_images(void) {
  FILE *mm = image("mm-1.img", 0x57492820), *pagemap = image("pagemap-1.img", 0x56084025), *pages = image("pages-1.img", 0);
  put_message(mm, NULL, 0);
  put_message(pagemap, (uint64_t[]){1}, 1);
  for (int i = 0; i < THREADS; i++) {
    struct arena *arena = &arenas[i];
    for (size_t half = 0; half < 2; half++) {
      uint64_t count = arena->pages / 4, start = half * count;
      put_message(pagemap, (uint64_t[]){(uint64_t)(uintptr_t)page_at(arena, start), count, 6}, 3);
      for (size_t page = start; page < start + count; page++) {
        uint64_t words[WORDS];
        fill(words, arena->content[page]);
        put(pages, words, PAGE);
      }
    }
  }
  if (fclose(mm) || fclose(pagemap) || fclose(pages)) abort();
}

static void send_descriptor(int socket, int descriptor) {
  char byte = 0;
  union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
  memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
  struct iovec content = {&byte, 1};
  struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (sendmsg(socket, &message, 0) != 1) abort();
}

static void register_arenas(int descriptor) {
  struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_EVENT_REMOVE};
  if (ioctl(descriptor, UFFDIO_API, &api)) abort();
  for (int i = 0; i < THREADS; i++) {
    struct uffdio_register region = {.range = {(uint64_t)(uintptr_t)arenas[i].memory, arenas[i].pages / 2 * PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (ioctl(descriptor, UFFDIO_REGISTER, &region)) abort();
  }
}

/** All memory is given to the pager behind `path`. */
static void become_lazy(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int32_t task = 1, end = WORD_OF_THE_END;
  int client = socket(AF_UNIX, SOCK_STREAM, 0), descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  write_images();
  register_arenas(descriptor);
  if (connect(client, (struct sockaddr *)&address, sizeof address) || send(client, &task, sizeof task, 0) != sizeof task) abort();
  send_descriptor(client, descriptor);
  close(descriptor);
  if (send(client, &end, sizeof end, 0) != sizeof end) abort();
  close(client);
}

static void prepare(struct arena *arena, int number, size_t pages, bool lazy) {
  arena->pages = pages;
  arena->random = 88172645463325252u + (uint64_t)number * 7919;
  arena->content = malloc(pages * sizeof *arena->content);
  char *place = (char *)0x200000000000 + ((uintptr_t)number << 36); // where the kernel puts nothing by itself
  arena->memory = mmap(place, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (arena->memory == MAP_FAILED || arena->content == NULL) abort();
  munmap(page_at(arena, pages / 2), pages / 2 * PAGE);
  set(arena, 0, pages, nothing);
  for (size_t i = 0; i < pages / 2; i++) {
    arena->content[i] = 1 + i + (uint64_t)number * pages;
    if (!lazy) fill((uint64_t *)page_at(arena, i), arena->content[i]);
  }
}

static void say(const char *when) {
  uint64_t checked = 0, wrong = 0, steps = 0;
  for (int i = 0; i < THREADS; i++) {
    checked += arenas[i].checked;
    wrong += arenas[i].wrong;
    steps += arenas[i].steps;
  }
  printf("{\"when\":\"%s\",\"steps\":%lu,\"checked\":%lu,\"wrong\":%lu}\n", when, steps, checked, wrong);
  fflush(stdout);
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? atof(argv[1]) : 10;
  size_t pages = argc > 2 ? (size_t)atol(argv[2]) : 16384;
  for (int i = 0; i < THREADS; i++) prepare(&arenas[i], i, pages, argc > 3);
  if (argc > 3) become_lazy(argv[3]);
  until = now() + seconds;
  signal(SIGTERM, stop);
  for (int i = 0; i < THREADS; i++) pthread_create(&arenas[i].thread, NULL, churn, &arenas[i]);
  while (now() < until) {
    say("running");
    usleep(500000);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(arenas[i].thread, NULL);
  say("end");
  uint64_t wrong = 0;
  for (int i = 0; i < THREADS; i++) wrong += arenas[i].wrong;
  return wrong > 0;
}
