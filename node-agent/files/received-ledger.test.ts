// What was made is known again by whoever comes later.
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { forgetLedger, ReceivedLedger } from './received-ledger.ts';

test('a later ledger of the same file knows what was made, the last first, and not what was torn', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-'));
  const path = join(directory, 'sub', 'one-0');
  const first = new ReceivedLedger(path);
  const odd = Buffer.from([0x61, 0xff, 0x0a]);
  for (const made of [Buffer.from('a'), odd]) first.add(made);
  first.sync();
  first.close();
  appendFileSync(path, 'torn');
  const later = new ReceivedLedger(path);
  t.deepEqual(later.made(), [odd, Buffer.from('a')]);
  t.true(later.covers(Buffer.from('a/b/c')));
  t.true(later.covers(odd));
  t.false(later.covers(Buffer.from('ab')));
  t.false(later.covers(Buffer.from('torn')));
  later.close();
  forgetLedger(path);
  t.deepEqual(new ReceivedLedger(path).made(), []);
  rmSync(directory, { recursive: true });
});
