// Stands in for runc: asks the agent about each call, and does without one what an agent would most likely say.
#ifndef GODWIT_RUNC_WRAPPER_H
#define GODWIT_RUNC_WRAPPER_H

#include <sys/stat.h>

#include "agent.h"
#include "call.h"
#include "real-runc.h"

static bool holds_text(const char *config, size_t size, const char *text) {
  return memmem(config, size, text, strlen(text)) != NULL;
}

/** Whether the pod of this bundle has arrived: from then on its containers start like any other. */
static bool has_arrived(const char *config, size_t size) {
  char path[PATH_MAX], sandbox[NAME_MAX];
  const char *found = memmem(config, size, SANDBOX_KEY, strlen(SANDBOX_KEY));
  if (found == NULL) return false;
  const char *id = found + strlen(SANDBOX_KEY);
  const char *end = memchr(id, '"', size - (size_t)(id - config));
  if (end == NULL || (size_t)(end - id) >= sizeof sandbox) return false;
  snprintf(sandbox, sizeof sandbox, "%.*s", (int)(end - id), id);
  if (!is_plain_name(sandbox)) return false;
  snprintf(path, sizeof path, "%s/arrived/%s", GODWIT_RUN_DIR, sandbox);
  return access(path, F_OK) == 0;
}

/**
 * Whether the bundle says that its container continues one that runs elsewhere. What cannot be read, runc cannot start
 * either.
 */
static bool awaits_handover(const char *bundle) {
  static char config[CONFIG_MAX];
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s/config.json", bundle == NULL ? "." : bundle);
  if (length < 0 || (size_t)length >= sizeof path) return false;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  size_t size = 0;
  ssize_t count;
  while (size < sizeof config && (count = read(fd, config + size, sizeof config - size)) > 0) size += (size_t)count;
  close(fd);
  if (holds_text(config, size, HANDOVER_KEY)) return true;
  return holds_text(config, size, MIGRATION_KEY) && !has_arrived(config, size);
}

/** Whether the agent restored this container earlier, so that it runs although nobody called `start`. */
static bool already_restored(const char *id) {
  char path[PATH_MAX];
  if (id == NULL || !is_plain_name(id)) return false;
  snprintf(path, sizeof path, "%s/restored/%s", GODWIT_RUN_DIR, id);
  return access(path, F_OK) == 0;
}

/** Whether an agent said that kills of this container wait, and the time it gave is not over. */
static bool is_held(const char *id) {
  char path[PATH_MAX], text[32];
  if (id == NULL || !is_plain_name(id)) return false;
  snprintf(path, sizeof path, "%s/held/%s", GODWIT_RUN_DIR, id);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  text[size > 0 ? size : 0] = '\0';
  return strtoll(text, NULL, 10) > (long long)time(NULL);
}

/**
 * The agent's word on a held call: true when nothing is to be done. A lost agent is asked again until it was silent for
 * too long.
 */
static bool await_release(struct agent *agent, const struct request *request, struct reply *reply) {
  bool heard = agent->fd >= 0; // the H that began the hold
  int64_t lost_ms = now_ms();
  while (!heard || reply->verb == 'H') {
    if (heard) {
      heard = next_reply(agent, reply, now_ms() + GODWIT_NEXT_FRAME_MS);
      lost_ms = now_ms();
    } else {
      if (agent->fd >= 0) close(agent->fd);
      if (now_ms() - lost_ms >= GODWIT_HOLD_ALONE_MS) return false;
      retry_pause();
      heard = ask(agent, request, reply, GODWIT_FIRST_ANSWER_MS);
    }
  }
  return reply->verb == 'X';
}

/**
 * The caller goes on as if the call were done; a child keeps the call until the agent decides, and carries it out when
 * nobody does.
 */
static int hold(struct agent *agent, const struct request *request, struct reply *reply, const struct call *call) {
  pid_t child = fork();
  if (child > 0) return 0;
  if (child < 0) become_runc(call->argv, call->log_path);
  setsid();
  int null = open("/dev/null", O_RDWR);
  for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++) dup2(null, fd);
  if (await_release(agent, request, reply)) _exit(0);
  become_runc(call->argv, call->log_path);
}

/** Nobody answers: what must not happen by accident is refused, the rest is runc's business. */
static int without_agent(const struct call *call, const struct request *request, struct reply *reply) {
  if (command_is(call, "kill") && is_held(call->id)) {
    struct agent nobody = {.fd = -1};
    return hold(&nobody, request, reply, call);
  }
  if (command_is(call, "create") && awaits_handover(call->bundle)) {
    char message[512 + sizeof SOCKET_PATH];
    snprintf(message, sizeof message,
             "godwit-runc: ERR_AGENT_UNAVAILABLE: container %.256s waits for a handover, but the node agent does not answer on %s; "
             "start the agent, or remove the annotation godwit.dev/handover (a pod: delete it)",
             call->id == NULL ? "?" : call->id, SOCKET_PATH);
    report(call->log_path, message);
    return 1;
  }
  if (command_is(call, "start") && already_restored(call->id)) return 0;
  become_runc(call->argv, call->log_path);
}

/** Runs runc with the arguments of an R frame. */
static int run_as_told(const struct reply *reply, const char *log_path) {
  char **argv = calloc(reply->count + 2, sizeof *argv);
  if (argv == NULL) return 1;
  put_own_programs_first();
  char *text = reply->texts;
  for (size_t i = 0; i < reply->count; i++, text += strlen(text) + 1) argv[i + 1] = text;
  int status = run_runc(argv, log_path);
  free(argv);
  return status;
}

static bool send_status(const struct agent *agent, int status) {
  char frame[16];
  int size = snprintf(frame + 4, sizeof frame - 4, "S%d", status);
  put_u32((unsigned char *)frame, (uint32_t)size);
  return send_all(agent->fd, frame, 4 + (size_t)size, now_ms() + GODWIT_NEXT_FRAME_MS);
}

/**
 * Does what the agent says; returns the exit code. Once runc ran as a child, its status is the answer whatever else
 * fails.
 */
static int obey_agent(const struct call *call) {
  static struct request request;
  static struct reply reply;
  struct agent agent = {.fd = -1};
  begin_request(&request, call->argv[call->command_index]);
  for (char **argument = call->argv + 1; *argument != NULL; argument++) add_text(&request, *argument);
  finish_request(&request);

  // Probes have to answer within a second: an agent that is busy is no reason to fail them.
  int64_t first_answer_ms = command_is(call, "exec") ? GODWIT_EXEC_ANSWER_MS : GODWIT_FIRST_ANSWER_MS;
  bool answered = ask(&agent, &request, &reply, first_answer_ms);
  if (!answered) return without_agent(call, &request, &reply);
  int status = -1;
  while (answered && reply.verb == 'R') {
    status = run_as_told(&reply, call->log_path);
    answered = send_status(&agent, status) && next_reply(&agent, &reply, now_ms() + GODWIT_NEXT_FRAME_MS);
  }
  if (answered && reply.verb == 'X') {
    report(call->log_path, reply.message);
    return reply.code;
  }
  if (status >= 0) return status;
  if (answered && reply.verb == 'H') return hold(&agent, &request, &reply, call);
  become_runc(call->argv, call->log_path);
}

#endif
