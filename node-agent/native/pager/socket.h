// What `criu restore --lazy-pages` says on lazy-pages.socket: for each task its pid and its userfaultfd, and at last
// that all is registered.
#ifndef GODWIT_PAGER_SOCKET_H
#define GODWIT_PAGER_SOCKET_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "contents.h"

enum { RESTORE_FINISHED = 0x52535446 };
#define SOCKET_NAME "lazy-pages.socket"

/** A socket in the working directory that has its name only when it listens. */
static int listen_for_criu(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET_NAME ".new"};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  unlink(address.sun_path);
  if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0) return -1;
  return rename(address.sun_path, SOCKET_NAME) == 0 ? fd : -1;
}

/** The descriptor that comes with the next byte; -1 when there is none. */
static int receive_descriptor(int fd) {
  char byte;
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec content = {&byte, 1};
  struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header == NULL || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) return -1;
  int descriptor;
  memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return descriptor;
}

/** Takes one word of CRIU; false when there will be no more. A zombie has a negative pid and no memory. */
static bool take_word(struct state *state, int directory, int fd) {
  int32_t word;
  state->receiving = 1;
  IN_ORDER();
  ssize_t got = recv(fd, &word, sizeof word, MSG_WAITALL);
  if (got == 0 || (got < 0 && errno == ECONNRESET)) {
    if (!state->restored) fail(state, "CRIU ended before all memory was registered");
    state->receiving = 0;
    return false;
  }
  if (got != sizeof word) {
    fail(state, "CRIU sent half a word");
  } else if (word == RESTORE_FINISHED) {
    state->restored = 1;
  } else if (word > 0) {
    int descriptor = receive_descriptor(fd);
    if (descriptor < 0) fail(state, "CRIU sent no descriptor");
    else if (!add_task(state, directory, word, descriptor)) fail(state, "the images of a task cannot be understood");
    else adopt_other_model(state);
    state->total_bytes = state->left_bytes;
  }
  IN_ORDER();
  state->receiving = 0;
  return true;
}

#endif
