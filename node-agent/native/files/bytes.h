// Bytes that grow at their end.
#ifndef GODWIT_FILES_BYTES_H
#define GODWIT_FILES_BYTES_H

#include <stddef.h>
#include <stdlib.h>

struct bytes {
  char *data;
  size_t length, capacity;
};

/** Room for `more` bytes at the end; NULL when memory is short. */
static char *bytes_grow(struct bytes *bytes, size_t more) {
  if (bytes->length + more > bytes->capacity) {
    size_t capacity = bytes->capacity ? bytes->capacity : 4096;
    while (capacity < bytes->length + more) capacity *= 2;
    char *data = realloc(bytes->data, capacity);
    if (!data) return NULL;
    bytes->data = data;
    bytes->capacity = capacity;
  }
  char *at = bytes->data + bytes->length;
  bytes->length += more;
  return at;
}

#endif
