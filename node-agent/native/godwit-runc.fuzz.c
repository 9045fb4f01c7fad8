// Fuzz target for what godwit-runc reads of others: its arguments and the agent's frames.
#define main godwit_main
#include "godwit-runc.c"
#undef main
#include <sanitizer/asan_interface.h>

#include "../../core/native/fuzz.h"

enum { ARGUMENTS_MAX = 256 };

#ifndef GODWIT_LIBFUZZER
static const struct seed seeds[] = {
    SEED("a--root\0/run/r\0--log\0log.json\0--log-format\0json\0--systemd-cgroup\0create\0--bundle\0/b\0--pid-file\0p\0c1\0"),
    SEED("a--log=l\0-root=/r\0--debug\0--\0kill\0--all\0c1\0009\0"),
    SEED("astart\0-b\0"),
    SEED("a\0-\0--\0---\0\"\\\n\0"),
    SEED("f\1\0\0\0P"),
    SEED("f\1\0\0\0W\1\0\0\0W\017\0\0\0X42\0message \1\"\0"),
    SEED("f\010\0\0\0X255\0no\0"),
    SEED("f\004\0\0\0X0\0\0"),
    SEED("f\012\0\0\0Rstate\0c1\0"),
    SEED("f\xff\xff\xff\xffX"),
};
static const size_t seed_count = sizeof seeds / sizeof *seeds;
#endif

static bool lies_in(const char *text, char **argv, int argc) {
  for (int i = 0; i < argc; i++)
    if (text >= argv[i] && text <= argv[i] + strlen(argv[i])) return true;
  return text == NULL;
}

/** Arguments from bytes that are separated by NUL, each in memory of its own. */
static int split(const uint8_t *data, size_t size, char **argv) {
  int argc = 0;
  argv[argc++] = strdup("godwit-runc");
  for (size_t at = 0; at < size && argc < ARGUMENTS_MAX;) {
    size_t length = strnlen((const char *)data + at, size - at);
    argv[argc++] = strndup((const char *)data + at, length);
    at += length + 1;
  }
  argv[argc] = NULL;
  return argc;
}

static void try_arguments(const uint8_t *data, size_t size) {
  static struct request request;
  char *argv[ARGUMENTS_MAX + 1];
  int argc = split(data, size, argv);
  struct call call = scan_call(argc, argv);
  PROMISE(call.command_index >= 0 && call.command_index < argc);
  PROMISE(lies_in(call.log_path, argv, argc) && lies_in(call.bundle, argv, argc) && lies_in(call.id, argv, argc));
  PROMISE(call.command_index > 0 || (call.id == NULL && call.bundle == NULL));
  begin_request(&request, argv[call.command_index]);
  for (int i = 1; i < argc; i++) {
    size_t length = strlen(argv[i]);
    char *escaped = malloc(length * 6 + 8); // sprintf ends with a NUL
    PROMISE(escaped != NULL);
    char *end = escape_json(escaped, argv[i]);
    for (char *next = escaped; next < end; next++) PROMISE((unsigned char)*next >= 0x20);
    free(escaped);
    add_text(&request, argv[i]);
  }
  finish_request(&request);
  PROMISE(request.overflow || get_u32((unsigned char *)request.bytes) + 4 == request.size);
  for (int i = 0; i < argc; i++) free(argv[i]);
}

static void try_payload(const uint8_t *data, size_t size) {
  static struct reply reply;
  if (size > sizeof reply.payload) return;
  ASAN_UNPOISON_MEMORY_REGION(reply.payload, sizeof reply.payload);
  memcpy(reply.payload, data, size);
  ASAN_POISON_MEMORY_REGION(reply.payload + size, sizeof reply.payload - size);
  char *end = reply.payload + size;
  if (!parse_reply(&reply, size)) return;
  if (reply.verb == 'X') {
    PROMISE(reply.code >= 0 && reply.code <= 255);
    PROMISE(reply.message + strlen(reply.message) + 1 == end);
  }
  if (reply.verb == 'R') {
    char *text = reply.texts;
    for (size_t i = 0; i < reply.count; i++) text += strlen(text) + 1;
    PROMISE(reply.count > 0 && text == end);
  }
}

static void try_frames(const uint8_t *data, size_t size) {
  static struct reply reply;
  int ends[2];
  PROMISE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  PROMISE(write_all(ends[1], data, size));
  close(ends[1]);
  struct agent agent = {.fd = ends[0]};
  if (next_reply(&agent, &reply, now_ms() + 1000)) PROMISE(strchr("PXRH", reply.verb) != NULL);
  close(ends[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  if (data[0] == 'a') try_arguments(data + 1, size - 1);
  else {
    try_frames(data + 1, size - 1);
    if (size > 5) try_payload(data + 5, size - 5);
  }
  return 0;
}
