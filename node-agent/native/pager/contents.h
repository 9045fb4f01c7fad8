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

/** More dumps in a chain are more rounds than any handover makes. */
enum { WIPED_MAX = 1024, LEVELS_MAX = 40, PATH_MAX_BYTES = LEVELS_MAX * sizeof "parent" + 64 };

/** Far from where programs and libraries are; one image lies behind the other. */
static const uint64_t contents_base = 0x300000000000, contents_limit = 0x7e0000000000;
enum { IMAGES_MAX = TASKS_MAX };

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

/** Behind all images that are mapped already. */
static uint64_t next_address(const struct state *state) {
  if (state->image_count == 0) return contents_base;
  const struct image *last = &state->images[state->image_count - 1];
  return (last->address + last->bytes + 2 * PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

/** Maps the content of images from `first` on. */
static bool map_contents(const struct state *state, int directory, uint32_t first) {
  for (uint32_t i = first; i < state->image_count; i++) {
    char name[PATH_MAX_BYTES];
    struct reader bytes;
    snprintf(name, sizeof name, "pages-%u.img", state->images[i].pages_id);
    if (!map_file(directory, name, (void *)(uintptr_t)state->images[i].address, &bytes)) return false;
    if ((uint64_t)(bytes.end - bytes.at) != state->images[i].bytes) return false;
  }
  return true;
}

/** Takes an image of pages up; its number among the images, or -1. */
static int add_content(struct state *state, int directory, uint32_t pages_id) {
  char name[PATH_MAX_BYTES];
  struct stat facts;
  uint64_t address = next_address(state);
  uint32_t number = state->image_count;
  for (uint32_t i = 0; i < number; i++) if (state->images[i].pages_id == pages_id) return (int)i;
  snprintf(name, sizeof name, "pages-%u.img", pages_id);
  if (number == IMAGES_MAX || fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return -1;
  if ((uint64_t)facts.st_size > contents_limit - address) return -1;
  state->images[number] = (struct image){pages_id, (uint64_t)facts.st_size, address};
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

/** A page map that is read from front to back, and where the content of its pages is. */
struct level {
  struct reader entries;
  uint64_t content, content_bytes;
  struct page_run run;
  /** Of the run's content in the image. */
  uint64_t offset;
};

/** The page maps of a task: each one's parent is the next. */
struct chain {
  struct level levels[LEVELS_MAX];
  int count;
};

static uint64_t run_end(const struct page_run *run) {
  return run->start + run->pages * PAGE;
}

/** Goes on to the next run; false at the end, and when the page map is damaged or has more than its content. */
static bool next_run(struct level *level) {
  uint64_t after = run_end(&level->run);
  if (level->run.flags & PAGES_PRESENT) level->offset += level->run.pages * PAGE;
  if (level->entries.at == level->entries.end || !take_run(&level->entries, after, &level->run)) return false;
  return !(level->run.flags & PAGES_PRESENT) || level->run.pages * PAGE <= level->content_bytes - level->offset;
}

/** Adds [start, end) as the level has it, all of which lies in its run; its content may lie further up the chain. */
static bool emit_pages(struct model *model, struct chain *chain, int depth, uint64_t start, uint64_t end, const struct span *wiped, int wiped_count) {
  struct level *level = &chain->levels[depth];
  if (level->run.flags & PAGES_PRESENT) {
    struct range range = {.start = start, .end = end, .to_content = level->content + level->offset - level->run.start, .task = model->task_count - 1};
    return emit_run(model, range, wiped, wiped_count);
  }
  if (!(level->run.flags & PAGES_PARENT) || depth + 1 == chain->count) return false;
  struct level *parent = level + 1;
  while (start < end) {
    while (run_end(&parent->run) <= start) if (!next_run(parent)) return false;
    if (parent->run.start > start) return false;
    uint64_t until = run_end(&parent->run) < end ? run_end(&parent->run) : end;
    if (!emit_pages(model, chain, depth + 1, start, until, wiped, wiped_count)) return false;
    start = until;
  }
  return true;
}

/** Adds the lazy runs of the first page map of a chain to the last task of `model`. */
static bool emit_chain(struct model *model, struct chain *chain, const struct span *wiped, int wiped_count) {
  struct level *first = &chain->levels[0];
  while (first->entries.at < first->entries.end) {
    if (!next_run(first)) return false;
    const struct page_run *run = &first->run;
    if (run->flags & PAGES_LAZY && !emit_pages(model, chain, 0, run->start, run_end(run), wiped, wiped_count)) return false;
  }
  return true;
}

/** Opens the page map of a task in a directory, and the content that it names; false when there is none. */
static bool open_level(struct state *state, int directory, const char *name, struct reader *image, struct level *level) {
  uint32_t pages_id;
  *level = (struct level){0};
  if (!map_file(directory, name, NULL, image)) return false;
  level->entries = *image;
  int number = begin_pagemap(&level->entries, &pages_id) ? add_content(state, directory, pages_id) : -1;
  if (number < 0) return unmap(*image), false;
  level->content = state->images[number].address;
  level->content_bytes = state->images[number].bytes;
  return true;
}

/** Builds the other model: one more task, whose images are named by `pid`. */
static bool add_task(struct state *state, int directory, int pid, int descriptor) {
  static struct span wiped[WIPED_MAX];
  static struct chain chain;
  static struct reader images[LEVELS_MAX];
  struct model *model = other_model(state);
  struct reader mm = {0};
  char name[PATH_MAX_BYTES], above[PATH_MAX_BYTES] = "";
  if (!copy_model(held_model(state), model) || model->task_count == TASKS_MAX) return false;
  model->tasks[model->task_count++].descriptor = descriptor;
  snprintf(name, sizeof name, "mm-%d.img", pid);
  if (!map_file(directory, name, NULL, &mm)) return false;
  int wiped_count = read_wiped(mm, wiped, WIPED_MAX);
  unmap(mm);
  for (chain.count = 0; chain.count < LEVELS_MAX; chain.count++) {
    int length = snprintf(name, sizeof name, "%spagemap-%d.img", above, pid);
    if (length >= (int)sizeof name || !open_level(state, directory, name, &images[chain.count], &chain.levels[chain.count])) break;
    strcat(above, "parent/");
  }
  bool added = chain.count > 0 && wiped_count >= 0 && emit_chain(model, &chain, wiped, wiped_count);
  for (int i = 0; i < chain.count; i++) unmap(images[i]);
  return added;
}

#endif
