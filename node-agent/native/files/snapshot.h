// Walks a tree by statx and packs what it finds; files/snapshot.ts reads it.
#ifndef GODWIT_FILES_SNAPSHOT_H
#define GODWIT_FILES_SNAPSHOT_H

#include <dirent.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "below.h"
#include "bytes.h"

enum { PATH_LIMIT = 4096, NAME_LIMIT = 256, DIRENT_BYTES = 65536 };

/** One entry of a snapshot; little endian, name follows, padded to 8 bytes. node-agent/files/snapshot.ts reads it. */
struct entry {
  uint32_t record_bytes, depth;
  uint64_t allocated_bytes;
  uint64_t ino, size;
  int64_t mtime_s, ctime_s;
  uint32_t mtime_ns, ctime_ns;
  uint32_t mode, uid, gid, nlink, rdev_major, rdev_minor;
  uint32_t dev_major, dev_minor;
  uint32_t name_bytes;
  uint32_t zero;
};
_Static_assert(sizeof(struct entry) == 96, "snapshot.ts knows this layout");

struct snapshot_head {
  int64_t taken_s;
  uint32_t taken_ns, entries;
};

struct walk {
  int root;
  struct bytes out;
  uint32_t entries;
  size_t path_bytes;
  char path[PATH_LIMIT];
};

struct found {
  const char *name;
  size_t name_bytes;
  struct entry entry;
};

static int by_name(const void *left, const void *right) {
  return strcmp(((const struct found *)left)->name, ((const struct found *)right)->name);
}

/**
 * All names of an open directory as a run of NUL-terminated strings; returns how many, or -1. A removed one has none.
 */
static ssize_t read_names(int fd, struct bytes *names) {
  static _Thread_local char buffer[DIRENT_BYTES] __attribute__((aligned(8)));
  ssize_t count = 0;
  for (;;) {
    long got = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    if (got < 0 && errno != ENOENT) return -1;
    if (got <= 0) return count;
    for (long at = 0; at < got;) {
      const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);
      at += entry->d_reclen;
      const char *name = entry->d_name;
      if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]))) continue;
      size_t length = strlen(name) + 1;
      char *room = bytes_grow(names, length);
      if (!room) return -1;
      memcpy(room, name, length);
      count++;
    }
  }
}

static struct entry as_entry(uint32_t depth, size_t name_bytes, const struct statx *st) {
  return (struct entry){
    .record_bytes = (uint32_t)((sizeof(struct entry) + name_bytes + 7) & ~(size_t)7), .depth = depth,
    .allocated_bytes = st->stx_blocks * 512, .ino = st->stx_ino, .size = st->stx_size,
    .mtime_s = st->stx_mtime.tv_sec, .ctime_s = st->stx_ctime.tv_sec,
    .mtime_ns = st->stx_mtime.tv_nsec, .ctime_ns = st->stx_ctime.tv_nsec,
    .mode = st->stx_mode, .uid = st->stx_uid, .gid = st->stx_gid, .nlink = st->stx_nlink,
    .rdev_major = st->stx_rdev_major, .rdev_minor = st->stx_rdev_minor,
    .dev_major = st->stx_dev_major, .dev_minor = st->stx_dev_minor, .name_bytes = (uint32_t)name_bytes,
  };
}

static int add_entry(struct walk *walk, const struct entry *entry, const char *name) {
  char *room = bytes_grow(&walk->out, entry->record_bytes);
  if (!room) return -1;
  memset(room, 0, entry->record_bytes);
  memcpy(room, entry, sizeof *entry);
  memcpy(room + sizeof *entry, name, entry->name_bytes);
  walk->entries++;
  return 0;
}

/** The sorted entries of the directory at walk->path; a name that has vanished or is a mount gets record_bytes 0. */
static struct found *list_directory(int fd, uint32_t depth, struct bytes *names, ssize_t *count) {
  *count = read_names(fd, names);
  struct found *found = *count < 0 ? NULL : calloc((size_t)*count + 1, sizeof *found);
  if (!found) return NULL;
  const char *name = names->data;
  for (ssize_t i = 0; i < *count; i++) {
    found[i].name = name;
    found[i].name_bytes = strlen(name);
    name += found[i].name_bytes + 1;
  }
  // Statted in the order of the directory, which is the order of the inodes on disk, then sorted.
  for (ssize_t i = 0; i < *count; i++) {
    struct statx st;
    if (statx(fd, found[i].name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st)) {
      if (errno == ENOENT) continue;
      free(found);
      return NULL;
    }
    // Another mount belongs to somebody else, like a device or a second volume: neither read nor mirrored.
    if (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT)) found[i].entry = as_entry(depth, found[i].name_bytes, &st);
  }
  qsort(found, (size_t)*count, sizeof *found, by_name);
  return found;
}

static int walk_directory(struct walk *walk, uint32_t depth);

/** Walks the directory `name` of the directory at walk->path. */
static int walk_below(struct walk *walk, uint32_t depth, const char *name, size_t name_bytes) {
  size_t before = walk->path_bytes;
  size_t slash = before ? 1 : 0;
  if (before + slash + name_bytes + 1 > sizeof walk->path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  if (slash) walk->path[before] = '/';
  memcpy(walk->path + before + slash, name, name_bytes + 1);
  walk->path_bytes = before + slash + name_bytes;
  int result = walk_directory(walk, depth);
  walk->path_bytes = before;
  walk->path[before] = 0;
  return result;
}

/** Adds everything below walk->path. A directory that has vanished or become something else meanwhile is no error. */
static int walk_directory(struct walk *walk, uint32_t depth) {
  int fd = open_below(walk->root, walk->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME);
  if (fd < 0) return depth > 1 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) ? 0 : -1;
  struct bytes names = { 0 };
  ssize_t count = 0;
  struct found *found = list_directory(fd, depth, &names, &count);
  close_keeping_errno(fd);
  int result = found ? 0 : -1;
  for (ssize_t i = 0; i < count && !result; i++) {
    if (!found[i].entry.record_bytes) continue;
    result = add_entry(walk, &found[i].entry, found[i].name);
    if (!result && S_ISDIR(found[i].entry.mode)) result = walk_below(walk, depth + 1, found[i].name, found[i].name_bytes);
  }
  free(found);
  free(names.data);
  return result;
}

/** A snapshot of everything below walk->root, in tree order, names sorted by bytes; the root itself has depth 0. */
static int walk_tree(struct walk *walk) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  struct snapshot_head *head = (struct snapshot_head *)bytes_grow(&walk->out, sizeof *head);
  if (!head) return -1;
  *head = (struct snapshot_head){ now.tv_sec, (uint32_t)now.tv_nsec, 0 };
  struct statx st;
  if (statx(walk->root, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st)) return -1;
  struct entry root = as_entry(0, 0, &st);
  if (add_entry(walk, &root, "") || walk_directory(walk, 1)) return -1;
  ((struct snapshot_head *)walk->out.data)->entries = walk->entries;
  return 0;
}

#endif
