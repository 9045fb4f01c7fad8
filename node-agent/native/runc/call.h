// What the wrapper understands of a call of runc.
#ifndef GODWIT_RUNC_CALL_H
#define GODWIT_RUNC_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/** What the wrapper understands of a call; texts point into argv, NULL where there is none. */
struct call {
  char **argv;
  int command_index; // 0: no command
  const char *log_path;
  const char *bundle;
  const char *id;
};

/** The name of an option without its dashes (Go accepts one or two), or NULL for what is not an option. */
static const char *option_name(const char *argument) {
  if (argument[0] != '-' || argument[1] == '\0' || strcmp(argument, "--") == 0) return NULL;
  return argument + (argument[1] == '-' ? 2 : 1);
}

/** Whether `option` is `name` or `name=value`. */
static bool option_is(const char *option, const char *name) {
  size_t size = strlen(name);
  return strncmp(option, name, size) == 0 && (option[size] == '\0' || option[size] == '=');
}

/**
 * The value of the option at `*index`, which moves on to the value where that is an argument of its own; NULL at the
 * end.
 */
static const char *option_value(int argc, char **argv, int *index) {
  const char *equals = strchr(argv[*index], '=');
  if (equals != NULL) return equals + 1;
  return *index + 1 < argc ? argv[++*index] : NULL;
}

/**
 * Splits `[global options] COMMAND [options] ID`. For `kill` the last argument may be the signal: its id is not used.
 */
static struct call scan_call(int argc, char **argv) {
  static const char *const valued[] = {"root", "log", "log-format", "criu", "rootless"};
  struct call call = {.argv = argv};
  int i = 1;
  for (; i < argc; i++) {
    const char *option = option_name(argv[i]);
    if (option == NULL) break;
    for (size_t v = 0; v < sizeof valued / sizeof *valued; v++) {
      if (!option_is(option, valued[v])) continue;
      const char *value = option_value(argc, argv, &i);
      if (strcmp(valued[v], "log") == 0) call.log_path = value;
      break;
    }
  }
  if (i < argc && strcmp(argv[i], "--") == 0) i++;
  if (i >= argc) return call;
  call.command_index = i;
  bool is_kill = strcmp(argv[i], "kill") == 0; // its signal follows the id; elsewhere the id is last
  for (i++; i < argc; i++) {
    const char *option = option_name(argv[i]);
    if (option != NULL && (option_is(option, "bundle") || option_is(option, "b"))) call.bundle = option_value(argc, argv, &i);
    else if (option == NULL && !(is_kill && call.id != NULL)) call.id = argv[i];
  }
  return call;
}

static bool command_is(const struct call *call, const char *name) {
  return call->command_index > 0 && strcmp(call->argv[call->command_index], name) == 0;
}

#endif
