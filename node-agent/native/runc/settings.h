// Where things are and how long they may take; tests and benchmarks set their own.
#ifndef GODWIT_RUNC_SETTINGS_H
#define GODWIT_RUNC_SETTINGS_H

#ifndef GODWIT_RUN_DIR
#define GODWIT_RUN_DIR "/run/godwit"
#endif
#ifndef GODWIT_RUNC_PATHS
#define GODWIT_RUNC_PATHS "/usr/bin/runc", "/usr/sbin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc", "/opt/godwit/bin/runc"
#endif
#ifndef GODWIT_FIRST_ANSWER_MS
#define GODWIT_FIRST_ANSWER_MS 2000
#endif
#ifndef GODWIT_EXEC_ANSWER_MS
#define GODWIT_EXEC_ANSWER_MS 300
#endif
#ifndef GODWIT_NEXT_FRAME_MS
#define GODWIT_NEXT_FRAME_MS 10000
#endif
#ifndef GODWIT_HOOK_ALONE_MS
#define GODWIT_HOOK_ALONE_MS 120000
#endif

#ifndef GODWIT_HOLD_ALONE_MS
#define GODWIT_HOLD_ALONE_MS 30000
#endif

#define GODWIT_PROGRAMS "/opt/godwit/bin"
#define SOCKET_PATH GODWIT_RUN_DIR "/runtime.sock"
#define HANDOVER_KEY "\"godwit.dev/handover\""
#define MIGRATION_KEY "\"godwit.dev/migration\""
#define SANDBOX_KEY "\"io.kubernetes.cri.sandbox-id\":\""
#define HOOK_NAME "godwit-criu-hook"
#define DONE_NAME "godwit-done"
enum { FRAME_MAX = 64 * 1024, CONFIG_MAX = 16 * 1024 * 1024, RETRY_MS = 50, DECIMAL_MAX = 3 };

#endif
