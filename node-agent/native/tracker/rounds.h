// What is sent of memory that is followed: in rounds while its program runs, and once more when it stands still.
#ifndef GODWIT_TRACKER_ROUNDS_H
#define GODWIT_TRACKER_ROUNDS_H

#include "records.h"

enum { REGIONS = 512, SCAN_PAGES_MAX = 16384 };

static struct vma vmas[VMAS_MAX];
static struct scan_region regions[REGIONS];
static struct record record;

static const struct question written = {.tracked = true, .protects = true}, whole = {.tracked = true, .protects = true, .all = true};
static const struct question written_in_freeze = {.tracked = true}, present = {.all = true};

static int open_of(pid_t pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  return open(path, O_RDONLY | O_CLOEXEC);
}

/** /proc/PID/pagemap and /proc/PID/mem. */
struct views {
  int pagemap, memory;
};

static struct views open_views(pid_t pid) {
  return (struct views){open_of(pid, "pagemap"), open_of(pid, "mem")};
}

static void close_views(struct views views) {
  if (views.pagemap >= 0) close(views.pagemap);
  if (views.memory >= 0) close(views.memory);
}

/** Sends what the question finds of a mapping; false when the kernel does not answer for all of it. */
static bool send_vma(const struct vma *vma, struct question question, struct digests *digests, struct views views) {
  for (uint64_t at = vma->start; at < vma->end;) {
    int found = scan(views.pagemap, question, &at, vma->end, regions, REGIONS, SCAN_PAGES_MAX);
    if (found < 0) return false;
    for (int i = 0; i < found; i++) read_run(&record, views.memory, digests, regions[i].start, (regions[i].end - regions[i].start) / PAGE);
  }
  return true;
}

/** What the other side has of [start, end) is not known any more; records before it stay before it. */
static void disown(const struct followed *of, uint64_t start, uint64_t end) {
  send_record(&record);
  say_unknown(of, start, end);
}

static void send_changed(struct followed *process, struct views views, const struct vma *vma) {
  if (!send_vma(vma, present, &process->digests, views)) disown(process, vma->start, vma->end);
}

/**
 * What is not tracked yet is from now on: what it holds by then may have been anything before. All its pages are sent,
 * since bits of an earlier protection may be left in them. What somebody else has a userfaultfd for is compared.
 */
static void send_written(struct followed *process, struct views views, const struct vma *vma) {
  if (send_vma(vma, written, NULL, views)) return;
  if (!register_vma(process, vma)) return send_changed(process, views, vma);
  disown(process, vma->start, vma->end);
  if (!send_vma(vma, whole, NULL, views)) disown(process, vma->start, vma->end);
}

/** All of the file that is no hole. */
static void send_changed_of_file(struct followed *of) {
  for (off_t at = 0; (at = lseek(of->file, at, SEEK_DATA)) >= 0;) {
    off_t end = lseek(of->file, at, SEEK_HOLE);
    uint64_t start = (uint64_t)at & ~(uint64_t)(PAGE - 1);
    if (end <= at) break;
    read_run(&record, -1, &of->digests, start, ((uint64_t)end - start + PAGE - 1) / PAGE);
    at = end;
  }
}

static void compare_from_now_on(struct followed *process) {
  if (process->userfaultfd < 0) return;
  end_tracking(process);
  disown(process, 0, UINT64_MAX);
}

static void send_round_of(struct followed *of) {
  begin_records(&record, of);
  if (of->shared) send_changed_of_file(of);
  else {
    struct views views = open_views(of->pid);
    int count = views.pagemap < 0 ? -1 : read_vmas(of->pid, vmas);
    for (int i = 0; i < count; i++)
      if (of->userfaultfd >= 0) send_written(of, views, &vmas[i]);
      else send_changed(of, views, &vmas[i]);
    close_views(views);
    if (count < 0) disown(of, 0, UINT64_MAX);
    if (has_direct_io(of->pid)) compare_from_now_on(of);
  }
  send_record(&record);
}

/** Pages found in the freeze, before anything else touches the processes. */
struct found {
  struct followed *of;
  struct run run;
  /** They may have been: their content is to be compared. */
  bool compared;
};
static struct found *found;
static size_t found_count, found_room;

static bool remember_found(struct followed *of, struct run run, bool compared) {
  if (found_count == found_room) {
    size_t room = found_room == 0 ? 4096 : 2 * found_room;
    struct found *grown = realloc(found, room * sizeof *found);
    if (grown == NULL) return false;
    found = grown;
    found_room = room;
  }
  found[found_count++] = (struct found){of, run, compared};
  return true;
}

static bool find_in_vma(struct followed *process, const struct vma *vma, int pagemap) {
  for (uint64_t at = vma->start; at < vma->end;) {
    int count = scan(pagemap, written_in_freeze, &at, vma->end, regions, REGIONS, SCAN_PAGES_MAX);
    if (count < 0) return false;
    for (int i = 0; i < count; i++)
      if (!remember_found(process, (struct run){regions[i].start, (regions[i].end - regions[i].start) / PAGE}, false)) return false;
  }
  return true;
}

/**
 * Finds what was written, or may have been. Code is disowned where it was, so that it is read after the dump: who dumps
 * the process puts some of its own there for a moment.
 */
static void find_written(struct followed *process) {
  struct views views = open_views(process->pid);
  int count = views.pagemap < 0 || has_direct_io(process->pid) ? -1 : read_vmas(process->pid, vmas);
  for (int i = 0; i < count; i++) {
    size_t before = found_count;
    bool tracked = find_in_vma(process, &vmas[i], views.pagemap);
    if (tracked && !(vmas[i].executable && found_count > before)) continue;
    found_count = before;
    struct run run = {vmas[i].start, (vmas[i].end - vmas[i].start) / PAGE};
    if (vmas[i].executable || !remember_found(process, run, true)) disown(process, vmas[i].start, vmas[i].end);
  }
  close_views(views);
  if (count < 0) disown(process, 0, UINT64_MAX);
}

/** All of a process but its code. */
static void send_changed_in_freeze(struct followed *process) {
  struct views views = open_views(process->pid);
  int count = views.pagemap < 0 ? -1 : read_vmas(process->pid, vmas);
  for (int i = 0; i < count; i++)
    if (vmas[i].executable) disown(process, vmas[i].start, vmas[i].end);
    else send_changed(process, views, &vmas[i]);
  close_views(views);
  if (count < 0) disown(process, 0, UINT64_MAX);
}

static void send_found(void) {
  struct views views = {-1, -1};
  for (size_t i = 0; i < found_count; i++) {
    if (i == 0 || found[i].of != found[i - 1].of) {
      close_views(views);
      views = open_views(found[i].of->pid);
      begin_records(&record, found[i].of);
    }
    struct vma vma = {found[i].run.start, found[i].run.start + found[i].run.pages * PAGE, false};
    if (found[i].compared) send_changed(found[i].of, views, &vma);
    else read_run(&record, views.memory, NULL, vma.start, found[i].run.pages);
  }
  close_views(views);
  send_record(&record);
}

#endif
