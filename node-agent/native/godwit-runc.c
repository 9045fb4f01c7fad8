// Stands in for runc so that the node agent can hold kills and hand over containers; without an agent it is runc.
// Under the name `godwit-done` it does nothing, successfully: what init containers of a restored pod run.
// Under the name `godwit-criu-hook` it is CRIU's action script and keeps a dump or restore waiting for the agent's
// decision; with the argument `watch` it waits for an agent that is silent (watchdog.h).
#define _GNU_SOURCE
#include "runc/hook.h"
#include "runc/wrapper.h"
#include "watchdog.h"

int main(int argc, char **argv) {
  if (argc < 1) return 1;
  const char *slash = strrchr(argv[0], '/');
  const char *name = slash == NULL ? argv[0] : slash + 1;
  if (strcmp(name, DONE_NAME) == 0) return 0;
  if (strcmp(name, HOOK_NAME) == 0) {
    const char *action = getenv("CRTOOLS_SCRIPT_ACTION");
    if (action != NULL) return hook(action);
    if (argc > 1 && strcmp(argv[1], "watch") == 0) return watch(argc, argv);
    report(NULL, HOOK_NAME ": only CRIU calls this, with CRTOOLS_SCRIPT_ACTION set");
    return 1;
  }
  struct call call = scan_call(argc, argv);
  bool asked = command_is(&call, "create") || command_is(&call, "start") || command_is(&call, "kill") || command_is(&call, "delete") ||
               command_is(&call, "exec");
  if (asked) return obey_agent(&call);
  become_runc(argv, call.log_path);
}
