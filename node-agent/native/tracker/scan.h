// Which pages of a process were written since they were last looked at: its private mappings are registered for
// asynchronous write protection, and the kernel's PAGEMAP_SCAN tells and protects in one step (kernel 6.7 and newer).
#ifndef GODWIT_TRACKER_SCAN_H
#define GODWIT_TRACKER_SCAN_H

#include <sys/ioctl.h>

#include "digests.h"
#include "inject.h"

enum { VMAS_MAX = 1 << 16 };

#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12)
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

/** As linux/fs.h has it since 6.7: older headers lack it. */
struct scan_region {
  uint64_t start, end, categories;
};
struct scan_argument {
  uint64_t size, flags, start, end, walk_end, vector, vector_length, max_pages;
  uint64_t category_inverted, category_mask, category_any_of, return_mask;
};
#define SCAN_PAGES _IOWR('f', 16, struct scan_argument)
enum { SCAN_PROTECTS = 1, SCAN_WANTS_TRACKING = 2 };
enum { IS_WRITTEN = 1 << 1, IS_FILE = 1 << 2, IS_PRESENT = 1 << 3, IS_SWAPPED = 1 << 4, IS_ZERO = 1 << 5 };

struct vma {
  uint64_t start, end;
  bool executable;
};

/** Memory that is followed: of a process, or what several share. */
struct followed {
  bool shared;
  /** By it CRIU names its images: the process' number in its own PID namespace, or that of the shared memory. */
  uint64_t id;
  pid_t pid;
  /** Of shared memory: its content. Addresses are places in it. */
  int file;
  /** By it the kernel tells what was written; without one (-1) its content is compared. */
  int userfaultfd;
  struct digests digests;
};

/** ioctl, whose request is an int in one library and a long in the other. */
static long control(int descriptor, unsigned long request, void *argument) {
  return syscall(SYS_ioctl, descriptor, request, argument);
}

/** Private mappings but those of the kernel; -1 when they cannot be read or are too many. */
static int read_vmas(pid_t pid, struct vma *vmas) {
  char path[64], line[4608];
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *maps = fopen(path, "re");
  int count = 0;
  if (maps == NULL) return -1;
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long start, end;
    char access[5];
    if (sscanf(line, "%lx-%lx %4s", &start, &end, access) != 3 || access[3] != 'p') continue;
    if (strstr(line, " [v") != NULL) continue; // vdso, vvar, vsyscall: the kernel's
    if (count == VMAS_MAX) {
      count = -1;
      break;
    }
    vmas[count++] = (struct vma){start, end, access[2] == 'x'};
  }
  fclose(maps);
  return count;
}

/**
 * Whether devices may write into the memory past its page tables, where no write is seen: direct and asynchronous I/O.
 * Also true when that cannot be told.
 */
static bool has_direct_io(pid_t pid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/fdinfo", pid);
  DIR *descriptors = opendir(path);
  if (descriptors == NULL) return true;
  bool found = false;
  for (struct dirent *entry; !found && (entry = readdir(descriptors)) != NULL;) {
    int file = openat(dirfd(descriptors), entry->d_name, O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    text[size > 0 ? size : 0] = 0;
    const char *flags = strstr(text, "flags:");
    found = (flags != NULL && strtoul(flags + 6, NULL, 8) & 040000) || strstr(text, "SqMask:") != NULL;
  }
  closedir(descriptors);
  if (found) return true;
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *maps = fopen(path, "re");
  char line[4608];
  while (maps != NULL && !found && fgets(line, sizeof line, maps) != NULL) found = strstr(line, "/[aio]") != NULL;
  if (maps != NULL) fclose(maps);
  return found || maps == NULL;
}

/** The kernel tells of the writes of a process from now on; false when it does not. */
static bool begin_tracking(struct followed *process) {
  struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_HUGETLBFS_SHMEM};
  process->userfaultfd = take_userfaultfd(process->pid);
  if (process->userfaultfd >= 0 && control(process->userfaultfd, UFFDIO_API, &api) == 0) return true;
  if (process->userfaultfd >= 0) close(process->userfaultfd);
  process->userfaultfd = -1;
  return false;
}

/** Nothing of it is left in the process. */
static void end_tracking(struct followed *process) {
  if (process->userfaultfd >= 0) close(process->userfaultfd);
  process->userfaultfd = -1;
}

static bool register_vma(const struct followed *process, const struct vma *vma) {
  struct uffdio_register request = {.range = {vma->start, vma->end - vma->start}, .mode = UFFDIO_REGISTER_MODE_WP};
  return process->userfaultfd >= 0 && control(process->userfaultfd, UFFDIO_REGISTER, &request) == 0;
}

/** What is asked of the pages of a mapping. */
struct question {
  /** All of its own pages, written lately or not. */
  bool all;
  bool protects;
  /** The answer is for mappings that are followed only. */
  bool tracked;
};

/**
 * The next regions of [*from, end) that the question finds, `limit_pages` at most; *from moves on. -1 when not all of
 * it is tracked.
 */
static int scan(int pagemap, struct question question, uint64_t *from, uint64_t end, struct scan_region *regions, int limit, uint64_t limit_pages) {
  struct scan_argument argument = {
      .size = sizeof argument,
      .flags = (question.tracked ? SCAN_WANTS_TRACKING : 0) | (question.protects ? SCAN_PROTECTS : 0),
      .start = *from,
      .end = end,
      .vector = (uint64_t)(uintptr_t)regions,
      .vector_length = (uint64_t)limit,
      .max_pages = limit_pages,
      .category_inverted = IS_FILE | IS_ZERO,
      .category_mask = IS_FILE | IS_ZERO | (question.all ? 0 : IS_WRITTEN),
      .category_any_of = IS_PRESENT | IS_SWAPPED,
      .return_mask = IS_PRESENT,
  };
  long found = control(pagemap, SCAN_PAGES, &argument);
  if (found >= 0) *from = argument.walk_end;
  return (int)found;
}

#endif
