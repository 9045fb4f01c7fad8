// The images on disk: their content is mapped at addresses that are the same in every pager, so that a successor can go
// on with the ranges.
#ifndef GODWIT_PAGER_CONTENTS_H
#define GODWIT_PAGER_CONTENTS_H

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images.h"
#include "ranges.h"

enum { WIPED_MAX = 1024, NAME_MAX_BYTES = 64 };

/** Far from where programs and libraries are, and far enough from each other for any image. */
static const uint64_t contents_base = 0x300000000000, contents_stride = 0x4000000000;
enum { IMAGES_MAX = 256 };

/** Maps a whole file for reading; an empty one is no memory at all. False when it cannot be read. */
static bool map_file(int directory, const char *name, void *place, struct reader *bytes) {
  int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  struct stat facts;
  if (fd < 0) return false;
  bool known = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
  size_t size = known ? (size_t)facts.st_size : 0;
  void *memory = NULL;
  if (known && size > 0) memory = mmap(place, size, PROT_READ, MAP_SHARED | (place ? MAP_FIXED : 0), fd, 0);
  close(fd);
  if (!known || memory == MAP_FAILED) return false;
  *bytes = (struct reader){memory, (const uint8_t *)memory + size};
  return true;
}

static void unmap(struct reader bytes) {
  if (bytes.at != NULL) munmap((void *)(uintptr_t)bytes.at, (size_t)(bytes.end - bytes.at));
}

static uint64_t content_address(uint32_t image) {
  return contents_base + image * contents_stride;
}

/** Maps the content of images from `first` on. */
static bool map_contents(const struct state *state, int directory, uint32_t first) {
  for (uint32_t i = first; i < state->image_count; i++) {
    char name[NAME_MAX_BYTES];
    struct reader bytes;
    snprintf(name, sizeof name, "pages-%u.img", state->images[i].pages_id);
    if (!map_file(directory, name, (void *)(uintptr_t)content_address(i), &bytes)) return false;
    if ((uint64_t)(bytes.end - bytes.at) != state->images[i].bytes) return false;
  }
  return true;
}

/** Takes an image of pages up; its number among the images, or -1. */
static int add_content(struct state *state, int directory, uint32_t pages_id) {
  char name[NAME_MAX_BYTES];
  struct stat facts;
  uint32_t number = state->image_count;
  for (uint32_t i = 0; i < number; i++) if (state->images[i].pages_id == pages_id) return (int)i;
  snprintf(name, sizeof name, "pages-%u.img", pages_id);
  if (number == IMAGES_MAX || fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return -1;
  if ((uint64_t)facts.st_size > contents_stride) return -1;
  state->images[number] = (struct image){pages_id, (uint64_t)facts.st_size};
  state->image_count = number + 1;
  return map_contents(state, directory, number) ? (int)number : -1;
}

/** Pages of a run as ranges, cut where what a child sees changes. */
static bool emit_run(struct model *model, struct range range, const struct span *wiped, int wiped_count) {
  for (int i = 0; i < wiped_count && range.start < range.end; i++) {
    if (wiped[i].end <= range.start || wiped[i].start >= range.end) continue;
    struct range inside = cut(range, wiped[i].start, wiped[i].end);
    inside.wiped_on_fork = 1;
    if (!emit(model, cut(range, 0, wiped[i].start)) || !emit(model, inside)) return false;
    range.start = inside.end;
  }
  return emit(model, range);
}

/**
 * Adds the lazy runs of a pagemap to the last task of `model`; content lies in the image at `content` in the order of
 * the runs.
 */
static bool emit_pagemap(struct model *model, struct reader pagemap, uint64_t content, uint64_t content_bytes, const struct span *wiped, int wiped_count) {
  uint64_t after = 0, offset = 0;
  while (pagemap.at < pagemap.end) {
    struct page_run run;
    if (!take_run(&pagemap, after, &run) || run.flags & PAGES_PARENT) return false;
    after = run.start + run.pages * PAGE;
    if (!(run.flags & PAGES_PRESENT)) {
      if (run.flags & PAGES_LAZY) return false;
      continue;
    }
    if (run.pages * PAGE > content_bytes - offset) return false;
    struct range range = {.start = run.start, .end = after, .to_content = content + offset - run.start, .task = model->task_count - 1};
    offset += run.pages * PAGE;
    if (run.flags & PAGES_LAZY && !emit_run(model, range, wiped, wiped_count)) return false;
  }
  return true;
}

/** Builds the other model: one more task, whose images are named by `pid`. */
static bool add_task(struct state *state, int directory, int pid, int descriptor) {
  static struct span wiped[WIPED_MAX];
  struct model *model = other_model(state);
  struct reader pagemap = {0}, mm = {0};
  char name[NAME_MAX_BYTES];
  uint32_t pages_id;
  if (!copy_model(held_model(state), model) || model->task_count == TASKS_MAX) return false;
  model->tasks[model->task_count++].descriptor = descriptor;
  snprintf(name, sizeof name, "mm-%d.img", pid);
  if (!map_file(directory, name, NULL, &mm)) return false;
  int wiped_count = read_wiped(mm, wiped, WIPED_MAX);
  unmap(mm);
  snprintf(name, sizeof name, "pagemap-%d.img", pid);
  if (wiped_count < 0 || !map_file(directory, name, NULL, &pagemap)) return false;
  struct reader entries = pagemap;
  int number = begin_pagemap(&entries, &pages_id) ? add_content(state, directory, pages_id) : -1;
  bool added = number >= 0 && emit_pagemap(model, entries, content_address((uint32_t)number), state->images[number].bytes, wiped, wiped_count);
  unmap(pagemap);
  return added;
}

#endif
