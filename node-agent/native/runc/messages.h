// What is said to containerd, in runc's log and on stderr.
#ifndef GODWIT_RUNC_MESSAGES_H
#define GODWIT_RUNC_MESSAGES_H

#include <stdio.h>

#include "../../../core/native/unix-client.h"
#include "settings.h"

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

#endif
