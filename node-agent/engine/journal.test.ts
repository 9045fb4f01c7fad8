// A journal says after a crash what was written before it, no more and no less.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { fileJournals, parseJournal, type JournalEntry } from './journal.ts';

const entry = (state: string, at = '2030-01-01T00:00:00.000Z'): JournalEntry => ({
  at,
  state,
  facts: { text: 'ä\n\0' },
});

function directory(t: { teardown(undo: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'journal-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

test('entries are read back, durable or not', (t) => {
  const journals = fileJournals(directory(t));
  const journal = journals.open('one');
  journal.append(entry('preparing'), false);
  journal.append(entry('activating'), true);
  journal.close();
  t.deepEqual(journals.readAll(), new Map([['one', [entry('preparing'), entry('activating')]]]));
});

test('room is made before the first entry, and entries within it do not change the size', (t) => {
  const path = directory(t);
  const journal = fileJournals(path).open('one');
  const { size } = statSync(join(path, 'one.jsonl'));
  t.true(size >= 64 * 1024);
  journal.append(entry('preparing'), true);
  t.is(statSync(join(path, 'one.jsonl')).size, size);
  journal.close();
  t.is(statSync(join(path, 'one.jsonl')).mode & 0o777, 0o600);
});

test('a journal that outgrows its room goes on', (t) => {
  const journals = fileJournals(directory(t));
  const long = { ...entry('copying'), facts: { text: 'x'.repeat(30_000) } };
  for (let opened = 0; opened < 3; opened += 1) {
    const journal = journals.open('one');
    journal.append(long, false);
    journal.append(long, false);
    journal.close();
  }
  t.is(journals.readAll().get('one')?.length, 6);
});

test('a torn last line did not happen, and does not spoil what comes after it', (t) => {
  const path = directory(t);
  const file = join(path, 'one.jsonl');
  const journals = fileJournals(path);
  const first = journals.open('one');
  first.append(entry('preparing'), true);
  first.append(entry('copying'), true);
  first.close();
  const written = readFileSync(file).indexOf(0);
  truncateSync(file, written - 10);
  t.deepEqual(journals.readAll().get('one'), [entry('preparing')]);
  const second = journals.open('one');
  second.append(entry('rolling-back'), true);
  second.close();
  t.deepEqual(journals.readAll().get('one'), [entry('preparing'), entry('rolling-back')]);
});

test('a line with a hole is torn, too', (t) => {
  const path = directory(t);
  const whole = `${JSON.stringify(entry('preparing'))}\n`;
  writeFileSync(join(path, 'one.jsonl'), whole);
  appendFileSync(
    join(path, 'one.jsonl'),
    Buffer.concat([Buffer.from('{"at":"x"'), Buffer.alloc(8), Buffer.from('}\n')]),
  );
  const journals = fileJournals(path);
  t.deepEqual(journals.readAll().get('one'), [entry('preparing')]);
  const journal = journals.open('one');
  journal.append(entry('copying'), true);
  journal.close();
  t.deepEqual(
    journals
      .readAll()
      .get('one')
      ?.map(({ state }) => state),
    ['preparing', 'copying'],
  );
});

test('the handover that began first comes first, whatever its name', (t) => {
  const journals = fileJournals(directory(t));
  for (const [id, at] of [
    ['b', '2030-01-02'],
    ['c', '2030-01-01'],
    ['a', '2030-01-03'],
  ] as const) {
    const journal = journals.open(id);
    journal.append(entry('preparing', at), false);
    journal.close();
  }
  t.deepEqual([...journals.readAll().keys()], ['c', 'b', 'a']);
  journals.remove('b');
  journals.remove('b');
  t.deepEqual([...journals.readAll().keys()], ['c', 'a']);
});

test('an empty journal has no entries', (t) => {
  const journals = fileJournals(directory(t));
  journals.open('one').close();
  t.deepEqual(journals.readAll(), new Map([['one', []]]));
  t.deepEqual(parseJournal(''), []);
  t.deepEqual(parseJournal('{"at":"now"}\n'), []);
});
