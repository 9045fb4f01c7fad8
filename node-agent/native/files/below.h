// Opens what lies below a root, strictly: through no symlink, no other mount, and never outside.
#ifndef GODWIT_FILES_BELOW_H
#define GODWIT_FILES_BELOW_H

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Like openat, but nothing on the way may be a symlink, another mount, or outside of `root`. */
static int open_below(int root, const char *path, uint64_t flags) {
  struct open_how how = { .flags = flags | O_CLOEXEC,
                          .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };
  return (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
}

static int close_keeping_errno(int fd) {
  int saved = errno;
  close(fd);
  errno = saved;
  return -1;
}

/**
 * Opens a regular file that `fd` (O_PATH) stands for; anything else is ESTALE, so that no device or fifo is ever
 * opened.
 */
static int reopen_regular(int fd, int flags) {
  struct stat st;
  if (fstat(fd, &st)) return -1;
  if (!S_ISREG(st.st_mode)) {
    errno = ESTALE;
    return -1;
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open(path, flags | O_CLOEXEC);
}

#endif
