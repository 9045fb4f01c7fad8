// Takes a userfaultfd out of another process: one of its threads is stopped, makes it, and goes on as if nothing had
// been. What stops and starts the thread is a child, which never ends between the two.
#ifndef GODWIT_TRACKER_INJECT_H
#define GODWIT_TRACKER_INJECT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef __WALL
#define __WALL 0x40000000
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

enum {
  /** PTRACE_O_SUSPEND_SECCOMP: the container's filter does not judge what is not its own. */
  SUSPEND_SECCOMP = 1 << 21,
  /** A thread that has not stopped by then sleeps in the kernel. */
  STOP_LIMIT_MS = 300,
  /** Threads that are tried: the first one may have ended, or sleep. */
  TRIES_MAX = 4,
  SIGNAL_SET_BYTES = 8,
};
/** PTRACE_GETSIGMASK and PTRACE_SETSIGMASK, which musl's header lacks. */
enum { GET_SIGNAL_MASK = 0x420a, SET_SIGNAL_MASK = 0x420b };

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void nap_us(long microseconds) {
  nanosleep(&(struct timespec){.tv_nsec = microseconds * 1000}, NULL);
}

#ifdef __x86_64__

static long trace(int request, pid_t thread, uintptr_t address, void *data) {
  return syscall(SYS_ptrace, request, thread, address, data);
}

/** Stops a thread; false when it does not within the limit, and is left as it was. */
static bool stop_thread(pid_t thread) {
  if (trace(PTRACE_SEIZE, thread, 0, (void *)(uintptr_t)SUSPEND_SECCOMP) != 0) return false;
  if (trace(PTRACE_INTERRUPT, thread, 0, NULL) != 0) return false;
  for (int64_t deadline = now_ms() + STOP_LIMIT_MS; now_ms() < deadline; nap_us(100)) {
    int status;
    if (waitpid(thread, &status, __WALL | WNOHANG) == thread) return WIFSTOPPED(status);
  }
  return false;
}

/** Address of a `syscall` instruction in the vdso, whose code is everybody's; 0 when there is none. */
static uint64_t find_syscall(pid_t process) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/%d/maps", process);
  FILE *maps = fopen(path, "re");
  unsigned long start = 0, end = 0;
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
    if (strstr(line, "[vdso]") != NULL && sscanf(line, "%lx-%lx", &start, &end) == 2) break;
    else start = end = 0;
  if (maps != NULL) fclose(maps);
  static uint8_t code[1 << 16];
  size_t size = end - start < sizeof code ? end - start : sizeof code;
  struct iovec here = {code, size}, there = {(void *)start, size};
  if (start == 0 || process_vm_readv(process, &here, 1, &there, 1, 0) != (ssize_t)size) return 0;
  for (size_t i = 0; i + 1 < size; i++)
    if (code[i] == 0x0f && code[i + 1] == 0x05) return start + i;
  return 0;
}

/** The stopped thread makes one system call, which does not block; its result, or -EIO. */
static long call_in(pid_t thread, const struct user_regs_struct *own, uint64_t instruction, long number, uint64_t argument) {
  struct user_regs_struct registers = *own;
  int status;
  registers.rax = (unsigned long)number;
  registers.orig_rax = (unsigned long)-1;
  registers.rdi = argument;
  registers.rip = instruction;
  if (trace(PTRACE_SETREGS, thread, 0, &registers) != 0 || trace(PTRACE_SINGLESTEP, thread, 0, NULL) != 0) return -EIO;
  if (waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status)) return -EIO;
  if (trace(PTRACE_GETREGS, thread, 0, &registers) != 0) return -EIO;
  return registers.rip == instruction + 2 ? (long)registers.rax : -EIO;
}

/** Lets the stopped thread make a userfaultfd and close it again; our copy of it, or -1. */
static int copy_from(pid_t process, pid_t thread, uint64_t instruction) {
  struct user_regs_struct own;
  uint64_t mask, all = ~(uint64_t)0;
  if (trace(PTRACE_GETREGS, thread, 0, &own) != 0) return -1;
  if (trace(GET_SIGNAL_MASK, thread, SIGNAL_SET_BYTES, &mask) != 0) return -1;
  if (trace(SET_SIGNAL_MASK, thread, SIGNAL_SET_BYTES, &all) != 0) return -1;
  int copy = -1;
  long made = call_in(thread, &own, instruction, SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
  if (made >= 0) {
    int pidfd = (int)syscall(SYS_pidfd_open, process, 0);
    copy = (int)syscall(SYS_pidfd_getfd, pidfd, made, 0);
    if (pidfd >= 0) close(pidfd);
    call_in(thread, &own, instruction, SYS_close, (uint64_t)made);
  }
  trace(PTRACE_SETREGS, thread, 0, &own);
  trace(SET_SIGNAL_MASK, thread, SIGNAL_SET_BYTES, &mask);
  return copy;
}

/** Tries the threads of a process one after the other, until one stops; ends with what that one gave. */
static int take_from_any_thread(pid_t process) {
  char path[64];
  uint64_t instruction = find_syscall(process);
  snprintf(path, sizeof path, "/proc/%d/task", process);
  DIR *threads = instruction == 0 ? NULL : opendir(path);
  if (threads == NULL) return -1;
  int copy = -1, tries = 0;
  for (struct dirent *entry; tries < TRIES_MAX && (entry = readdir(threads)) != NULL;) {
    pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
    if (thread <= 0) continue;
    tries++;
    if (!stop_thread(thread)) continue; // it is let go when this child ends, and nothing was changed
    copy = copy_from(process, thread, instruction);
    trace(PTRACE_DETACH, thread, 0, NULL);
    break;
  }
  closedir(threads);
  return copy;
}

#else

static int take_from_any_thread(pid_t process) {
  (void)process;
  return -1;
}

#endif

static void send_descriptor(int to, int descriptor) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr aligned;
  } control = {0};
  char byte = 0;
  struct iovec content = {&byte, 1};
  struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  sendmsg(to, &message, MSG_NOSIGNAL);
}

static int receive_descriptor(int from) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr aligned;
  } control = {0};
  char byte;
  struct iovec content = {&byte, 1};
  struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  int descriptor = -1;
  if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (head != NULL && head->cmsg_type == SCM_RIGHTS) memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
  return descriptor;
}

/** What a child of ours has found for a process, as a descriptor of our own; -1 when it has found nothing. */
static int descriptor_from_child(int (*find)(pid_t process, uint64_t id), pid_t process, uint64_t id) {
  int ends[2], descriptor = -1;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  pid_t child = fork();
  if (child == 0) {
    int found = find(process, id);
    if (found >= 0) send_descriptor(ends[1], found);
    _exit(0);
  }
  close(ends[1]);
  if (child > 0) {
    descriptor = receive_descriptor(ends[0]); // ends with the child
    waitpid(child, NULL, 0);
  }
  close(ends[0]);
  return descriptor;
}

static int find_userfaultfd(pid_t process, uint64_t id) {
  (void)id;
  return take_from_any_thread(process);
}

/** A userfaultfd of the process' memory; -1 when it gives none (it is traced, has no descriptor left, has ended). */
static int take_userfaultfd(pid_t process) {
  return descriptor_from_child(find_userfaultfd, process, 0);
}

#endif
