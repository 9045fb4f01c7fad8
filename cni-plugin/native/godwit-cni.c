// CNI plugin of type `godwit`: forwards a call to the node agent and prints its answer; without an agent it says so in
// CNI's own words.
//
// To the agent:   u32 LE size, then u32 LE number of variables, each `KEY=VALUE\0`, then standard input
// From the agent: one byte exit code, then standard output until the end of the stream
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../../core/native/unix-client.h"

#ifndef GODWIT_RUN_DIR
#define GODWIT_RUN_DIR "/run/godwit"
#endif
#ifndef GODWIT_STATE_DIR
#define GODWIT_STATE_DIR "/var/lib/godwit"
#endif
#ifndef GODWIT_CNI_DEADLINE_MS
#define GODWIT_CNI_DEADLINE_MS 30000
#endif

#define SOCKET_PATH GODWIT_RUN_DIR "/cni.sock"
#define JOURNAL_DIR GODWIT_STATE_DIR "/pending-del"
#define SPEC_VERSION "1.1.0"
enum { STDIN_MAX = 1024 * 1024, STDOUT_MAX = 1024 * 1024, ENV_MAX = 1024 * 1024, VERSION_MAX = 16, IFNAME_MAX = 15 };

/** Error codes of the CNI specification. */
enum { CNI_BAD_ENVIRONMENT = 4, CNI_IO = 5, CNI_BAD_CONFIG = 7, CNI_TRY_AGAIN = 11, CNI_NOT_AVAILABLE = 50 };

/** The request as it goes over the socket and into the journal. */
struct request {
  char bytes[4 + 4 + ENV_MAX + STDIN_MAX];
  size_t size;
  const char *config; // standard input within `bytes`; NULL until it was read
};

// ---- errors ----

/**
 * Copies the configuration's cniVersion to `version`, or the newest one that we speak when it has none that is plain.
 */
static void find_version(const char *config, size_t size, char version[VERSION_MAX]) {
  static const char key[] = "\"cniVersion\"";
  strcpy(version, SPEC_VERSION);
  const char *next = size == 0 ? NULL : memmem(config, size, key, sizeof key - 1);
  if (next == NULL) return;
  const char *end = config + size;
  next += sizeof key - 1;
  for (const char *expected = ":\""; *expected != '\0'; expected++) {
    while (next < end && strchr(" \t\r\n", *next) != NULL && *next != '\0') next++;
    if (next == end || *next++ != *expected) return;
  }
  size_t length = 0;
  while (next + length < end && ((next[length] >= '0' && next[length] <= '9') || next[length] == '.')) length++;
  if (length == 0 || length >= VERSION_MAX || next + length == end || next[length] != '"') return;
  memcpy(version, next, length);
  version[length] = '\0';
}

/** Prints a CNI error (`message` needs no escaping) and returns the exit code. */
static int fail(const struct request *request, int code, const char *message) {
  char version[VERSION_MAX];
  find_version(request->config, request->config == NULL ? 0 : (size_t)(request->bytes + request->size - request->config), version);
  printf("{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"%s\"}\n", version, code, message);
  return 1;
}

// ---- the request ----

/** Puts the variables that are set into the request; false when they are too long. */
static bool add_environment(struct request *request) {
  static const char *const names[] = {"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH", "TRACEPARENT", "TRACESTATE"};
  uint32_t count = 0;
  request->size = 8;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *value = getenv(names[i]);
    if (value == NULL) continue;
    size_t left = 8 + ENV_MAX - request->size;
    int length = snprintf(request->bytes + request->size, left, "%s=%s", names[i], value);
    if (length < 0 || (size_t)length >= left) return false;
    request->size += (size_t)length + 1;
    count++;
  }
  put_u32((unsigned char *)request->bytes + 4, count);
  return true;
}

/** Appends standard input up to its end; 0 or the CNI error code. */
static int add_config(struct request *request, int64_t deadline_ms) {
  char *config = request->bytes + request->size;
  size_t size = 0;
  for (;;) {
    char beyond;
    bool full = size == STDIN_MAX;
    ssize_t count = read_some(STDIN_FILENO, full ? &beyond : config + size, full ? 1 : STDIN_MAX - size, deadline_ms);
    if (count < 0) return CNI_IO;
    if (count == 0) break;
    if (full) return CNI_BAD_CONFIG;
    size += (size_t)count;
  }
  request->config = config;
  request->size += size;
  put_u32((unsigned char *)request->bytes, (uint32_t)(request->size - 4));
  return 0;
}

// ---- the agent ----

/**
 * Asks the agent and prints what it answered; its exit code, or -1 with nothing printed when there is no whole answer.
 */
static int ask_agent(const struct request *request, int64_t deadline_ms) {
  static char reply[1 + STDOUT_MAX + 1];
  size_t size = 0;
  ssize_t count = -1;
  int fd = unix_connect(SOCKET_PATH);
  if (fd >= 0 && send_all(fd, request->bytes, request->size, deadline_ms)) {
    while (size < sizeof reply && (count = read_some(fd, reply + size, sizeof reply - size, deadline_ms)) > 0) size += (size_t)count;
  }
  if (fd >= 0) close(fd);
  if (count != 0 || size == 0) return -1;
  if (!write_all(STDOUT_FILENO, reply + 1, size - 1)) return 1;
  return (unsigned char)reply[0];
}

// ---- the journal ----

/** Container ids as the CNI specification has them, so that no id names another directory or a hidden file. */
static bool is_container_id(const char *text) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return text[0] != '\0' && strchr(letters, text[0]) != NULL && text[strspn(text, all)] == '\0';
}

/** Flushes a directory, so that what was created or renamed in it outlives a power cut. */
static bool sync_directory(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool done = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0) close(fd);
  return done;
}

/** Writes the whole request to a new file and flushes it; nothing is left behind on failure. */
static bool write_file(const char *path, const struct request *request) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool done = write_all(fd, request->bytes, request->size) && fsync(fd) == 0;
  done = close(fd) == 0 && done;
  if (!done) unlink(path);
  return done;
}

/** Keeps a DEL for the agent to replay. A name that begins with a dot is a file that was not finished. */
static bool journal(const char *container_id, const char *if_name, const struct request *request) {
  char partial[PATH_MAX], final[PATH_MAX];
  int length = snprintf(partial, sizeof partial, "%s/.%s-%s-%d", JOURNAL_DIR, container_id, if_name, getpid());
  if (length < 0 || (size_t)length >= sizeof partial) return false;
  snprintf(final, sizeof final, "%s/%s-%s-%d", JOURNAL_DIR, container_id, if_name, getpid());
  if (mkdir(GODWIT_STATE_DIR, 0700) < 0 && errno != EEXIST) return false;
  if (mkdir(JOURNAL_DIR, 0700) == 0) sync_directory(GODWIT_STATE_DIR);
  else if (errno != EEXIST) return false;
  if (!write_file(partial, request)) return false;
  if (rename(partial, final) == 0) return sync_directory(JOURNAL_DIR);
  unlink(partial);
  return false;
}

/** DEL must not fail for want of an agent: kept for later, it counts as done. */
static int delete_later(const struct request *request) {
  const char *container_id = getenv("CNI_CONTAINERID"), *if_name = getenv("CNI_IFNAME");
  if (container_id == NULL || !is_container_id(container_id)) return fail(request, CNI_BAD_ENVIRONMENT, "CNI_CONTAINERID is not a container id");
  if (if_name == NULL || !is_plain_name(if_name) || strlen(if_name) > IFNAME_MAX)
    return fail(request, CNI_BAD_ENVIRONMENT, "CNI_IFNAME is not an interface name");
  if (journal(container_id, if_name, request)) return 0;
  return fail(request, CNI_TRY_AGAIN, "the node agent does not answer on " SOCKET_PATH " and the DEL cannot be kept in " JOURNAL_DIR);
}

// ---- the call ----

static bool is_forwarded(const char *command) {
  static const char *const commands[] = {"ADD", "DEL", "CHECK", "GC", "STATUS"};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (strcmp(command, commands[i]) == 0) return true;
  return false;
}

static int forward(const char *command) {
  static struct request request;
  int64_t deadline_ms = now_ms() + GODWIT_CNI_DEADLINE_MS;
  if (!is_forwarded(command)) return fail(&request, CNI_BAD_ENVIRONMENT, "CNI_COMMAND is none of ADD, DEL, CHECK, GC, STATUS, VERSION");
  if (!add_environment(&request)) return fail(&request, CNI_BAD_ENVIRONMENT, "the CNI variables are longer than 1 MiB");
  int code = add_config(&request, deadline_ms);
  if (code == CNI_IO) return fail(&request, code, "the network configuration cannot be read from standard input");
  if (code != 0) return fail(&request, code, "the network configuration is longer than 1 MiB");

  int status = ask_agent(&request, deadline_ms);
  if (status >= 0) return status;
  if (strcmp(command, "DEL") == 0) return delete_later(&request);
  return fail(&request, strcmp(command, "STATUS") == 0 ? CNI_NOT_AVAILABLE : CNI_TRY_AGAIN, "the node agent does not answer on " SOCKET_PATH);
}

int main(void) {
  const char *command = getenv("CNI_COMMAND");
  if (command == NULL || command[0] == '\0') {
    fprintf(stderr, "CNI plugin godwit: stable links that outlive their node\nCNI protocol versions supported: 0.4.0, 1.0.0, 1.1.0\n");
    return 0;
  }
  if (strcmp(command, "VERSION") != 0) return forward(command);
  printf("{\"cniVersion\":\"" SPEC_VERSION "\",\"supportedVersions\":[\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n");
  return 0;
}
