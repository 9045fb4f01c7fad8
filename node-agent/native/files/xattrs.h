// Reads and writes the extended attributes that move with a file, packed; files/xattrs.ts reads and writes the same.
#ifndef GODWIT_FILES_XATTRS_H
#define GODWIT_FILES_XATTRS_H

#include <stdbool.h>
#include <sys/xattr.h>

#include "below.h"
#include "bytes.h"

enum { XATTR_LIST_LIMIT = 65536, XATTR_VALUE_LIMIT = 65536 };

static bool has_prefix(const char *text, const char *prefix) { return !strncmp(text, prefix, strlen(prefix)); }

/** The names that move with a file; node-agent/files/xattrs.ts says the same for records. */
static bool is_moved(const char *name) {
  return has_prefix(name, "user.") || !strcmp(name, "security.capability") || !strcmp(name, "system.posix_acl_access") ||
         !strcmp(name, "system.posix_acl_default");
}

/** Names of all xattrs of what `fd` stands for (any type, also O_PATH); a file system without xattrs has none. */
static ssize_t list_xattrs(const char *path, char *names) {
  ssize_t length = listxattr(path, names, XATTR_LIST_LIMIT);
  return length < 0 && errno == ENOTSUP ? 0 : length;
}

/** Appends u16 name length, u32 value length, name, value for each moved or trusted.overlay attribute. */
static int read_xattrs(const char *path, struct bytes *out) {
  static _Thread_local char names[XATTR_LIST_LIMIT], value[XATTR_VALUE_LIMIT];
  ssize_t length = list_xattrs(path, names);
  if (length < 0) return -1;
  for (const char *name = names; name < names + length; name += strlen(name) + 1) {
    if (!is_moved(name) && !has_prefix(name, "trusted.overlay.")) continue;
    ssize_t got = getxattr(path, name, value, sizeof value);
    if (got < 0 && errno == ENODATA) continue;
    if (got < 0) return -1;
    uint16_t name_bytes = (uint16_t)strlen(name);
    uint32_t value_bytes = (uint32_t)got;
    char *room = bytes_grow(out, sizeof name_bytes + sizeof value_bytes + name_bytes + value_bytes);
    if (!room) return -1;
    memcpy(room, &name_bytes, 2);
    memcpy(room + 2, &value_bytes, 4);
    memcpy(room + 6, name, name_bytes);
    memcpy(room + 6 + name_bytes, value, value_bytes);
  }
  return 0;
}

/** Finds `name` in a packed list; sets value and its length. */
static bool packed_find(const char *packed, size_t length, const char *name, const char **value, uint32_t *value_bytes) {
  for (size_t at = 0; at + 6 <= length;) {
    uint16_t name_bytes;
    memcpy(&name_bytes, packed + at, 2);
    memcpy(value_bytes, packed + at + 2, 4);
    if (at + 6 + name_bytes + (size_t)*value_bytes > length) return false;
    *value = packed + at + 6 + name_bytes;
    if (name_bytes == strlen(name) && !memcmp(packed + at + 6, name, name_bytes)) return true;
    at += 6 + name_bytes + (size_t)*value_bytes;
  }
  return false;
}

/** Makes the moved attributes exactly those of the packed list: others are removed, equal ones left alone. */
static int write_xattrs(const char *path, const char *packed, size_t length) {
  static _Thread_local char names[XATTR_LIST_LIMIT];
  const char *value;
  uint32_t value_bytes;
  ssize_t listed = list_xattrs(path, names);
  if (listed < 0) return -1;
  for (const char *name = names; name < names + listed; name += strlen(name) + 1) {
    if (!is_moved(name) || packed_find(packed, length, name, &value, &value_bytes)) continue;
    if (removexattr(path, name) && errno != ENODATA) return -1;
  }
  for (size_t at = 0; at + 6 <= length;) {
    uint16_t name_bytes;
    memcpy(&name_bytes, packed + at, 2);
    memcpy(&value_bytes, packed + at + 2, 4);
    char name[NAME_LIMIT];
    if (name_bytes >= sizeof name || at + 6 + name_bytes + (size_t)value_bytes > length) {
      errno = EINVAL;
      return -1;
    }
    memcpy(name, packed + at + 6, name_bytes);
    name[name_bytes] = 0;
    if (!is_moved(name)) {
      errno = EINVAL;
      return -1;
    }
    if (setxattr(path, name, packed + at + 6 + name_bytes, value_bytes, 0)) return -1;
    at += 6 + name_bytes + (size_t)value_bytes;
  }
  return 0;
}

#endif
