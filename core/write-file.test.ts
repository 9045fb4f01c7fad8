import test from 'ava';
import { writeFileNamed } from './write-file.ts';

test('a device without room is named', (t) => {
  t.like(
    t.throws(() => writeFileNamed('/dev/full', 'x')),
    { code: 'ERR_STORAGE', message: '/dev/full cannot be written: ENOSPC: no space left on device, write' },
  );
});

test('other errors are those of the system', (t) => {
  t.like(
    t.throws(() => writeFileNamed('/nowhere/at/all', 'x')),
    { code: 'ENOENT' },
  );
});
