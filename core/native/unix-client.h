// What both executables that the container stack starts need to talk to the node agent: a unix stream socket, every
// wait with a deadline.
#ifndef GODWIT_UNIX_CLIENT_H
#define GODWIT_UNIX_CLIENT_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/** Monotonic milliseconds; deadlines are values of this clock. */
static inline int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/**
 * Waits for `events` on `fd`; false when the deadline passed. Errors of the descriptor count as ready: the next call
 * reports them.
 */
static inline bool wait_for(int fd, short events, int64_t deadline_ms) {
  for (;;) {
    int64_t left_ms = deadline_ms - now_ms();
    if (left_ms < 0) return false;
    struct pollfd one = {.fd = fd, .events = events};
    int ready = poll(&one, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

/**
 * A connected, non-blocking, close-on-exec socket above the standard descriptors, or -1 at once when nobody listens.
 */
static inline int unix_connect(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  int low = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (low < 0) return -1;
  int fd = fcntl(low, F_DUPFD_CLOEXEC, 3);
  close(low);
  if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

/** Sends all bytes; false on any failure or past the deadline. */
static inline bool send_all(int fd, const void *bytes, size_t size, int64_t deadline_ms) {
  const char *next = bytes;
  while (size > 0) {
    ssize_t sent = send(fd, next, size, MSG_NOSIGNAL);
    if (sent >= 0) {
      next += sent;
      size -= (size_t)sent;
    } else if (errno == EAGAIN) {
      if (!wait_for(fd, POLLOUT, deadline_ms)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

/** Reads what is there, at least one byte; 0 at the end of the stream, -1 on any failure or past the deadline. */
static inline ssize_t read_some(int fd, void *bytes, size_t size, int64_t deadline_ms) {
  for (;;) {
    if (!wait_for(fd, POLLIN, deadline_ms)) return -1;
    ssize_t count = read(fd, bytes, size);
    if (count >= 0 || (errno != EAGAIN && errno != EINTR)) return count;
  }
}

/** Reads exactly `size` bytes; false when the stream ends before, on any failure or past the deadline. */
static inline bool read_exact(int fd, void *bytes, size_t size, int64_t deadline_ms) {
  char *next = bytes;
  while (size > 0) {
    ssize_t count = read_some(fd, next, size, deadline_ms);
    if (count <= 0) return false;
    next += count;
    size -= (size_t)count;
  }
  return true;
}

/** Writes all bytes to a file or pipe; false on any failure. */
static inline bool write_all(int fd, const void *bytes, size_t size) {
  const char *next = bytes;
  while (size > 0) {
    ssize_t count = write(fd, next, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    next += count;
    size -= (size_t)count;
  }
  return true;
}

static inline void put_u32(unsigned char out[4], uint32_t value) {
  for (int i = 0; i < 4; i++) out[i] = (unsigned char)(value >> (8 * i));
}

static inline uint32_t get_u32(const unsigned char in[4]) {
  return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

/** Whether `name` can be one element of a path: not empty, no slash, not `.` or `..`, at most 255 bytes. */
static inline bool is_plain_name(const char *name) {
  size_t size = strlen(name);
  return size > 0 && size <= 255 && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

#endif
