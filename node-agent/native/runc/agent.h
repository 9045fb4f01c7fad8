// Asks the agent, and hears what it answers.
//
// To the agent:   u32 LE size, then `command\0` `cwd\0` and every argument with its `\0`;  later `S<status>` in a frame
// From the agent: frames (u32 LE size, payload), payload[0] is the verb:
//   P                          become runc with the original arguments
//   X<code>\0<message>\0       end with this code
//   W                          keep waiting
//   H                          end with 0 now, and wait on in the background: X ends that too; anything else, and an
//                              agent that is gone, becomes runc
//   R(<argument>\0)+           run runc with these arguments, answer `S<status>`, go on listening
#ifndef GODWIT_RUNC_AGENT_H
#define GODWIT_RUNC_AGENT_H

#include <stdlib.h>

#include "../../../core/native/unix-client.h"
#include "settings.h"

struct request {
  char bytes[4 + FRAME_MAX];
  size_t size;
  bool overflow;
};

static void add_text(struct request *request, const char *text) {
  size_t size = strlen(text) + 1;
  request->overflow = request->overflow || size > sizeof request->bytes - request->size;
  if (request->overflow) return;
  memcpy(request->bytes + request->size, text, size);
  request->size += size;
}

/** Starts a request with the command and the working directory (empty when that is gone). */
static void begin_request(struct request *request, const char *command) {
  char cwd[PATH_MAX];
  request->size = 4;
  request->overflow = false;
  add_text(request, command);
  add_text(request, getcwd(cwd, sizeof cwd) == NULL ? "" : cwd);
}

static void finish_request(struct request *request) {
  put_u32((unsigned char *)request->bytes, (uint32_t)(request->size - 4));
}

/** One frame of the agent; texts point into the payload. */
struct reply {
  char verb;
  int code;
  char *message;
  char *texts; // of R: `count` arguments, one after the other
  size_t count;
  char payload[FRAME_MAX];
};

/** `<code>\0<message>\0` with a code of 0 to 255. */
static bool parse_exit(struct reply *reply, char *body, size_t size) {
  size_t digits = 0;
  reply->code = 0;
  for (; digits < size && digits < DECIMAL_MAX && body[digits] >= '0' && body[digits] <= '9'; digits++)
    reply->code = reply->code * 10 + (body[digits] - '0');
  if (digits == 0 || reply->code > 255 || digits >= size || body[digits] != '\0') return false;
  reply->message = body + digits + 1;
  size_t left = size - digits - 1;
  return left > 0 && strnlen(reply->message, left) == left - 1;
}

/** Checks a payload of `size` bytes in place; false for whatever is not a whole, known frame. */
static bool parse_reply(struct reply *reply, size_t size) {
  if (size == 0) return false;
  char *body = reply->payload + 1;
  reply->verb = reply->payload[0];
  if (reply->verb == 'P' || reply->verb == 'W' || reply->verb == 'H') return size == 1;
  if (reply->verb == 'X') return parse_exit(reply, body, size - 1);
  if (reply->verb != 'R' || reply->payload[size - 1] != '\0') return false;
  reply->texts = body;
  reply->count = 0;
  for (size_t i = 0; i < size - 1; i++) reply->count += body[i] == '\0';
  return true;
}

/** A connection to the agent and when it last asked to keep waiting. */
struct agent {
  int fd;
  int64_t heard_ms;
};

/** Waits for a frame that is not W. The first one has until `deadline_ms`, those after a W the time between frames. */
static bool next_reply(struct agent *agent, struct reply *reply, int64_t deadline_ms) {
  for (;;) {
    unsigned char head[4];
    if (!read_exact(agent->fd, head, sizeof head, deadline_ms)) return false;
    uint32_t size = get_u32(head);
    if (size > FRAME_MAX || !read_exact(agent->fd, reply->payload, size, deadline_ms)) return false;
    if (!parse_reply(reply, size)) return false;
    if (reply->verb != 'W') return true;
    agent->heard_ms = now_ms();
    deadline_ms = agent->heard_ms + GODWIT_NEXT_FRAME_MS;
  }
}

/**
 * Sends the request on a new connection and waits for the answer; false is "no agent". The caller closes `agent->fd`.
 */
static bool ask(struct agent *agent, const struct request *request, struct reply *reply, int64_t first_answer_ms) {
  int64_t deadline_ms = now_ms() + first_answer_ms;
  agent->fd = request->overflow ? -1 : unix_connect(SOCKET_PATH);
  return agent->fd >= 0 && send_all(agent->fd, request->bytes, request->size, deadline_ms) && next_reply(agent, reply, deadline_ms);
}

static void retry_pause(void) {
  nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
}

#endif
