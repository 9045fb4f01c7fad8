// What the tracker says: frames of the agents' wire format, u32 BE length, u8 kind, payload. A message is JSON; pages
// are a record: u64 LE id, u32 LE 1 for shared memory, u32 LE number of runs, the runs (u64 LE start, u64 LE pages),
// then their content.
#ifndef GODWIT_TRACKER_RECORDS_H
#define GODWIT_TRACKER_RECORDS_H

#include <stdarg.h>

#include "scan.h"

enum {
  MESSAGE_FRAME = 1,
  PAGES_FRAME = 2,
  FRAME_HEADER = 5,
  RECORD_HEADER = 16,
  /** With as many runs it stays below 1 MiB. */
  RECORD_PAGES = 254,
};

struct run {
  uint64_t start, pages;
};

struct record {
  struct followed *of;
  uint32_t run_count, pages;
  struct run runs[RECORD_PAGES];
  uint8_t content[RECORD_PAGES * PAGE];
};

static void write_all(struct iovec *parts, int count) {
  while (count > 0) {
    ssize_t written = writev(STDOUT_FILENO, parts, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) _exit(1); // nobody listens any more
    size_t rest = (size_t)written;
    while (count > 0 && rest >= parts->iov_len) rest -= parts->iov_len, parts++, count--;
    if (count > 0) parts->iov_base = (char *)parts->iov_base + rest, parts->iov_len -= rest;
  }
}

static void fill_header(uint8_t header[FRAME_HEADER], size_t size, uint8_t kind) {
  for (int i = 0; i < 4; i++) header[i] = (uint8_t)(size >> (24 - 8 * i));
  header[4] = kind;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
  char text[512];
  uint8_t header[FRAME_HEADER];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (size < 0 || size >= (int)sizeof text) abort();
  fill_header(header, (size_t)size, MESSAGE_FRAME);
  write_all((struct iovec[]){{header, sizeof header}, {text, (size_t)size}}, 2);
}

/** Pages that the other side may have, and that must not be believed any more. */
static void say_unknown(const struct followed *of, uint64_t start, uint64_t end) {
  const char *shared = of->shared ? "true" : "false";
  say("{\"type\":\"unknown\",\"shared\":%s,\"id\":%llu,\"start\":%llu,\"end\":%llu}", shared, (unsigned long long)of->id, (unsigned long long)start, (unsigned long long)end);
}

/** Sends what a record has, and empties it. */
static void send_record(struct record *record) {
  uint8_t header[FRAME_HEADER];
  struct {
    uint64_t id;
    uint32_t shared, run_count;
  } head;
  _Static_assert(sizeof head == RECORD_HEADER, "as it is on the wire");
  if (record->pages == 0) return;
  head.id = record->of->id;
  head.shared = record->of->shared;
  head.run_count = record->run_count;
  size_t runs = record->run_count * sizeof *record->runs, content = (size_t)record->pages * PAGE;
  fill_header(header, sizeof head + runs + content, PAGES_FRAME);
  write_all((struct iovec[]){{header, sizeof header}, {&head, sizeof head}, {record->runs, runs}, {record->content, content}}, 4);
  record->run_count = record->pages = 0;
}

/** What follows is of this memory. */
static void begin_records(struct record *record, struct followed *of) {
  send_record(record);
  record->of = of;
}

/** Pages whose content is there already, behind that of the others. */
static void add_run(struct record *record, uint64_t start, uint64_t pages) {
  struct run *last = record->run_count == 0 ? NULL : &record->runs[record->run_count - 1];
  if (last != NULL && last->start + last->pages * PAGE == start) last->pages += pages;
  else record->runs[record->run_count++] = (struct run){start, pages};
  record->pages += (uint32_t)pages;
}

/** The end of a file is in the middle of a page: zeros follow. */
static uint64_t read_file_pages(int file, uint64_t start, uint64_t pages, uint8_t *content) {
  ssize_t got = pread(file, content, pages * PAGE, (off_t)start);
  if (got <= 0) return 0;
  uint64_t whole = ((uint64_t)got + PAGE - 1) / PAGE;
  memset(content + got, 0, whole * PAGE - (uint64_t)got);
  return whole;
}

/**
 * Reads as many of the pages as there are in a row; 0 when the first one is gone. `memory` is /proc/PID/mem of a
 * process: it also gives what nobody may read.
 */
static uint64_t read_pages(const struct followed *of, int memory, uint64_t start, uint64_t pages, uint8_t *content) {
  if (of->shared) return read_file_pages(of->file, start, pages, content);
  struct iovec here = {content, pages * PAGE}, there = {(void *)start, pages * PAGE};
  ssize_t got = process_vm_readv(of->pid, &here, 1, &there, 1, 0);
  if (got >= PAGE) return (uint64_t)got / PAGE;
  return pread(memory, content, PAGE, (off_t)start) == PAGE;
}

/** Pages that are sent whatever they held. */
static void keep_all(struct record *record, uint64_t start, uint64_t pages) {
  for (uint64_t i = 0; i < pages; i++) forget_digest(&record->of->digests, start + i * PAGE);
  add_run(record, start, pages);
}

/** Of the pages just read at the end of a record those are kept that have changed since they were sent last. */
static void keep_changed(struct record *record, struct digests *digests, uint64_t start, uint64_t pages) {
  const uint8_t *content = record->content + (size_t)record->pages * PAGE;
  for (uint64_t i = 0; i < pages; i++, content += PAGE) {
    digest *known = digest_at(digests, start + i * PAGE), now = digest_of(content);
    if (known != NULL && *known == now) continue;
    if (known != NULL) *known = now;
    memmove(record->content + (size_t)record->pages * PAGE, content, PAGE);
    add_run(record, start + i * PAGE, 1);
  }
}

/**
 * Reads [start, start + pages) and sends each record that is full; with `digests` only what has changed. Pages that
 * have gone meanwhile are left out, and told.
 */
static void read_run(struct record *record, int memory, struct digests *digests, uint64_t start, uint64_t pages) {
  while (pages > 0) {
    uint64_t part = pages < RECORD_PAGES - record->pages ? pages : RECORD_PAGES - record->pages;
    uint64_t read = read_pages(record->of, memory, start, part, record->content + (size_t)record->pages * PAGE);
    if (read == 0) say_unknown(record->of, start, start + (read = 1) * PAGE);
    else if (digests != NULL) keep_changed(record, digests, start, read);
    else keep_all(record, start, read);
    start += read * PAGE;
    pages -= read;
    if (record->pages == RECORD_PAGES) send_record(record);
  }
}

#endif
