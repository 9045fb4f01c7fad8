// Stands in for runc so that the node agent can hold kills and hand over containers; without an agent it is runc.
// Under the name `godwit-done` it does nothing, successfully: what init containers of a restored pod run.
// Under the name `godwit-criu-hook` it is CRIU's action script and keeps a dump or restore waiting for the agent's
// decision; with the argument `watch` it waits for an agent that is silent (watchdog.h).
//
// To the agent:   u32 LE size, then `command\0` `cwd\0` and every argument with its `\0`;  later `S<status>` in a frame
// From the agent: frames (u32 LE size, payload), payload[0] is the verb:
//   P                          become runc with the original arguments
//   X<code>\0<message>\0       end with this code
//   W                          keep waiting
//   H                          end with 0 now, and wait on in the background: X ends that too, anything else (no agent)
// becomes runc
//   R(<argument>\0)+           run runc with these arguments, answer `S<status>`, go on listening
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../core/native/unix-client.h"
#include "watchdog.h"

#ifndef GODWIT_RUN_DIR
#define GODWIT_RUN_DIR "/run/godwit"
#endif
#ifndef GODWIT_RUNC_PATHS
#define GODWIT_RUNC_PATHS "/usr/bin/runc", "/usr/sbin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc", "/opt/godwit/bin/runc"
#endif
#ifndef GODWIT_FIRST_ANSWER_MS
#define GODWIT_FIRST_ANSWER_MS 2000
#endif
#ifndef GODWIT_EXEC_ANSWER_MS
#define GODWIT_EXEC_ANSWER_MS 300
#endif
#ifndef GODWIT_NEXT_FRAME_MS
#define GODWIT_NEXT_FRAME_MS 10000
#endif
#ifndef GODWIT_HOOK_ALONE_MS
#define GODWIT_HOOK_ALONE_MS 120000
#endif

#ifndef GODWIT_HOLD_ALONE_MS
#define GODWIT_HOLD_ALONE_MS 30000
#endif

#define GODWIT_PROGRAMS "/opt/godwit/bin"
#define SOCKET_PATH GODWIT_RUN_DIR "/runtime.sock"
#define HANDOVER_KEY "\"godwit.dev/handover\""
#define MIGRATION_KEY "\"godwit.dev/migration\""
#define SANDBOX_KEY "\"io.kubernetes.cri.sandbox-id\":\""
#define HOOK_NAME "godwit-criu-hook"
#define DONE_NAME "godwit-done"
enum { FRAME_MAX = 64 * 1024, CONFIG_MAX = 16 * 1024 * 1024, RETRY_MS = 50, DECIMAL_MAX = 3 };

// ---- arguments ----

/** What the wrapper understands of a call; texts point into argv, NULL where there is none. */
struct call {
  char **argv;
  int command_index; // 0: no command
  const char *log_path;
  const char *bundle;
  const char *id;
};

/** The name of an option without its dashes (Go accepts one or two), or NULL for what is not an option. */
static const char *option_name(const char *argument) {
  if (argument[0] != '-' || argument[1] == '\0' || strcmp(argument, "--") == 0) return NULL;
  return argument + (argument[1] == '-' ? 2 : 1);
}

/** Whether `option` is `name` or `name=value`. */
static bool option_is(const char *option, const char *name) {
  size_t size = strlen(name);
  return strncmp(option, name, size) == 0 && (option[size] == '\0' || option[size] == '=');
}

/**
 * The value of the option at `*index`, which moves on to the value where that is an argument of its own; NULL at the
 * end.
 */
static const char *option_value(int argc, char **argv, int *index) {
  const char *equals = strchr(argv[*index], '=');
  if (equals != NULL) return equals + 1;
  return *index + 1 < argc ? argv[++*index] : NULL;
}

/**
 * Splits `[global options] COMMAND [options] ID`. For `kill` the last argument may be the signal: its id is not used.
 */
static struct call scan_call(int argc, char **argv) {
  static const char *const valued[] = {"root", "log", "log-format", "criu", "rootless"};
  struct call call = {.argv = argv};
  int i = 1;
  for (; i < argc; i++) {
    const char *option = option_name(argv[i]);
    if (option == NULL) break;
    for (size_t v = 0; v < sizeof valued / sizeof *valued; v++) {
      if (!option_is(option, valued[v])) continue;
      const char *value = option_value(argc, argv, &i);
      if (strcmp(valued[v], "log") == 0) call.log_path = value;
      break;
    }
  }
  if (i < argc && strcmp(argv[i], "--") == 0) i++;
  if (i >= argc) return call;
  call.command_index = i;
  bool is_kill = strcmp(argv[i], "kill") == 0; // its signal follows the id; elsewhere the id is last
  for (i++; i < argc; i++) {
    const char *option = option_name(argv[i]);
    if (option != NULL && (option_is(option, "bundle") || option_is(option, "b"))) call.bundle = option_value(argc, argv, &i);
    else if (option == NULL && !(is_kill && call.id != NULL)) call.id = argv[i];
  }
  return call;
}

static bool command_is(const struct call *call, const char *name) {
  return call->command_index > 0 && strcmp(call->argv[call->command_index], name) == 0;
}

// ---- messages ----

/** Writes the message as a JSON string body; `out` holds six bytes for each of the text. Returns the end. */
static char *escape_json(char *out, const char *text) {
  for (const char *next = text; *next != '\0'; next++) {
    if (*next == '"' || *next == '\\') {
      *out++ = '\\';
      *out++ = *next;
    } else if ((unsigned char)*next < 0x20) {
      out += sprintf(out, "\\u%04x", (unsigned)*next);
    } else {
      *out++ = *next;
    }
  }
  return out;
}

/**
 * Appends one error line (a message of at most one frame) to runc's log file, where containerd looks for the reason of
 * a failure.
 */
static void log_error(const char *path, const char *message) {
  static char line[FRAME_MAX * 6 + 128];
  char *end = escape_json(stpcpy(line, "{\"level\":\"error\",\"msg\":\""), message);
  time_t now = time(NULL);
  end += strftime(end, 64, "\",\"time\":\"%Y-%m-%dT%H:%M:%SZ\"}\n", gmtime(&now));
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
  if (fd < 0 || !write_all(fd, line, (size_t)(end - line))) fprintf(stderr, "godwit-runc: cannot write %s: %s\n", path, strerror(errno));
  if (fd >= 0) close(fd);
}

/** Tells the caller: the log file first, since writing to a closed stderr may end the process. */
static void report(const char *log_path, const char *message) {
  if (message[0] == '\0') return;
  if (log_path != NULL) log_error(log_path, message);
  fprintf(stderr, "%s\n", message);
}

// ---- the real runc ----

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

// ---- the agent ----

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

// ---- the wrapper ----

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

static void retry_pause(void) {
  nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
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

// ---- the hook ----

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

int main(int argc, char **argv) {
  if (argc < 1) return 1;
  const char *slash = strrchr(argv[0], '/');
  const char *name = slash == NULL ? argv[0] : slash + 1;
  if (strcmp(name, DONE_NAME) == 0) return 0;
  if (strcmp(name, HOOK_NAME) == 0) {
    const char *action = getenv("CRTOOLS_SCRIPT_ACTION");
    if (action != NULL) return hook(action);
    if (argc > 1 && strcmp(argv[1], "watch") == 0) return watch(argc, argv);
    report(NULL, HOOK_NAME ": only CRIU calls this, with CRTOOLS_SCRIPT_ACTION set");
    return 1;
  }
  struct call call = scan_call(argc, argv);
  bool asked = command_is(&call, "create") || command_is(&call, "start") || command_is(&call, "kill") || command_is(&call, "delete") ||
               command_is(&call, "exec");
  if (asked) return obey_agent(&call);
  become_runc(argv, call.log_path);
}
