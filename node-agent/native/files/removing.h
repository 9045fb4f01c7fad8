// Removes entries and what is below them, never across a mount.
#ifndef GODWIT_FILES_REMOVING_H
#define GODWIT_FILES_REMOVING_H

#include "snapshot.h"

static int remove_entry(int parent, const char *name);

/** Removes everything in the directory `fd`, never across a mount. */
static int empty_directory(int fd) {
  struct bytes names = { 0 };
  ssize_t count = read_names(fd, &names);
  int result = count < 0 ? -1 : 0;
  const char *name = names.data;
  for (ssize_t i = 0; i < count && !result; i++, name += strlen(name) + 1) result = remove_entry(fd, name);
  free(names.data);
  return result;
}

/** Removes a file or a whole directory. */
static int remove_entry(int parent, const char *name) {
  if (!unlinkat(parent, name, 0)) return 0;
  if (errno != EISDIR && errno != EPERM) return -1;
  int fd = open_below(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) return -1;
  int result = empty_directory(fd);
  if (result) return close_keeping_errno(fd);
  close(fd);
  return unlinkat(parent, name, AT_REMOVEDIR);
}

#endif
