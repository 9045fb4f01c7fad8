// Lines as CRIU writes them, and what the reader is told to do.
import test from 'ava';
import { remedyFor } from './remedies.ts';

const cases: Record<string, RegExp> = {
  "Error (criu/cr-dump.c:434): Can't get rlimit 0: Operation not permitted": /CAP_SYS_RESOURCE/,
  "Error (criu/files-reg.c:1226): Can't create link remap for /dev/shm/sem.x. Use link-remap option.": /semaphore/,
  "Error (criu/mem.c:480): Can't dump unprotect vmas with parasite": /JIT/,
  'Error (criu/sockets.c:750): BUG! Unknown socket collected (family 40)': /family/,
  "Error (criu/files-ext.c:98): Can't dump file 9 of that type [20666] (chr 10:200 /dev/net/tun)": /descriptor/,
  'Error (criu/sk-unix.c:866): unix: External socket is used. Consider using --ext-unix-sk option.':
    /outside the container/,
};

for (const [line, expected] of Object.entries(cases)) {
  test(line, (t) => t.regex(remedyFor(['Error (criu/cr-dump.c:2128): Dumping FAILED.', line]), expected));
}

test('what is not known has a remedy, too', (t) => t.regex(remedyFor(['Error: something new']), /rehearsal: Never/));
