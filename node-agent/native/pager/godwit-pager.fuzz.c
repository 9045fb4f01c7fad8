// Fuzz target for what godwit-pager reads of others: CRIU's images, its words on the socket, and what events do to the
// ranges.
#define main godwit_main
#include "godwit-pager.c"
#undef main

#include "../../../core/native/fuzz.h"

#ifndef GODWIT_LIBFUZZER
#define HEAD "\x19\x43\x56\x54\x25\x40\x08\x56\2\0\0\0\x08\1"
static const struct seed seeds[] = {
    SEED("p\0\x1c" HEAD "\x0a\0\0\0\x08\x80\xa0\x04\x10\0\x20\6\x28\2"),
    SEED("p\0\x18" HEAD "\x06\0\0\0\x08\x80\x20\x10\3\x18\1"),
    SEED("p\0\x1c" HEAD "\x0a\0\0\0\x08\x80\xa0\x04\x10\0\x20\3\x28\2\0\x1c" HEAD "\x0a\0\0\0\x08\x80\xa0\x04\x10\0\x20\4\x28\5"),
    SEED("m\x19\x43\x56\x54\x20\x28\x49\x57\x10\0\0\0\x72\x0e\x08\x80\x20\x10\x80\x40\x48\x80\x80\x10\x50\0\x50\0"),
    SEED("s\1\0\0\0\0"),
    SEED("s\xff\xff\xff\xff\x46\x54\x53\x52"),
    SEED("e\1\4\0\1\3\2\5\2\0\6\1\2\0\0\1"),
};
static const size_t seed_count = sizeof seeds / sizeof *seeds;
#endif

static struct state state;

/** All that is still to come is sorted, lies apart, and has its content where it had it. */
static void promise_sound(const struct model *model) {
  for (uint32_t i = 0; i < model->range_count; i++) {
    const struct range *range = &model->ranges[i];
    PROMISE(range->start < range->end && range->task < model->task_count);
    if (i > 0 && range[-1].task == range->task) PROMISE(range[-1].start <= range->start);
  }
}

/** Page maps behind each other, each with its size in front: two bytes. */
static int split_chain(struct reader images, struct level *levels) {
  int count = 0;
  for (struct reader image; count < 3; count++) {
    uint32_t pages_id;
    if (!take_bytes(&images, 2, &image) || !take_bytes(&images, (uint64_t)(image.at[0] << 8 | image.at[1]), &image)) break;
    levels[count] = (struct level){.entries = image, .content = contents_base, .content_bytes = 1 << 20};
    if (!begin_pagemap(&levels[count].entries, &pages_id)) break;
  }
  return count;
}

static void read_pagemap(struct reader image) {
  static struct chain chain;
  struct model *model = held_model(&state);
  model->range_count = 0;
  model->task_count = 1;
  struct span wiped = {0x5000, 0x7000};
  chain.count = split_chain(image, chain.levels);
  if (chain.count == 0) return;
  emit_chain(model, &chain, &wiped, 1);
  promise_sound(model);
  for (uint32_t i = 0; i < model->range_count; i++) {
    uint64_t content = model->ranges[i].start + model->ranges[i].to_content;
    PROMISE(content >= contents_base && content + (model->ranges[i].end - model->ranges[i].start) <= contents_base + (1 << 20));
  }
}

/** Events of small addresses: byte by byte kind, task, start, length, target. */
static void apply_events(struct reader events) {
  struct model *model = held_model(&state);
  model->task_count = model->range_count = 1;
  model->ranges[0] = (struct range){.start = 64 * PAGE, .end = 128 * PAGE, .to_content = contents_base};
  static const uint8_t kinds[] = {UFFD_EVENT_REMOVE, UFFD_EVENT_UNMAP, UFFD_EVENT_REMAP, UFFD_EVENT_FORK};
  for (int applied = 0; applied < 8; applied++) {
    struct reader event;
    if (!take_bytes(&events, 5, &event)) return;
    uint64_t start = event.at[2] * (uint64_t)PAGE, length = event.at[3] * (uint64_t)PAGE;
    uint32_t task = event.at[1] % held_model(&state)->task_count;
    struct uffd_msg message = {.event = kinds[event.at[0] % 4]};
    if (message.event == UFFD_EVENT_REMAP) message.arg.remap.from = start, message.arg.remap.to = (1024 + event.at[4]) * (uint64_t)PAGE, message.arg.remap.len = length;
    else if (message.event != UFFD_EVENT_FORK) message.arg.remove.start = start, message.arg.remove.end = start + length;
    PROMISE(apply_event(held_model(&state), other_model(&state), task, &message));
    adopt_other_model(&state);
    promise_sound(held_model(&state));
    bool gone = message.event == UFFD_EVENT_REMOVE || message.event == UFFD_EVENT_UNMAP;
    if (gone && length > 0) PROMISE(find_range(held_model(&state), task, start) == held_model(&state)->range_count);
  }
}

static void speak(const uint8_t *data, size_t size) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) abort();
  if (size > 0 && write(ends[0], data, size) != (ssize_t)size) abort();
  close(ends[0]);
  held_model(&state)->task_count = held_model(&state)->range_count = 0;
  while (!state.failed && take_word(&state, -1, ends[1])) {}
  close(ends[1]);
  state.failed = state.restored = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  uint8_t *copy = malloc(size - 1);
  memcpy(copy, data + 1, size - 1);
  struct reader rest = {copy, copy + size - 1};
  static struct span wiped[4];
  switch (data[0]) {
    case 'p': read_pagemap(rest); break;
    case 'm': PROMISE(read_wiped(rest, wiped, 4) <= 4); break;
    case 's': speak(copy, size - 1); break;
    case 'e': apply_events(rest); break;
    default: break;
  }
  free(copy);
  return 0;
}
