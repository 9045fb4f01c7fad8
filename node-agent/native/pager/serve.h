// The pager: answers faults at once, follows what the program does to its memory, and brings in the rest while nobody
// asks.
#ifndef GODWIT_PAGER_SERVE_H
#define GODWIT_PAGER_SERVE_H

#include <poll.h>
#include <sys/syscall.h>

#include "faults.h"
#include "socket.h"

enum { TURNS_BETWEEN_SWEEPS = 256 };

enum outcome { ALL_IN, GUARD_DIED, GAVE_UP };

struct pager {
  struct state *state;
  int directory, criu, guard;
  /** Tasks whose threads must look again, since their faults could not be answered while the kernel waited for us. */
  bool put_off[TASKS_MAX];
  bool any_put_off;
  /** What was brought in unasked: how often, the last task in the row, and how many in a row had to wait. */
  uint32_t turn, visited, waited;
};

/** A task waits for a page: what cannot be answered now is asked again when the events before it are read. */
static void take_fault(struct pager *pager, uint32_t task, uint64_t address) {
  if (answer_fault(pager->state, task, address & ~(uint64_t)(PAGE - 1)) == CAME_IN) return;
  pager->put_off[task] = true;
  pager->any_put_off = true;
}

/** The open event takes effect; also that of a pager that was killed before it could. */
static void close_event(struct state *state) {
  if (apply_event(held_model(state), other_model(state), state->message_task, &state->message)) adopt_other_model(state);
  else fail(state, "there is no room for what the program does to its memory");
}

/** Reads one message; false when there is none. */
static bool take_message_of(struct pager *pager, uint32_t task) {
  struct state *state = pager->state;
  int descriptor = held_model(state)->tasks[task].descriptor;
  if (descriptor < 0) return false;
  state->message.event = 0; // before the rest: an event that took effect must not look like an open one
  IN_ORDER();
  state->message_task = task;
  state->message_generation = state->generation;
  IN_ORDER();
  ssize_t got = read(descriptor, (char *)state + offsetof(struct state, message), sizeof state->message);
  IN_ORDER();
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got != sizeof state->message) {
    fail(state, "the kernel's messages cannot be read");
    return false;
  }
  if (state->message.event == UFFD_EVENT_PAGEFAULT) take_fault(pager, task, state->message.arg.pagefault.address);
  else close_event(state);
  return !state->failed;
}

/** What a killed pager may have left: an event that took no effect, and threads whose faults it had read. */
static void take_over(struct pager *pager) {
  struct state *state = pager->state;
  if (state->receiving) return fail(state, "the pager was killed while it took up a task");
  uint8_t event = state->message.event;
  if (event != 0 && event != UFFD_EVENT_PAGEFAULT && state->message_generation == state->generation) close_event(state);
  if (!map_contents(state, pager->directory, 0)) return fail(state, "the images are gone");
  state->left_bytes = 0;
  const struct model *model = held_model(state);
  for (uint32_t i = 0; i < model->range_count; i++) state->left_bytes += model->ranges[i].end - model->ranges[i].start;
  for (uint32_t task = 0; task < model->task_count; task++) pager->put_off[task] = model->tasks[task].descriptor >= 0;
  pager->any_put_off = true;
}

/** All of an address space, also where pages have five levels. */
static void wake_all(int descriptor) {
  const uint64_t lowest = 1 << 16, usual = (uint64_t)1 << 47;
  wake(descriptor, lowest, usual - PAGE - lowest);
  wake(descriptor, usual, address_limit - PAGE - usual);
}

/** Threads that were put off look again, and ask again if they must. */
static void look_again(struct pager *pager) {
  const struct model *model = held_model(pager->state);
  if (!pager->any_put_off) return;
  pager->any_put_off = false;
  for (uint32_t task = 0; task < model->task_count; task++) {
    if (pager->put_off[task] && model->tasks[task].descriptor >= 0) wake_all(model->tasks[task].descriptor);
    pager->put_off[task] = false;
  }
}

#ifndef GODWIT_PAGER_PAUSE_US
#define GODWIT_PAGER_PAUSE_US 0
#endif

/** The first range at or after `index` that is not all in, or `range_count`. */
static uint32_t skip_whole(const struct model *model, uint32_t index) {
  while (index < model->range_count && model->ranges[index].start == model->ranges[index].end) index++;
  return index;
}

/**
 * Whose turn it is: every other time the oldest task's, whose children inherit what it misses; in between all in a row,
 * to see which have ended.
 */
static uint32_t next_range(struct pager *pager) {
  const struct model *model = held_model(pager->state);
  uint32_t oldest = skip_whole(model, 0);
  if (pager->turn++ % 2 == 0) return oldest;
  pager->visited = (pager->visited + 1) % model->task_count;
  uint32_t visited = skip_whole(model, first_after(model, pager->visited, 0));
  return visited < model->range_count ? visited : oldest;
}

/** The next piece that nobody has asked for. */
static void bring_in_next(struct pager *pager) {
  struct state *state = pager->state;
  if (pager->turn % TURNS_BETWEEN_SWEEPS == 0 && copy_model(held_model(state), other_model(state))) adopt_other_model(state);
  struct model *model = held_model(state);
  uint32_t index = next_range(pager);
  if (index == model->range_count) state->left_bytes = 0;
  else if (bring_in(state, &model->ranges[index], CHUNK_BYTES) == CAME_IN) pager->waited = 0;
  else pager->waited++;
}

static bool is_idle(const struct pager *pager) {
  return !pager->state->restored || pager->state->left_bytes == 0;
}

/**
 * Waits for messages as long as there is nothing else to do; a task that stands in the kernel is given a millisecond.
 */
static bool wait_for_messages(struct pager *pager, struct pollfd *polled) {
  const struct model *model = held_model(pager->state);
  polled[0] = (struct pollfd){.fd = pager->criu, .events = POLLIN};
  polled[1] = (struct pollfd){.fd = pager->guard, .events = POLLIN};
  for (uint32_t task = 0; task < model->task_count; task++) polled[2 + task] = (struct pollfd){.fd = model->tasks[task].descriptor, .events = POLLIN};
  bool waits = pager->any_put_off || pager->waited > 2 * model->task_count;
  int patience = waits ? 1 : is_idle(pager) ? -1 : 0;
  return poll(polled, 2 + model->task_count, patience) >= 0 || errno == EINTR;
}

static enum outcome serve(struct pager *pager) {
  static struct pollfd polled[2 + TASKS_MAX];
  struct state *state = pager->state;
  while (!state->failed) {
    if (state->restored && state->left_bytes == 0) return ALL_IN;
    if (!wait_for_messages(pager, polled)) fail(state, "the kernel's messages cannot be waited for");
    if (polled[1].revents) return GUARD_DIED;
    if (pager->criu >= 0 && polled[0].revents && !take_word(state, pager->directory, pager->criu)) pager->criu = -1;
    uint32_t tasks = held_model(state)->task_count;
    for (uint32_t task = 0; task < tasks; task++) while (take_message_of(pager, task)) {}
    look_again(pager);
    if (state->restored && !state->failed && state->left_bytes > 0) bring_in_next(pager);
    if (GODWIT_PAGER_PAUSE_US > 0 && state->restored) usleep(GODWIT_PAGER_PAUSE_US); // tests want time to strike
  }
  return GAVE_UP;
}

#endif
