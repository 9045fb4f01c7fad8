// Waits for an agent that is silent: `watch SILENCE_MS LIMIT_MS PROGRAM ARGUMENT...` becomes the program when stdin
// brought no byte for SILENCE_MS, or when LIMIT_MS are over whatever it brings. An agent that is gone is as silent as
// one that hangs.
#ifndef GODWIT_WATCHDOG_H
#define GODWIT_WATCHDOG_H

#include <poll.h>
#include <stdlib.h>

#include "../../core/native/unix-client.h"

/** False when nothing will be heard any more. */
static bool hear(void) {
  char beats[256];
  ssize_t count = read(STDIN_FILENO, beats, sizeof beats);
  return count > 0 || (count < 0 && errno == EINTR);
}

static int watch(int argc, char **argv) {
  if (argc < 5) return 2;
  int64_t silence_ms = strtoll(argv[2], NULL, 10), end_ms = now_ms() + strtoll(argv[3], NULL, 10);
  int64_t deadline_ms = now_ms() + silence_ms;
  bool open = true;
  while (open && wait_for(STDIN_FILENO, POLLIN, deadline_ms < end_ms ? deadline_ms : end_ms)) {
    open = hear();
    if (open) deadline_ms = now_ms() + silence_ms;
  }
  while (!open && now_ms() < deadline_ms) poll(NULL, 0, 100);
  execv(argv[4], argv + 4);
  return 127;
}

#endif
