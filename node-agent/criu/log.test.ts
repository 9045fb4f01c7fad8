// CRIU's logs tell what went wrong and how long its own work took; the lines have the form of CRIU 4.2.1.
import test from 'ava';
import { criuErrors, dumpMs, gaveUp, readCriuLog, restoreMs } from './log.ts';

const dump = `(00.000102) Version: 4.2.1 (gitid 0)
(00.010000) Running pre-dump scripts
(00.010100) \tRPC
(00.310000) Pre-dump scripts done
(00.312000) Dumping processes (pid: 143 comm: redis-server)
(00.372500) Running post-dump scripts
(00.372600) \tRPC
`;
const restore = `(00.001000) Version: 4.2.1 (gitid 0)
(02.000000) Dump CRIU run id = abc
(02.020000)      1: Restoring EGID
(02.050000) Running post-restore scripts
(02.050100) \tRPC
(02.750000) Restore finished successfully. Tasks resumed.
(02.760000) Running post-resume scripts
`;
const failed = `(00.000500) rlimit: Error (criu/rlimit.c:12): Can't setup RLIMIT_NOFILE for self: Operation not permitted
(00.010000) Error (criu/rlimit.c:12): rlimit: Can't setup RLIMIT_NOFILE for self
(00.020000) Warn  (criu/kerndat.c:1): something
(00.030000)    143: Error (criu/sk-inet.c:191): Connected TCP socket, consider using --tcp-established option.
(00.040000) Error (criu/cr-dump.c:1669): Dump files (pid: 143) failed with -1
not a line of the log
`;

test('the dump takes the time between its hooks', (t) => {
  t.is(Math.round((dumpMs(dump) ?? 0) * 10) / 10, 62.5);
});

test('the restore does not count the time it was held', (t) => {
  t.is(Math.round(restoreMs(restore) ?? 0), 60);
});

test('a log that ends early has no time', (t) => {
  t.is(dumpMs(''), undefined);
  t.is(dumpMs(dump.slice(0, 80)), undefined);
  t.is(restoreMs(restore.split('\n').slice(0, 4).join('\n')), undefined);
});

test('errors are quoted, the harmless ones are not', (t) => {
  t.deepEqual(criuErrors(failed), [
    'Error (criu/sk-inet.c:191): Connected TCP socket, consider using --tcp-established option.',
    'Error (criu/cr-dump.c:1669): Dump files (pid: 143) failed with -1',
  ]);
  t.deepEqual(criuErrors(failed, 1), ['Error (criu/cr-dump.c:1669): Dump files (pid: 143) failed with -1']);
  t.deepEqual(criuErrors(dump), []);
});

test('a log that is not there is empty', (t) => {
  t.is(readCriuLog('/nonexistent/dump.log'), '');
});

test('a restore that failed by itself says so at its end', (t) => {
  t.true(gaveUp(`${restore}(02.080000) Error (criu/cr-restore.c:2331): Restoring FAILED.\n`));
  t.false(gaveUp(restore));
});
