// System calls in the name of another task: one that waits in a known system call is stopped, makes calls from where it
// stands, and goes on waiting. Between two calls it always stands as it was found, so that it goes on if the agent
// dies.
#define _GNU_SOURCE
#include <errno.h>
#include <node_api.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

enum { ARGUMENTS = 6, DATA_LIMIT = 4096, RED_ZONE = 128, SYSCALL_BYTES = 2, WAIT_MS = 2000, POLL_US = 20 };

static const unsigned short syscall_instruction = 0x050f;

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/** Waits until the task stops, for WAIT_MS at most; returns its status, or -1. */
static int wait_stop(pid_t task) {
  const struct timespec poll = { .tv_nsec = POLL_US * 1000 };
  for (uint64_t until = now_ms() + WAIT_MS;;) {
    int status = 0;
    pid_t got = waitpid(task, &status, __WALL | WNOHANG);
    if (got < 0) return -1;
    if (got == task && WIFSTOPPED(status)) return status;
    if (got == task || now_ms() > until) {
      errno = got == task ? ESRCH : ETIMEDOUT;
      return -1;
    }
    nanosleep(&poll, NULL);
  }
}

/** Whether the stopped task waits in system call `number`; then `registers` say how it makes that call anew. */
static bool waits_in(pid_t task, int number, struct user_regs_struct *registers) {
  if (ptrace(PTRACE_GETREGS, task, 0, registers)) return false;
  errno = 0;
  long word = ptrace(PTRACE_PEEKTEXT, task, registers->rip - SYSCALL_BYTES, 0);
  if (errno) return false;
  if (registers->orig_rax != (unsigned long long)number || (unsigned short)word != syscall_instruction) {
    errno = EAGAIN;
    return false;
  }
  registers->rip -= SYSCALL_BYTES;
  registers->rax = registers->orig_rax;
  registers->orig_rax = (unsigned long long)-1;
  return !ptrace(PTRACE_SETREGS, task, 0, registers);
}

/** Stops a task; EAGAIN when it does not wait in system call `number` (yet), and then it is as it was. */
static bool attach(pid_t task, int number, struct user_regs_struct *registers) {
  if (ptrace(PTRACE_SEIZE, task, 0, PTRACE_O_TRACESYSGOOD)) return false;
  if (ptrace(PTRACE_INTERRUPT, task, 0, 0)) return false;
  int status = wait_stop(task);
  if (status < 0) return false;
  if (status >> 16 != PTRACE_EVENT_STOP) errno = EAGAIN;
  else if (waits_in(task, number, registers)) return true;
  int saved = errno;
  ptrace(PTRACE_DETACH, task, 0, saved == EAGAIN && status >> 16 == 0 ? WSTOPSIG(status) : 0);
  errno = saved;
  return false;
}

/** Writes whole words; `address` is below what the task uses of its stack. */
static bool poke(pid_t task, uint64_t address, const char *data, size_t length) {
  for (size_t at = 0; at < length; at += sizeof(long)) {
    long word = 0;
    memcpy(&word, data + at, length - at < sizeof word ? length - at : sizeof word);
    if (ptrace(PTRACE_POKEDATA, task, address + at, word)) return false;
  }
  return true;
}

/** Lets the task run to the next edge of a system call. */
static bool to_edge(pid_t task) {
  if (ptrace(PTRACE_SYSCALL, task, 0, 0)) return false;
  int status = wait_stop(task);
  if (status < 0) return false;
  if (status >> 8 == (SIGTRAP | 0x80)) return true;
  errno = EINTR;
  return false;
}

/** The task makes one call; `result` is what the kernel answered it. */
static bool call_in(pid_t task, const struct user_regs_struct *registers, struct user_regs_struct call, long long *result) {
  struct user_regs_struct after;
  if (ptrace(PTRACE_SETREGS, task, 0, &call)) return false;
  bool made = to_edge(task) && to_edge(task) && !ptrace(PTRACE_GETREGS, task, 0, &after);
  int saved = errno;
  if (ptrace(PTRACE_SETREGS, task, 0, registers)) return false;
  errno = saved;
  if (made) *result = (long long)after.rax;
  return made;
}

// ---- for JavaScript ----

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

static bool as_registers(napi_env env, napi_value value, const struct user_regs_struct **registers) {
  void *data;
  size_t length;
  if (napi_get_buffer_info(env, value, &data, &length) != napi_ok || length != sizeof **registers) return false;
  *registers = data;
  return true;
}

/** attach(task, syscall): its registers, for the other two. */
static napi_value js_attach(napi_env env, napi_callback_info info) {
  napi_value argv[2], buffer;
  size_t count = 2;
  int32_t task, number;
  struct user_regs_struct registers;
  napi_get_cb_info(env, info, &count, argv, NULL, NULL);
  if (napi_get_value_int32(env, argv[0], &task) != napi_ok || napi_get_value_int32(env, argv[1], &number) != napi_ok) {
    errno = EINVAL;
    return throw_errno(env, "attach");
  }
  if (!attach(task, number, &registers)) return throw_errno(env, "attach");
  napi_create_buffer_copy(env, sizeof registers, &registers, NULL, &buffer);
  return buffer;
}

/** Puts `data`, if there is any, below the stack and its address into argument `place`. */
static bool place_data(napi_env env, napi_value value, int32_t place, pid_t task, struct user_regs_struct *call, uint64_t *arguments) {
  void *data;
  size_t length;
  if (place < 0) return true;
  if (place >= ARGUMENTS || napi_get_buffer_info(env, value, &data, &length) != napi_ok || length > DATA_LIMIT) {
    errno = EINVAL;
    return false;
  }
  arguments[place] = (call->rsp - RED_ZONE - length) & ~(uint64_t)15;
  return poke(task, arguments[place], data, length);
}

/** call(task, registers, number, arguments, data, place): what the kernel answered. */
static napi_value js_call(napi_env env, napi_callback_info info) {
  napi_value argv[6], answer;
  size_t count = 6, length = 0;
  int32_t task, number, place;
  const struct user_regs_struct *registers;
  napi_typedarray_type type;
  void *given;
  uint64_t arguments[ARGUMENTS];
  napi_get_cb_info(env, info, &count, argv, NULL, NULL);
  errno = EINVAL;
  if (napi_get_value_int32(env, argv[0], &task) != napi_ok || !as_registers(env, argv[1], &registers)
      || napi_get_value_int32(env, argv[2], &number) != napi_ok || napi_get_value_int32(env, argv[5], &place) != napi_ok
      || napi_get_typedarray_info(env, argv[3], &type, &length, &given, NULL, NULL) != napi_ok
      || type != napi_bigint64_array || length != ARGUMENTS) return throw_errno(env, "call");
  memcpy(arguments, given, sizeof arguments);
  struct user_regs_struct call = *registers;
  if (!place_data(env, argv[4], place, task, &call, arguments)) return throw_errno(env, "call");
  call.rax = (unsigned long long)number;
  call.rdi = arguments[0];
  call.rsi = arguments[1];
  call.rdx = arguments[2];
  call.r10 = arguments[3];
  call.r8 = arguments[4];
  call.r9 = arguments[5];
  long long result;
  if (!call_in(task, registers, call, &result)) return throw_errno(env, "call");
  napi_create_int64(env, result, &answer);
  return answer;
}

/** detach(task): it goes on waiting. */
static napi_value js_detach(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  size_t count = 1;
  int32_t task;
  napi_get_cb_info(env, info, &count, argv, NULL, NULL);
  errno = EINVAL;
  if (napi_get_value_int32(env, argv[0], &task) != napi_ok || ptrace(PTRACE_DETACH, task, 0, 0)) return throw_errno(env, "detach");
  return NULL;
}

NAPI_MODULE_INIT() {
  const struct {
    const char *name;
    napi_callback call;
  } functions[] = { { "attach", js_attach }, { "call", js_call }, { "detach", js_detach } };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function = NULL;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
