// What an event of the kernel does to the memory that is still to come. The held model is read, the other one is built:
// a reader that is killed half-way has changed nothing.
#ifndef GODWIT_PAGER_RANGES_H
#define GODWIT_PAGER_RANGES_H

#include <stdlib.h>

#include "state.h"

static bool emit(struct model *to, struct range range) {
  if (range.start >= range.end) return true;
  if (to->range_count == RANGES_MAX) return false;
  to->ranges[to->range_count++] = range;
  return true;
}

static struct range cut(struct range range, uint64_t start, uint64_t end) {
  if (range.start < start) range.start = start;
  if (range.end > end) range.end = end;
  return range;
}

static struct range moved(struct range range, uint64_t by) {
  range.start += by;
  range.end += by;
  range.to_content -= by;
  return range;
}

static int by_place(const void *left, const void *right) {
  const struct range *a = left, *b = right;
  if (a->task != b->task) return a->task < b->task ? -1 : 1;
  return a->start < b->start ? -1 : a->start > b->start;
}

static void copy_tasks(const struct model *from, struct model *to) {
  memcpy(to->tasks, from->tasks, from->task_count * sizeof *from->tasks);
  to->task_count = from->task_count;
  to->range_count = 0;
}

/** A copy without what has come in. */
static bool copy_model(const struct model *from, struct model *to) {
  copy_tasks(from, to);
  for (uint32_t i = 0; i < from->range_count; i++)
    if (!emit(to, from->ranges[i])) return false;
  return true;
}

/** The program has given [start, end) up: zeros from now on, or no memory at all. */
static bool drop_span(const struct model *from, struct model *to, uint32_t task, uint64_t start, uint64_t end) {
  copy_tasks(from, to);
  for (uint32_t i = 0; i < from->range_count; i++) {
    struct range range = from->ranges[i];
    bool concerned = range.task == task && range.start < end && range.end > start;
    if (!concerned && !emit(to, range)) return false;
    if (concerned && (!emit(to, cut(range, 0, start)) || !emit(to, cut(range, end, UINT64_MAX)))) return false;
  }
  return true;
}

/** The program has moved the memory of [start, end): what is still to come goes to its new place. */
static bool move_span(const struct model *from, struct model *to, uint32_t task, struct range span, uint64_t target) {
  copy_tasks(from, to);
  for (uint32_t i = 0; i < from->range_count; i++) {
    struct range range = from->ranges[i];
    bool concerned = range.task == task && range.start < span.end && range.end > span.start;
    if (!concerned && !emit(to, range)) return false;
    if (concerned && (!emit(to, cut(range, 0, span.start)) || !emit(to, cut(range, span.end, UINT64_MAX))
        || !emit(to, moved(cut(range, span.start, span.end), target - span.start)))) return false;
  }
  qsort(to->ranges, to->range_count, sizeof *to->ranges, by_place);
  return true;
}

/** A child has the same memory, and misses the same. */
static bool fork_task(const struct model *from, struct model *to, uint32_t parent, int descriptor) {
  if (!copy_model(from, to) || to->task_count == TASKS_MAX) return false;
  uint32_t child = to->task_count++, inherited = to->range_count;
  to->tasks[child].descriptor = descriptor;
  for (uint32_t i = 0; i < inherited; i++) {
    struct range range = to->ranges[i];
    if (range.task != parent || range.wiped_on_fork) continue;
    range.task = child;
    if (!emit(to, range)) return false;
  }
  return true;
}

/** Builds the other model by an event of `task`; false when there is no room for it, or nobody knows what it means. */
static bool apply_event(const struct model *from, struct model *to, uint32_t task, const struct uffd_msg *message) {
  switch (message->event) {
    case UFFD_EVENT_REMOVE:
    case UFFD_EVENT_UNMAP:
      return drop_span(from, to, task, message->arg.remove.start, message->arg.remove.end);
    case UFFD_EVENT_REMAP: {
      struct range span = {.start = message->arg.remap.from, .end = message->arg.remap.from + message->arg.remap.len};
      return move_span(from, to, task, span, message->arg.remap.to);
    }
    case UFFD_EVENT_FORK:
      return fork_task(from, to, task, (int)message->arg.fork.ufd);
    default:
      return false;
  }
}

/** The first range of `task` that ends after `address`, or of a later task. */
static uint32_t first_after(const struct model *model, uint32_t task, uint64_t address) {
  uint32_t low = 0, high = model->range_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    const struct range *range = &model->ranges[middle];
    bool before = range->task != task ? range->task < task : range->end <= address;
    if (before) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The range of `task` that holds `address`, or the place of none: `range_count`. */
static uint32_t find_range(const struct model *model, uint32_t task, uint64_t address) {
  uint32_t found = first_after(model, task, address);
  if (found == model->range_count) return found;
  const struct range *range = &model->ranges[found];
  return range->task == task && range->start <= address && address < range->end ? found : model->range_count;
}

#endif
