import { tmpdir } from 'node:os';
import test from 'ava';
import { failureOf, wantOf } from './no-room.ts';

const roomy = { bsize: 4096, bavail: 100_000, files: 1000, ffree: 500 };

test("a file system is full when runc's own files do not fit", (t) => {
  t.is(wantOf('/run', roomy), undefined);
  t.is(wantOf('/run', { ...roomy, bavail: 3 }), '/run has no space left (12288 bytes are free)');
  t.is(wantOf('/run', { ...roomy, bavail: 0 }), '/run has no space left (0 bytes are free)');
});

test('or when no more files can be made; one that does not count them has room', (t) => {
  t.is(wantOf('/run', { ...roomy, ffree: 0 }), '/run has no space left for more files (0 can be made)');
  t.is(wantOf('/run', { ...roomy, files: 0, ffree: 0 }), undefined);
});

test('with room the failure is what the program said; a directory that is gone says nothing', (t) => {
  const error = failureOf({
    code: 'ERR_RESTORE',
    message: 'runc restore ended with 1',
    writes: [tmpdir(), '/nowhere/at/all'],
  });
  t.is(error.code, 'ERR_RESTORE');
  t.is(error.message, 'runc restore ended with 1');
});

test('/proc has no room at all: the failure says so before what the program said', (t) => {
  const error = failureOf({
    code: 'ERR_DUMP',
    message: 'runc checkpoint ended with 1',
    details: { container: 'c' },
    writes: [tmpdir(), '/proc'],
  });
  t.is(error.code, 'ERR_STORAGE');
  t.is(error.message, '/proc has no space left (0 bytes are free); runc checkpoint ended with 1');
  t.deepEqual(error.details, { container: 'c' });
});
