// steady MIB MEGABYTES-PER-SECOND PORT: holds MIB MiB and rewrites random pages of it at that rate. Who connects hears
// how many pages are wrong, and how many writes there were.
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = PAGE / 8, MARK = 7 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/** Each word says where it is; one in each page how often the page was written. */
static size_t count_wrong(const uint64_t *memory, const uint32_t *written, size_t pages) {
  size_t wrong = 0;
  for (size_t page = 0; page < pages; page++) {
    int bad = 0;
    for (size_t word = 0; word < WORDS; word++) {
      uint64_t expected = word == MARK ? written[page] : (page * WORDS + word) * 0x9e3779b97f4a7c15;
      bad |= memory[page * WORDS + word] != expected;
    }
    wrong += (size_t)bad;
  }
  return wrong;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  size_t pages = strtoull(argv[1], NULL, 10) << 8;
  double pages_per_second = atof(argv[2]) * 1e6 / PAGE;
  uint64_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint32_t *written = calloc(pages, sizeof *written);
  int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
  if (memory == MAP_FAILED || written == NULL) return perror("steady"), 1;
  for (size_t word = 0; word < pages * WORDS; word++) memory[word] = word % WORDS == MARK ? 0 : word * 0x9e3779b97f4a7c15;
  if (bind(server, (struct sockaddr *)&address, sizeof address) != 0 || listen(server, 8) != 0) return perror("steady"), 1;
  uint64_t writes = 0, due = 0;
  for (double last = seconds();; usleep(1000)) {
    double now = seconds();
    due += (uint64_t)((now - last) * pages_per_second);
    if ((now - last) * pages_per_second >= 1) last = now;
    for (; writes < due; writes++) {
      size_t page = writes * 2654435761u % pages;
      memory[page * WORDS + MARK] = ++written[page];
    }
    int client = accept(server, NULL, NULL);
    if (client < 0) continue;
    dprintf(client, "%zu wrong, %llu writes\n", count_wrong(memory, written, pages), (unsigned long long)writes);
    close(client);
    last = seconds();
  }
}
