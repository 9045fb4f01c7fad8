// godwit-pager IMAGES: brings the memory of restored tasks in while they run; its working directory has the socket for
// CRIU and the state. Two processes share all descriptors: the guard starts a new pager when one is killed, and a pager
// becomes the guard when that one is.
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "serve.h"

#define STATE_NAME "pager.state"
enum { PAGERS_MAX = 1000 };

static struct state *open_state(void) {
  int fd = open(STATE_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof(struct state)) != 0) return NULL;
  struct state *state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (state == MAP_FAILED) return NULL;
  state->magic = state_magic;
  return state;
}

/** A child with a table of descriptors in common: what the kernel gives to one, the other has as well. */
static pid_t start_pager(void) {
  return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}

/** Runs as the pager until all is in, or its guard has died. */
static void run_pager(struct pager *pager) {
  struct state *state = pager->state;
  pager->guard = (int)syscall(SYS_pidfd_open, state->guard, 0);
  if (pager->guard < 0) return;
  take_over(pager);
  enum outcome outcome = serve(pager);
  close(pager->guard);
  if (outcome == GUARD_DIED) return;
  state->done = outcome == ALL_IN;
  while (!state->done) pause();
  _exit(0);
}

/** Waits for the end of the pager; ends as well when all is in, and only then. */
static void guard(const struct state *state, pid_t pager) {
  int status;
  while (waitpid(pager, &status, 0) < 0) {}
  if (state->done) _exit(0);
}

int main(int argc, char **argv) {
  static struct pager pager = {.criu = -1};
  if (argc != 2) return 2;
  pager.directory = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  pager.state = open_state();
  int listener = listen_for_criu();
  if (pager.directory < 0 || pager.state == NULL || listener < 0) return perror("godwit-pager"), 1;
  pager.criu = accept(listener, NULL, NULL);
  if (pager.criu < 0) return perror("godwit-pager: accept"), 1;
  close(listener);
  for (int pagers = 0; pagers < PAGERS_MAX; pagers++) {
    pager.state->guard = getpid();
    pid_t child = start_pager();
    if (child < 0) fail(pager.state, "no pager can be started");
    if (child < 0) break;
    if (child == 0) run_pager(&pager);
    else guard(pager.state, child);
  }
  fail(pager.state, "too many pagers have died");
  for (;;) pause();
}
