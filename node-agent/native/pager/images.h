// CRIU's images as far as a pager needs them: which pages a task has, which may come late, and which VMAs its children
// see as zeros.
#ifndef GODWIT_PAGER_IMAGES_H
#define GODWIT_PAGER_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PAGES_PARENT = 1, PAGES_LAZY = 2, PAGES_PRESENT = 4, HEADER_BYTES = 8 };

static const uint32_t common_magic = 0x54564319, pagemap_magic = 0x56084025, mm_magic = 0x57492820;
static const uint64_t address_limit = (uint64_t)1 << 56;

struct reader {
  const uint8_t *at, *end;
};

/** Neighbouring pages that are alike. */
struct page_run {
  uint64_t start, pages;
  uint32_t flags;
};

struct field {
  uint64_t number, value;
  /** Content of a field that has a length. */
  struct reader bytes;
};

struct span {
  uint64_t start, end;
};

static bool take_varint(struct reader *from, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; from->at < from->end && shift < 64; shift += 7) {
    uint8_t byte = *from->at++;
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return true;
  }
  return false;
}

static bool take_bytes(struct reader *from, uint64_t size, struct reader *bytes) {
  if (size > (uint64_t)(from->end - from->at)) return false;
  *bytes = (struct reader){from->at, from->at + size};
  from->at += size;
  return true;
}

static bool take_u32(struct reader *from, uint32_t *value) {
  struct reader bytes;
  if (!take_bytes(from, sizeof *value, &bytes)) return false;
  memcpy(value, bytes.at, sizeof *value);
  return true;
}

/** The next field of a protobuf message. */
static bool take_field(struct reader *message, struct field *field) {
  uint64_t key;
  field->value = 0;
  field->bytes = (struct reader){NULL, NULL};
  if (!take_varint(message, &key)) return false;
  field->number = key >> 3;
  switch (key & 7) {
    case 0: return take_varint(message, &field->value);
    case 1: return take_bytes(message, 8, &field->bytes);
    case 2: return take_varint(message, &field->value) && take_bytes(message, field->value, &field->bytes);
    case 5: return take_bytes(message, 4, &field->bytes);
    default: return false;
  }
}

static bool take_message(struct reader *image, struct reader *message) {
  uint32_t size;
  return take_u32(image, &size) && take_bytes(image, size, message);
}

static bool take_magic(struct reader *image, uint32_t magic) {
  uint32_t first, second;
  return take_u32(image, &first) && take_u32(image, &second) && first == common_magic && second == magic;
}

/** Reads the head of a pagemap image: which image has the content of its pages. */
static bool begin_pagemap(struct reader *image, uint32_t *pages_id) {
  struct reader message;
  struct field field = {0};
  bool found = false;
  if (!take_magic(image, pagemap_magic) || !take_message(image, &message)) return false;
  while (message.at < message.end) {
    if (!take_field(&message, &field)) return false;
    if (field.number != 1) continue;
    *pages_id = (uint32_t)field.value;
    found = true;
  }
  return found;
}

/** Whether the run lies in an address space, after `after`. */
static bool is_sound(const struct page_run *run, uint64_t after) {
  return run->start % PAGE == 0 && run->start >= after && run->start < address_limit && run->pages > 0 && run->pages <= (address_limit - run->start) / PAGE;
}

/** The next pages of a pagemap image, which are above `after`; false when it is damaged. */
static bool take_run(struct reader *image, uint64_t after, struct page_run *run) {
  struct reader message;
  struct field field = {0};
  bool has_flags = false, in_parent = false, has_pages = false;
  *run = (struct page_run){0};
  if (!take_message(image, &message)) return false;
  while (message.at < message.end) {
    if (!take_field(&message, &field)) return false;
    if (field.number == 1) run->start = field.value;
    if (field.number == 2 && !has_pages) run->pages = field.value;
    if (field.number == 3) in_parent = field.value != 0;
    if (field.number == 4) run->flags = (uint32_t)field.value;
    if (field.number == 5) run->pages = field.value;
    has_flags = has_flags || field.number == 4;
    has_pages = has_pages || field.number == 5;
  }
  if (!has_flags) run->flags = in_parent ? PAGES_PARENT : PAGES_PRESENT;
  return is_sound(run, after);
}

/** Whether a VMA of an mm image is one that a child sees as zeros (MADV_WIPEONFORK); false when it is damaged. */
static bool read_vma(struct reader message, struct span *vma, bool *wiped) {
  struct field field = {0};
  *vma = (struct span){0, 0};
  *wiped = false;
  while (message.at < message.end) {
    if (!take_field(&message, &field)) return false;
    if (field.number == 1) vma->start = field.value;
    if (field.number == 2) vma->end = field.value;
    if (field.number == 9) *wiped = field.value >> 18 & 1;
  }
  return vma->start <= vma->end;
}

/** VMAs of an mm image that a child sees as zeros: at most `limit`; -1 when it is damaged or has more. */
static int read_wiped(struct reader image, struct span *wiped, int limit) {
  enum { VMAS = 14 };
  struct reader message;
  struct field field = {0};
  int count = 0;
  if (!take_magic(&image, mm_magic) || !take_message(&image, &message)) return -1;
  while (message.at < message.end) {
    struct span vma;
    bool is_wiped;
    if (!take_field(&message, &field)) return -1;
    if (field.number != VMAS || field.bytes.at == NULL) continue;
    if (!read_vma(field.bytes, &vma, &is_wiped)) return -1;
    if (!is_wiped) continue;
    if (count == limit) return -1;
    wiped[count++] = vma;
  }
  return count;
}

#endif
