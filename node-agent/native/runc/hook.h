// CRIU's action script: keeps a dump or restore waiting for the agent's decision.
#ifndef GODWIT_RUNC_HOOK_H
#define GODWIT_RUNC_HOOK_H

#include <signal.h>
#include <sys/prctl.h>

#include "agent.h"
#include "messages.h"

/** CRIU may name the image directory by a descriptor of another process: the agent wants the directory itself. */
static void add_image_dir(struct request *request) {
  char target[PATH_MAX];
  const char *path = getenv("CRTOOLS_IMAGE_DIR");
  if (path == NULL) path = "";
  ssize_t size = strncmp(path, "/proc/", 6) == 0 && strstr(path, "/fd/") != NULL ? readlink(path, target, sizeof target - 1) : -1;
  if (size >= 0) target[size] = '\0';
  add_text(request, size >= 0 ? target : path);
}

static bool is_one_of(const char *text, const char *first, const char *second) {
  return strcmp(text, first) == 0 || strcmp(text, second) == 0;
}

/**
 * Waits for the agent's X; true leaves its code in `reply`. A lost agent is looked for again until it was silent for
 * `alone_ms`.
 */
static bool await_decision(const struct request *request, struct reply *reply, int64_t alone_ms) {
  struct agent agent = {.heard_ms = now_ms()};
  for (;;) {
    bool decided = ask(&agent, request, reply, GODWIT_FIRST_ANSWER_MS) && reply->verb == 'X';
    if (agent.fd >= 0) close(agent.fd);
    if (decided || now_ms() - agent.heard_ms >= alone_ms) return decided;
    retry_pause();
  }
}

/**
 * CRIU's action script. Before a step, no agent is a no; once it is frozen or restored, only the agent knows, so wait
 * for it.
 */
static int hook(const char *action) {
  static struct request request;
  static struct reply reply;
  bool before = is_one_of(action, "pre-dump", "pre-restore");
  bool between = is_one_of(action, "post-dump", "post-restore");
  if (!before && !between && !is_one_of(action, "pre-resume", "post-resume")) return 0;
  // nobody hears the answer when CRIU is gone, and runc cannot remove a cgroup that this process is in
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const char *pid = getenv("CRTOOLS_INIT_PID");
  begin_request(&request, "hook");
  add_text(&request, action);
  add_text(&request, pid == NULL ? "" : pid);
  add_image_dir(&request);
  finish_request(&request);
  if (!await_decision(&request, &reply, between ? GODWIT_HOOK_ALONE_MS : 0)) return before || between ? 1 : 0;
  report(NULL, reply.message);
  return reply.code;
}

#endif
