// What the kernel keeps for tasks and sockets of others: reads it, and sets it from outside.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CPU_BYTES = 1024, OPTION_BYTES = 64, OPTION_COUNT = 256, IOPRIO_WHO_PROCESS = 1 };

static napi_value throw_errno(napi_env env, const char *what) {
  char message[128];
  napi_value code, text, error;
  const char *name = strerrorname_np(errno);
  snprintf(message, sizeof message, "%s: %s", what, strerror(errno));
  napi_create_string_utf8(env, name ? name : "EIO", NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text);
  napi_create_error(env, code, text, &error);
  napi_throw(env, error);
  return NULL;
}

static napi_value throw_invalid(napi_env env) {
  napi_throw_type_error(env, NULL, "wrong arguments");
  return NULL;
}

/** The arguments of a call, all of them numbers. */
static bool numbers(napi_env env, napi_callback_info info, size_t count, int32_t *values) {
  napi_value argv[4];
  size_t given = count;
  napi_get_cb_info(env, info, &given, argv, NULL, NULL);
  for (size_t i = 0; i < count; i++) {
    if (napi_get_value_int32(env, argv[i], &values[i]) != napi_ok) return false;
  }
  return true;
}

static napi_value integer(napi_env env, int64_t value) {
  napi_value result;
  napi_create_int64(env, value, &result);
  return result;
}

static napi_value bytes(napi_env env, const void *data, size_t length) {
  napi_value result = NULL;
  napi_create_buffer_copy(env, length, data, NULL, &result);
  return result;
}

/** 0, or the errno of the call that returned `result`. */
static napi_value outcome(napi_env env, int result) {
  return integer(env, result < 0 ? errno : 0);
}

/** sockets(pid): [descriptor, inode, descriptor, inode...] of a process. One that is gone has none. */
static napi_value js_sockets(napi_env env, napi_callback_info info) {
  int32_t pid;
  char path[64], target[64];
  napi_value list;
  uint32_t count = 0;
  if (!numbers(env, info, 1, &pid)) return throw_invalid(env);
  napi_create_array(env, &list);
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR *directory = opendir(path);
  if (!directory) return errno == ENOENT || errno == ESRCH ? list : throw_errno(env, path);
  for (struct dirent *entry; (entry = readdir(directory));) {
    unsigned long long inode;
    ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
    if (length < 0) continue;
    target[length] = 0;
    if (sscanf(target, "socket:[%llu]", &inode) != 1) continue;
    napi_set_element(env, list, count++, integer(env, atoi(entry->d_name)));
    napi_set_element(env, list, count++, integer(env, (int64_t)inode));
  }
  closedir(directory);
  return list;
}

/** take(pid, fd): the same open file, as a descriptor of this process. */
static napi_value js_take(napi_env env, napi_callback_info info) {
  int32_t values[2];
  if (!numbers(env, info, 2, values)) return throw_invalid(env);
  int process = (int)syscall(SYS_pidfd_open, values[0], 0);
  if (process < 0) return throw_errno(env, "pidfd_open");
  int fd = (int)syscall(SYS_pidfd_getfd, process, values[1], 0);
  int saved = errno;
  close(process);
  errno = saved;
  return fd < 0 ? throw_errno(env, "pidfd_getfd") : integer(env, fd);
}

/**
 * Appends a byte that says how long the value is, and the value; nothing but a zero where the socket has no such
 * option.
 */
static char *append_option(char *at, int fd, const int32_t option[3]) {
  socklen_t length = (socklen_t)option[2];
  if (getsockopt(fd, option[0], option[1], at + 1, &length)) length = 0;
  *at = (char)length;
  return at + 1 + length;
}

/** getOptions(fd, [level, option, longest value]...): lengths and values, one after the other. */
static napi_value js_get_options(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  size_t count = 2, length;
  int32_t fd;
  napi_typedarray_type type;
  void *data;
  napi_get_cb_info(env, info, &count, argv, NULL, NULL);
  if (napi_get_value_int32(env, argv[0], &fd) != napi_ok || napi_get_typedarray_info(env, argv[1], &type, &length, &data, NULL, NULL) != napi_ok
      || type != napi_int32_array || length % 3 != 0 || length / 3 > OPTION_COUNT) return throw_invalid(env);
  const int32_t *options = data;
  static char found[OPTION_COUNT * (1 + OPTION_BYTES)];
  char *end = found;
  for (size_t i = 0; i < length; i += 3) {
    if (options[i + 2] < 0 || options[i + 2] > OPTION_BYTES) return throw_invalid(env);
    end = append_option(end, fd, options + i);
  }
  return bytes(env, found, (size_t)(end - found));
}

/** setOption(fd, level, option, value): 0 or an errno. */
static napi_value js_set_option(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  size_t count = 4, length;
  int32_t fd, level, option;
  void *data;
  napi_get_cb_info(env, info, &count, argv, NULL, NULL);
  if (napi_get_value_int32(env, argv[0], &fd) != napi_ok || napi_get_value_int32(env, argv[1], &level) != napi_ok
      || napi_get_value_int32(env, argv[2], &option) != napi_ok || napi_get_buffer_info(env, argv[3], &data, &length) != napi_ok) return throw_invalid(env);
  return outcome(env, setsockopt(fd, level, option, data, (socklen_t)length));
}

/** getCpus(task): the mask of CPUs that it may run on. */
static napi_value js_get_cpus(napi_env env, napi_callback_info info) {
  int32_t task;
  char mask[CPU_BYTES] = { 0 };
  if (!numbers(env, info, 1, &task)) return throw_invalid(env);
  long length = syscall(SYS_sched_getaffinity, task, sizeof mask, mask);
  return length < 0 ? throw_errno(env, "sched_getaffinity") : bytes(env, mask, (size_t)length);
}

/** setCpus(task, mask): 0 or an errno. */
static napi_value js_set_cpus(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  size_t count = 2, length;
  int32_t task;
  void *mask;
  napi_get_cb_info(env, info, &count, argv, NULL, NULL);
  if (napi_get_value_int32(env, argv[0], &task) != napi_ok || napi_get_buffer_info(env, argv[1], &mask, &length) != napi_ok) return throw_invalid(env);
  return outcome(env, (int)syscall(SYS_sched_setaffinity, task, length, mask));
}

/** getIoPriority(task): its class and level, as ioprio_get says. */
static napi_value js_get_io_priority(napi_env env, napi_callback_info info) {
  int32_t task;
  if (!numbers(env, info, 1, &task)) return throw_invalid(env);
  long priority = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, task);
  return priority < 0 ? throw_errno(env, "ioprio_get") : integer(env, priority);
}

/** setIoPriority(task, priority): 0 or an errno. */
static napi_value js_set_io_priority(napi_env env, napi_callback_info info) {
  int32_t values[2];
  if (!numbers(env, info, 2, values)) return throw_invalid(env);
  return outcome(env, (int)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, values[0], values[1]));
}

/** How many System V semaphore sets the IPC namespace of this thread has; -1 and errno. */
static int semaphore_sets(void) {
  struct seminfo found;
  return semctl(0, 0, SEM_INFO, &found) < 0 ? -1 : found.semusz;
}

/** semaphoreSets(pid): how many the IPC namespace of a process has. */
static napi_value js_semaphore_sets(napi_env env, napi_callback_info info) {
  int32_t pid;
  char path[64];
  if (!numbers(env, info, 1, &pid)) return throw_invalid(env);
  snprintf(path, sizeof path, "/proc/%d/ns/ipc", pid);
  int own = open("/proc/thread-self/ns/ipc", O_RDONLY | O_CLOEXEC), other = open(path, O_RDONLY | O_CLOEXEC), sets = -1;
  if (own >= 0 && other >= 0 && !setns(other, CLONE_NEWIPC)) {
    sets = semaphore_sets();
    int saved = errno;
    if (setns(own, CLONE_NEWIPC)) abort(); // nothing may go on in a foreign namespace
    errno = saved;
  }
  int saved = errno;
  if (own >= 0) close(own);
  if (other >= 0) close(other);
  errno = saved;
  return sets < 0 ? throw_errno(env, "semaphore sets") : integer(env, sets);
}

NAPI_MODULE_INIT() {
  const struct {
    const char *name;
    napi_callback call;
  } functions[] = {
    { "sockets", js_sockets }, { "take", js_take }, { "getOptions", js_get_options }, { "setOption", js_set_option }, { "getCpus", js_get_cpus },
    { "setCpus", js_set_cpus }, { "getIoPriority", js_get_io_priority }, { "setIoPriority", js_set_io_priority }, { "semaphoreSets", js_semaphore_sets },
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function = NULL;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
