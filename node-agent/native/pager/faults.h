// Puts pages into the memory of tasks by userfaultfd. No answer of the kernel but success, EEXIST and ENOENT counts as
// "the page is there".
#ifndef GODWIT_PAGER_FAULTS_H
#define GODWIT_PAGER_FAULTS_H

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ranges.h"

enum { FAULT_BYTES = 16 * PAGE, CHUNK_BYTES = 64 * PAGE };

enum progress { CAME_IN, MUST_WAIT };

/** As the kernel takes it: C libraries differ in the type of the number. */
static int request(int descriptor, unsigned long number, void *argument) {
  return (int)syscall(SYS_ioctl, descriptor, number, argument);
}

/** Wakes whoever waits for memory in the span; they look again. */
static void wake(int descriptor, uint64_t start, uint64_t length) {
  struct uffdio_range range = {.start = start, .len = length};
  request(descriptor, UFFDIO_WAKE, &range);
}

/** The task has ended, or became another program: nothing of it is to come. */
static void forget_task(struct state *state, uint32_t task) {
  struct model *model = held_model(state);
  for (uint32_t i = 0; i < model->range_count; i++) {
    struct range *range = &model->ranges[i];
    if (range->task != task) continue;
    state->left_bytes -= range->end - range->start;
    range->start = range->end;
  }
  int descriptor = model->tasks[task].descriptor;
  model->tasks[task].descriptor = -1;
  IN_ORDER();
  if (descriptor >= 0) close(descriptor);
}

/** Copies as much as the kernel takes at once; returns the bytes, or a negative errno. */
static int64_t copy_pages(int descriptor, uint64_t address, uint64_t content, uint64_t length) {
  struct uffdio_copy copy = {.dst = address, .src = content, .len = length};
  if (request(descriptor, UFFDIO_COPY, &copy) == 0) return (int64_t)length;
  if (copy.copy > 0) return copy.copy;
  return -errno;
}

/**
 * Copies a single page. The kernel looks for the mapping before it looks whether an event waits to be read: one that
 * has just been moved or unmapped is not found, though nobody has been told. Asked again, the kernel says EAGAIN then.
 */
static int64_t copy_page(int descriptor, uint64_t address, uint64_t content) {
  int64_t answer = copy_pages(descriptor, address, content, PAGE);
  return answer == -ENOENT ? copy_pages(descriptor, address, content, PAGE) : answer;
}

static bool has_gone(int64_t answer) {
  return answer == -ESRCH || answer == -ENOSPC;
}

/**
 * One page about which the kernel said neither yes nor "wait": it is there already, or there is no memory of the
 * program.
 */
static enum progress settle_page(struct state *state, uint32_t task, int descriptor, uint64_t address, int64_t answer) {
  switch (answer) {
    case -EEXIST:
    case -ENOENT:
      wake(descriptor, address, PAGE);
      return CAME_IN;
    case -EAGAIN:
    case -ENOMEM:
      return MUST_WAIT;
    default:
      if (has_gone(answer)) {
        forget_task(state, task);
        return CAME_IN;
      }
      char reason[REASON_MAX];
      snprintf(reason, sizeof reason, "the kernel refused a page: %s", strerror((int)-answer));
      fail(state, reason);
      return MUST_WAIT;
  }
}

/** Brings in what comes next of a range. */
static enum progress bring_in(struct state *state, struct range *range, uint64_t limit) {
  int descriptor = held_model(state)->tasks[range->task].descriptor;
  uint64_t length = range->end - range->start < limit ? range->end - range->start : limit;
  int64_t answer = copy_pages(descriptor, range->start, range->start + range->to_content, length);
  if (answer < 0 && !has_gone(answer)) answer = copy_page(descriptor, range->start, range->start + range->to_content);
  if (answer < 0) {
    if (settle_page(state, range->task, descriptor, range->start, answer) == MUST_WAIT) return MUST_WAIT;
    if (range->start == range->end) return CAME_IN;
    answer = PAGE;
  }
  range->start += (uint64_t)answer;
  state->left_bytes -= (uint64_t)answer;
  return CAME_IN;
}

/** Puts a page of zeros where the task has memory that nothing is to come into. */
static int64_t zero_page(int descriptor, uint64_t address) {
  struct uffdio_zeropage zero = {.range = {.start = address, .len = PAGE}};
  return request(descriptor, UFFDIO_ZEROPAGE, &zero) == 0 ? PAGE : -errno;
}

/**
 * A task waits for the page at `address`. What is brought in here is not taken out of its range: the range comes to it
 * later, and finds it there.
 */
static enum progress answer_fault(struct state *state, uint32_t task, uint64_t address) {
  struct model *model = held_model(state);
  int descriptor = model->tasks[task].descriptor;
  uint32_t found = find_range(model, task, address);
  int64_t answer;
  if (found == model->range_count) {
    answer = zero_page(descriptor, address);
  } else {
    struct range *range = &model->ranges[found];
    uint64_t length = range->end - address < FAULT_BYTES ? range->end - address : FAULT_BYTES;
    answer = copy_pages(descriptor, address, address + range->to_content, length);
    if (answer < 0 && !has_gone(answer)) answer = copy_page(descriptor, address, address + range->to_content);
  }
  return answer < 0 ? settle_page(state, task, descriptor, address, answer) : CAME_IN;
}

#endif
