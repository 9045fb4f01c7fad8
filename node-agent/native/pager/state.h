// What must outlive a pager that is killed: a file that guard and pager map, and that the agent reads
// (criu/pager-state.ts).
#ifndef GODWIT_PAGER_STATE_H
#define GODWIT_PAGER_STATE_H

#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

enum { PAGE = 4096, TASKS_MAX = 1 << 14, RANGES_MAX = 1 << 21, REASON_MAX = 160 };

/** Memory of a task that is still to come. Only `start` changes in place: it grows while pages come in. */
struct range {
  uint64_t start, end;
  /** Added to an address (modulo 2^64) it gives the address of the content in the pager's map of the images. */
  uint64_t to_content;
  uint32_t task;
  /** The program asked for zeros in its children. */
  uint32_t wiped_on_fork;
};

struct task {
  /** Its userfaultfd, in the table of descriptors that guard and pager share; -1 when the task has ended. */
  int32_t descriptor;
};

/** All that is still to come, sorted by task and address. */
struct model {
  uint32_t task_count, range_count;
  struct task tasks[TASKS_MAX];
  struct range ranges[RANGES_MAX];
};

struct image {
  uint32_t pages_id;
  uint64_t bytes;
  /** Where its content is mapped, in every pager. */
  uint64_t address;
};

/** The agent reads the fields up to `reason` at these offsets. */
struct state {
  uint64_t magic, total_bytes, left_bytes;
  uint32_t done, failed;
  char reason[REASON_MAX];
  /** CRIU has said that all memory is registered. */
  uint32_t restored;
  pid_t guard;
  /** A task is being taken up; one whose pager dies then is not known. */
  uint32_t receiving;
  uint32_t image_count;
  struct image images[TASKS_MAX];
  /** models[generation % 2] holds; an event builds the other one. */
  uint64_t generation;
  /**
   * The kernel writes each message here, so that none is lost with its reader; an event is open while
   * `message_generation` holds.
   */
  uint64_t message_generation;
  uint32_t message_task;
  struct uffd_msg message;
  struct model models[2];
};

static const uint64_t state_magic = 0x3152454741504447; // "GDPAGER1"

/** What the compiler must not move across: a killed process leaves exactly what it has written. */
#define IN_ORDER() __atomic_signal_fence(__ATOMIC_SEQ_CST)

static struct model *held_model(struct state *state) {
  return &state->models[state->generation % 2];
}

static struct model *other_model(struct state *state) {
  return &state->models[(state->generation + 1) % 2];
}

/** The other model holds from now on, and an event that was open is closed. */
static void adopt_other_model(struct state *state) {
  uint64_t left = 0;
  const struct model *model = other_model(state);
  for (uint32_t i = 0; i < model->range_count; i++) left += model->ranges[i].end - model->ranges[i].start;
  IN_ORDER();
  __atomic_add_fetch(&state->generation, 1, __ATOMIC_SEQ_CST);
  state->left_bytes = left;
}

/** The first reason stays. Nothing is paged any more: whoever needs a page waits until the agent ends the container. */
static void fail(struct state *state, const char *reason) {
  if (state->failed) return;
  snprintf(state->reason, sizeof state->reason, "%s", reason);
  IN_ORDER();
  state->failed = 1;
}

#endif
