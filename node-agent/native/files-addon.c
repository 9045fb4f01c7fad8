// System calls that Node lacks and the file mover needs: walking a tree by statx, opening strictly below a root,
// xattrs, holes, device nodes and nanosecond times. All calls are synchronous; they are made in a worker thread.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { PATH_LIMIT = 4096, NAME_LIMIT = 256, XATTR_LIST_LIMIT = 65536, XATTR_VALUE_LIMIT = 65536, DIRENT_BYTES = 65536 };

// ---- growing bytes
// ----------------------------------------------------------------------------------------------------

struct bytes {
  char *data;
  size_t length, capacity;
};

/** Room for `more` bytes at the end; NULL when memory is short. */
static char *bytes_grow(struct bytes *bytes, size_t more) {
  if (bytes->length + more > bytes->capacity) {
    size_t capacity = bytes->capacity ? bytes->capacity : 4096;
    while (capacity < bytes->length + more) capacity *= 2;
    char *data = realloc(bytes->data, capacity);
    if (!data) return NULL;
    bytes->data = data;
    bytes->capacity = capacity;
  }
  char *at = bytes->data + bytes->length;
  bytes->length += more;
  return at;
}

// ---- opening below a root
// ---------------------------------------------------------------------------------------------

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

// ---- walking a tree
// ---------------------------------------------------------------------------------------------------

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

// ---- removing
// ---------------------------------------------------------------------------------------------------------

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

// ---- extended attributes
// ----------------------------------------------------------------------------------------------

static bool has_prefix(const char *text, const char *prefix) { return !strncmp(text, prefix, strlen(prefix)); }

/** The names that move with a file; node-agent/files/xattrs.ts says the same for records. */
static bool is_moved(const char *name) {
  return has_prefix(name, "user.") || !strcmp(name, "security.capability") || !strcmp(name, "system.posix_acl_access") ||
         !strcmp(name, "system.posix_acl_default");
}

/** Names of all xattrs of what `fd` stands for (any type, also O_PATH); a file system without xattrs has none. */
static ssize_t list_xattrs(const char *path, char *names) {
  ssize_t length = listxattr(path, names, XATTR_LIST_LIMIT);
  return length < 0 && errno == ENOTSUP ? 0 : length;
}

/** Appends u16 name length, u32 value length, name, value for each moved or trusted.overlay attribute. */
static int read_xattrs(const char *path, struct bytes *out) {
  static _Thread_local char names[XATTR_LIST_LIMIT], value[XATTR_VALUE_LIMIT];
  ssize_t length = list_xattrs(path, names);
  if (length < 0) return -1;
  for (const char *name = names; name < names + length; name += strlen(name) + 1) {
    if (!is_moved(name) && !has_prefix(name, "trusted.overlay.")) continue;
    ssize_t got = getxattr(path, name, value, sizeof value);
    if (got < 0 && errno == ENODATA) continue;
    if (got < 0) return -1;
    uint16_t name_bytes = (uint16_t)strlen(name);
    uint32_t value_bytes = (uint32_t)got;
    char *room = bytes_grow(out, sizeof name_bytes + sizeof value_bytes + name_bytes + value_bytes);
    if (!room) return -1;
    memcpy(room, &name_bytes, 2);
    memcpy(room + 2, &value_bytes, 4);
    memcpy(room + 6, name, name_bytes);
    memcpy(room + 6 + name_bytes, value, value_bytes);
  }
  return 0;
}

/** Finds `name` in a packed list; sets value and its length. */
static bool packed_find(const char *packed, size_t length, const char *name, const char **value, uint32_t *value_bytes) {
  for (size_t at = 0; at + 6 <= length;) {
    uint16_t name_bytes;
    memcpy(&name_bytes, packed + at, 2);
    memcpy(value_bytes, packed + at + 2, 4);
    if (at + 6 + name_bytes + (size_t)*value_bytes > length) return false;
    *value = packed + at + 6 + name_bytes;
    if (name_bytes == strlen(name) && !memcmp(packed + at + 6, name, name_bytes)) return true;
    at += 6 + name_bytes + (size_t)*value_bytes;
  }
  return false;
}

/** Makes the moved attributes exactly those of the packed list: others are removed, equal ones left alone. */
static int write_xattrs(const char *path, const char *packed, size_t length) {
  static _Thread_local char names[XATTR_LIST_LIMIT];
  const char *value;
  uint32_t value_bytes;
  ssize_t listed = list_xattrs(path, names);
  if (listed < 0) return -1;
  for (const char *name = names; name < names + listed; name += strlen(name) + 1) {
    if (!is_moved(name) || packed_find(packed, length, name, &value, &value_bytes)) continue;
    if (removexattr(path, name) && errno != ENODATA) return -1;
  }
  for (size_t at = 0; at + 6 <= length;) {
    uint16_t name_bytes;
    memcpy(&name_bytes, packed + at, 2);
    memcpy(&value_bytes, packed + at + 2, 4);
    char name[NAME_LIMIT];
    if (name_bytes >= sizeof name || at + 6 + name_bytes + (size_t)value_bytes > length) {
      errno = EINVAL;
      return -1;
    }
    memcpy(name, packed + at + 6, name_bytes);
    name[name_bytes] = 0;
    if (!is_moved(name)) {
      errno = EINVAL;
      return -1;
    }
    if (setxattr(path, name, packed + at + 6 + name_bytes, value_bytes, 0)) return -1;
    at += 6 + name_bytes + (size_t)value_bytes;
  }
  return 0;
}

// ---- the border to JavaScript
// -----------------------------------------------------------------------------------------

enum { MAX_ARGS = 7 };

struct call {
  napi_env env;
  napi_value args[MAX_ARGS];
  bool failed;
};

static struct call call_begin(napi_env env, napi_callback_info info) {
  struct call call = { .env = env };
  size_t count = MAX_ARGS;
  napi_get_cb_info(env, info, &count, call.args, NULL, NULL);
  return call;
}

static napi_value throw_errno(napi_env env, const char *what) {
  char message[160];
  const char *name = strerrorname_np(errno);
  snprintf(message, sizeof message, "%s: %s", what, strerror(errno));
  napi_throw_error(env, name ? name : "EUNKNOWN", message);
  return NULL;
}

static int64_t integer_arg(struct call *call, int index) {
  int64_t value = 0;
  if (napi_get_value_int64(call->env, call->args[index], &value) != napi_ok) call->failed = true;
  return value;
}

static uint64_t bigint_arg(struct call *call, int index) {
  uint64_t value = 0;
  bool lossless = false;
  if (napi_get_value_bigint_uint64(call->env, call->args[index], &value, &lossless) != napi_ok || !lossless) call->failed = true;
  return value;
}

static const char *buffer_arg(struct call *call, int index, size_t *length) {
  void *data = NULL;
  *length = 0;
  if (napi_get_buffer_info(call->env, call->args[index], &data, length) != napi_ok) call->failed = true;
  return data;
}

/** A Buffer argument as a NUL-terminated string in `text`; one that holds NUL or is too long fails the call. */
static void text_arg(struct call *call, int index, char *text, size_t room) {
  size_t length;
  const char *data = buffer_arg(call, index, &length);
  if (call->failed || length >= room || (length && memchr(data, 0, length))) {
    call->failed = true;
    return;
  }
  if (length) memcpy(text, data, length);
  text[length] = 0;
}

static napi_value integer_value(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

static napi_value invalid(napi_env env, const char *what) {
  errno = EINVAL;
  return throw_errno(env, what);
}

static napi_value bytes_value(napi_env env, struct bytes *bytes) {
  napi_value result = NULL;
  napi_create_buffer_copy(env, bytes->length, bytes->data, NULL, &result);
  free(bytes->data);
  return result;
}

/** scan(rootFd): Buffer */
static napi_value js_scan(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  struct walk walk = { .root = (int)integer_arg(&call, 0) };
  if (call.failed) return invalid(env, "scan");
  if (walk_tree(&walk)) {
    free(walk.out.data);
    return throw_errno(env, "scan");
  }
  return bytes_value(env, &walk.out);
}

/** openPath(rootFd, path, ino): fd that only stands for the entry; `ino` other than 0n must match, else ESTALE. */
static napi_value js_open_path(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  char path[PATH_LIMIT];
  int root = (int)integer_arg(&call, 0);
  text_arg(&call, 1, path, sizeof path);
  uint64_t ino = bigint_arg(&call, 2);
  if (call.failed) return invalid(env, "openPath");
  int fd = open_below(root, path, O_PATH | O_NOFOLLOW);
  if (fd < 0) return throw_errno(env, "openPath");
  struct stat st;
  if (ino && (fstat(fd, &st) || st.st_ino != ino)) {
    close(fd);
    errno = ESTALE;
    return throw_errno(env, "openPath");
  }
  return integer_value(env, fd);
}

/** openFile(rootFd, path, ino, write): fd of a regular file; ESTALE for any other type or inode. */
static napi_value js_open_file(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  char path[PATH_LIMIT];
  bool write = false;
  int root = (int)integer_arg(&call, 0);
  text_arg(&call, 1, path, sizeof path);
  uint64_t ino = bigint_arg(&call, 2);
  if (call.failed || napi_get_value_bool(env, call.args[3], &write) != napi_ok) return invalid(env, "openFile");
  int entry = open_below(root, path, O_PATH | O_NOFOLLOW);
  if (entry < 0) return throw_errno(env, "openFile");
  int fd = reopen_regular(entry, write ? O_RDWR : O_RDONLY | O_NOATIME);
  close_keeping_errno(entry);
  if (fd < 0) return throw_errno(env, "openFile");
  struct stat st;
  if (ino && (fstat(fd, &st) || st.st_ino != ino)) {
    close(fd);
    errno = ESTALE;
    return throw_errno(env, "openFile");
  }
  return integer_value(env, fd);
}

/** readLink(fd): Buffer, for an fd of openPath. */
static napi_value js_read_link(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  char target[PATH_LIMIT];
  int fd = (int)integer_arg(&call, 0);
  if (call.failed) return invalid(env, "readLink");
  ssize_t length = readlinkat(fd, "", target, sizeof target);
  if (length < 0) return throw_errno(env, "readLink");
  napi_value result = NULL;
  napi_create_buffer_copy(env, (size_t)length, target, NULL, &result);
  return result;
}

/** seek(fd, offset, hole): offset of the next data or hole; -1 past the last data. */
static napi_value js_seek(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  bool hole = false;
  int fd = (int)integer_arg(&call, 0);
  int64_t offset = integer_arg(&call, 1);
  if (call.failed || napi_get_value_bool(env, call.args[2], &hole) != napi_ok) return invalid(env, "seek");
  off_t at = lseek(fd, offset, hole ? SEEK_HOLE : SEEK_DATA);
  if (at < 0 && errno != ENXIO) return throw_errno(env, "seek");
  return integer_value(env, at);
}

/** xattrs(fd): Buffer of packed attributes, undefined when there are none. */
static napi_value js_xattrs(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  char path[64];
  struct bytes out = { 0 };
  snprintf(path, sizeof path, "/proc/self/fd/%d", (int)integer_arg(&call, 0));
  if (call.failed) return invalid(env, "xattrs");
  if (read_xattrs(path, &out)) {
    free(out.data);
    return throw_errno(env, "xattrs");
  }
  return out.length ? bytes_value(env, &out) : NULL;
}

/**
 * stamp(fd, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs): owner, attributes, mode (not of symlinks), time.
 */
static napi_value js_stamp(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  int fd = (int)integer_arg(&call, 0);
  mode_t mode = (mode_t)integer_arg(&call, 1);
  uid_t uid = (uid_t)integer_arg(&call, 2);
  gid_t gid = (gid_t)integer_arg(&call, 3);
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { integer_arg(&call, 4), integer_arg(&call, 5) } };
  size_t length;
  const char *packed = buffer_arg(&call, 6, &length);
  if (call.failed) return invalid(env, "stamp");
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  struct stat st;
  if (fstat(fd, &st) || fchownat(fd, "", uid, gid, AT_EMPTY_PATH)) return throw_errno(env, "chown");
  if (!S_ISLNK(st.st_mode)) {
    if (write_xattrs(path, packed, length)) return throw_errno(env, "setxattr");
    if (chmod(path, mode & 07777)) return throw_errno(env, "chmod");
  }
  if (utimensat(AT_FDCWD, path, times, 0)) return throw_errno(env, "utimensat");
  return NULL;
}

/** setTime(fd, seconds, nanoseconds) */
static napi_value js_set_time(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", (int)integer_arg(&call, 0));
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { integer_arg(&call, 1), integer_arg(&call, 2) } };
  if (call.failed) return invalid(env, "setTime");
  if (utimensat(AT_FDCWD, path, times, 0)) return throw_errno(env, "utimensat");
  return NULL;
}

/** createFile(parentFd, name): fd of a new empty file, readable by its owner only until it is stamped. */
static napi_value js_create_file(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  char name[NAME_LIMIT];
  int parent = (int)integer_arg(&call, 0);
  text_arg(&call, 1, name, sizeof name);
  if (call.failed) return invalid(env, "createFile");
  int fd = openat(parent, name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
  return fd < 0 ? throw_errno(env, "createFile") : integer_value(env, fd);
}

/** createNode(parentFd, name, mode, rdevMajor, rdevMinor): directory, fifo, device or socket file. */
static napi_value js_create_node(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  char name[NAME_LIMIT];
  int parent = (int)integer_arg(&call, 0);
  text_arg(&call, 1, name, sizeof name);
  mode_t mode = ((mode_t)integer_arg(&call, 2) & S_IFMT) | 0600;
  dev_t device = makedev((unsigned)integer_arg(&call, 3), (unsigned)integer_arg(&call, 4));
  if (call.failed) return invalid(env, "createNode");
  int result = S_ISDIR(mode) ? mkdirat(parent, name, 0700) : mknodat(parent, name, mode, device);
  return result ? throw_errno(env, "createNode") : NULL;
}

/** createSymlink(parentFd, name, target) */
static napi_value js_create_symlink(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  char name[NAME_LIMIT], target[PATH_LIMIT];
  int parent = (int)integer_arg(&call, 0);
  text_arg(&call, 1, name, sizeof name);
  text_arg(&call, 2, target, sizeof target);
  if (call.failed) return invalid(env, "createSymlink");
  return symlinkat(target, parent, name) ? throw_errno(env, "createSymlink") : NULL;
}

/** createLink(parentFd, name, fd): another name for what `fd` (openPath) stands for. */
static napi_value js_create_link(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  char name[NAME_LIMIT], target[64];
  int parent = (int)integer_arg(&call, 0);
  text_arg(&call, 1, name, sizeof name);
  snprintf(target, sizeof target, "/proc/self/fd/%d", (int)integer_arg(&call, 2));
  if (call.failed) return invalid(env, "createLink");
  return linkat(AT_FDCWD, target, parent, name, AT_SYMLINK_FOLLOW) ? throw_errno(env, "createLink") : NULL;
}

/** remove(parentFd, name): removes a file or a whole directory; nothing there is no error. */
static napi_value js_remove(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  char name[NAME_LIMIT];
  int parent = (int)integer_arg(&call, 0);
  text_arg(&call, 1, name, sizeof name);
  if (call.failed || !*name) return invalid(env, "remove");
  return remove_entry(parent, name) && errno != ENOENT ? throw_errno(env, "remove") : NULL;
}

/** empty(rootFd, path): removes everything in that directory. */
static napi_value js_empty(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info);
  char path[PATH_LIMIT];
  int root = (int)integer_arg(&call, 0);
  text_arg(&call, 1, path, sizeof path);
  if (call.failed) return invalid(env, "empty");
  int fd = open_below(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) return throw_errno(env, "empty");
  int result = empty_directory(fd);
  close_keeping_errno(fd);
  return result ? throw_errno(env, "empty") : NULL;
}

NAPI_MODULE_INIT() {
  const struct {
    const char *name;
    napi_callback call;
  } functions[] = {
    { "scan", js_scan },
    { "openPath", js_open_path },
    { "openFile", js_open_file },
    { "readLink", js_read_link },
    { "seek", js_seek },
    { "xattrs", js_xattrs },
    { "stamp", js_stamp },
    { "setTime", js_set_time },
    { "createFile", js_create_file },
    { "createNode", js_create_node },
    { "createSymlink", js_create_symlink },
    { "createLink", js_create_link },
    { "remove", js_remove },
    { "empty", js_empty },
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function = NULL;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
