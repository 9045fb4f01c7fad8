// The runc that this one stands in for: becomes it, or runs it.
#ifndef GODWIT_RUNC_REAL_RUNC_H
#define GODWIT_RUNC_REAL_RUNC_H

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "messages.h"

/** runc looks for criu in PATH; the one that Godwit brought comes first. */
static void put_own_programs_first(void) {
  static char path[PATH_MAX + sizeof GODWIT_PROGRAMS];
  const char *old = getenv("PATH");
  int length = snprintf(path, sizeof path, "%s:%s", GODWIT_PROGRAMS, old == NULL ? "/usr/sbin:/usr/bin:/sbin:/bin" : old);
  if (length > 0 && (size_t)length < sizeof path && strstr(path, GODWIT_PROGRAMS) == path) setenv("PATH", path, 1);
}

/**
 * Replaces this process by the program; returns when it cannot, or when it is this program: a file of the same size is
 * a copy.
 */
static void try_exec(const char *path, char **argv) {
  struct stat self, other;
  if (stat(path, &other) < 0 || (stat("/proc/self/exe", &self) == 0 && self.st_size == other.st_size)) return;
  argv[0] = (char *)path;
  execv(path, argv);
}

/** Becomes runc with these arguments (argv[0] is set here); ends with 127 and a message when there is none. */
static _Noreturn void become_runc(char **argv, const char *log_path) {
  static const char *const fixed[] = {GODWIT_RUNC_PATHS};
  char path[PATH_MAX];
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) try_exec(fixed[i], argv);
  const char *next = getenv("PATH");
  while (next != NULL && *next != '\0') {
    size_t size = strcspn(next, ":");
    int length = snprintf(path, sizeof path, "%.*s/runc", (int)size, next);
    if (next[0] == '/' && length > 0 && (size_t)length < sizeof path) try_exec(path, argv);
    next += size + (next[size] == ':');
  }
  report(log_path, "godwit-runc: ERR_RUNC_MISSING: no runc can be run on this node; install runc in /usr/bin or /usr/sbin");
  _exit(127);
}

static int exit_status(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/** Runs runc as a child that dies with this process, passes signals on to it, and returns its status (128 + signal). */
static int run_runc(char **argv, const char *log_path) {
  static const int watched[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
  sigset_t set, before;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) sigaddset(&set, watched[i]);
  sigprocmask(SIG_BLOCK, &set, &before);
  struct sigaction plain = {.sa_handler = SIG_DFL}, inherited;
  sigaction(SIGCHLD, &plain, &inherited);

  pid_t self = getpid(), child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != self) _exit(128 + SIGKILL);
    sigaction(SIGCHLD, &inherited, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    become_runc(argv, log_path);
  }
  int status = 1 << 8; // exit code 1
  if (child < 0) report(log_path, "godwit-runc: cannot start runc: fork failed");
  else while (waitpid(child, &status, WNOHANG) == 0) {
    int received = sigwaitinfo(&set, NULL);
    if (received > 0 && received != SIGCHLD) kill(child, received);
  }
  sigaction(SIGCHLD, &inherited, NULL);
  sigprocmask(SIG_SETMASK, &before, NULL);
  return exit_status(status);
}

#endif
