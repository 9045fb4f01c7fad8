// Descriptors of this very process.
import { closeSync, mkdtempSync, openSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import test from 'ava';
import { filesOpenForWriting } from './open-files.ts';

test('files that are open for writing are named, others and removed ones are not', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'godwit-open-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const opened = Object.entries({ written: 'w', both: 'w+', appended: 'a', gone: 'w' }).map(([name, flags]) =>
    openSync(join(directory, name), flags),
  );
  opened.push(
    openSync(join(directory, 'written'), 'r'),
    openSync(join(directory, 'appended'), 'r'),
    openSync('/etc/passwd', 'r'),
  );
  unlinkSync(join(directory, 'gone'));
  const found = filesOpenForWriting([process.pid, 0x3fff_ffff]);
  opened.forEach((fd) => closeSync(fd));
  t.deepEqual(
    [...found].filter((path) => path.startsWith(directory)).toSorted(),
    ['appended', 'both', 'written'].map((name) => join(directory, name)),
  );
  t.false(found.has('/etc/passwd'));
});
