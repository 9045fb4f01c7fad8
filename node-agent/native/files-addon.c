// System calls that Node lacks and the file mover needs: walking a tree by statx, opening strictly below a root,
// xattrs, holes, device nodes and nanosecond times. All calls are synchronous; they are made in a worker thread.
#define _GNU_SOURCE
#include "files/below.h"
#include "files/bytes.h"
#include "files/call.h"
#include "files/removing.h"
#include "files/snapshot.h"
#include "files/xattrs.h"

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
