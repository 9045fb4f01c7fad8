// Preloaded into the CRIU of test hosts where the kernel denies it CAP_SYS_RESOURCE, as some virtual machines do:
// limits of processes of other users are read from /proc instead. Users have the capability; the product knows nothing
// of this.
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// The file's lines begin with these, in the order of the RLIMIT numbers.
static const char *const labels[] = {
    "Max cpu time",      "Max file size",     "Max data size",      "Max stack size",
    "Max core file size", "Max resident set", "Max processes",      "Max open files",
    "Max locked memory", "Max address space", "Max file locks",     "Max pending signals",
    "Max msgqueue size", "Max nice priority", "Max realtime priority", "Max realtime timeout",
};
enum { label_width = 26, label_count = sizeof labels / sizeof *labels };

static long system_call(long number, const long *arguments) {
  long result;
  register long fourth asm("r10") = arguments[3];
  register long fifth asm("r8") = arguments[4];
  register long sixth asm("r9") = arguments[5];
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(arguments[0]), "S"(arguments[1]), "d"(arguments[2]), "r"(fourth), "r"(fifth), "r"(sixth)
               : "rcx", "r11", "memory");
  if (result >= 0 || result < -4095) return result;
  errno = (int)-result;
  return -1;
}

static rlim64_t parse_limit(const char *word) { return *word == 'u' ? RLIM64_INFINITY : strtoull(word, NULL, 10); }

static int read_limit(pid_t pid, int resource, struct rlimit64 *limit) {
  char path[32], line[128], soft[32], hard[32];
  int result = -1;
  snprintf(path, sizeof path, "/proc/%d/limits", pid);
  FILE *file = fopen(path, "r");
  while (file && result != 0 && fgets(line, sizeof line, file)) {
    if (strncmp(line, labels[resource], strlen(labels[resource])) != 0) continue;
    if (sscanf(line + label_width, "%31s %31s", soft, hard) != 2) break;
    *limit = (struct rlimit64){.rlim_cur = parse_limit(soft), .rlim_max = parse_limit(hard)};
    result = 0;
  }
  if (file) fclose(file);
  return result;
}

static long limits_of(pid_t pid, long resource, const void *set, struct rlimit64 *old) {
  long result = system_call(SYS_prlimit64, (long[6]){pid, resource, (long)set, (long)old});
  if (result == 0 || errno != EPERM || set || !old || resource < 0 || resource >= label_count) return result;
  if (read_limit(pid, (int)resource, old) == 0) return 0;
  errno = EPERM;
  return -1;
}

int prlimit64(pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *set, struct rlimit64 *old) {
  return (int)limits_of(pid, (long)resource, set, old);
}

int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *set, struct rlimit *old) {
  return (int)limits_of(pid, (long)resource, set, (struct rlimit64 *)old);
}

// CRIU calls it by its number.
long syscall(long number, ...) {
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (int index = 0; index < 6; index++) arguments[index] = va_arg(list, long);
  va_end(list);
  if (number == SYS_prlimit64) return limits_of((pid_t)arguments[0], arguments[1], (void *)arguments[2], (void *)arguments[3]);
  return system_call(number, arguments);
}
