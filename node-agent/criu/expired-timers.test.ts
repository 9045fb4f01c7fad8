// Entries as CRIU 4.2 writes them into files.img.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { reviveExpiredTimers, reviveTimerfd } from './expired-timers.ts';

const varintField = (number: number, value: number): number[] => {
  const bytes = [number << 3];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
};
const messageField = (number: number, content: number[]): number[] => [(number << 3) | 2, content.length, ...content];

interface Timer {
  left: [seconds: number, nanoseconds: number];
  period: [seconds: number, nanoseconds: number];
}

function timerEntry({ left, period }: Timer): number[] {
  const owner = messageField(3, [...varintField(1, 0), ...varintField(2, 0)]);
  const timer = [
    ...varintField(1, 300),
    ...varintField(2, 0o4002),
    ...owner,
    ...varintField(4, 1),
    ...varintField(5, 1),
    ...varintField(6, 0),
    ...varintField(7, left[0]),
    ...varintField(8, left[1]),
    ...varintField(9, period[0]),
    ...varintField(10, period[1]),
  ];
  return [...varintField(1, 17), ...varintField(2, 300), ...messageField(12, timer)];
}

const image = (...all: number[][]): Buffer =>
  Buffer.concat([Buffer.alloc(8, 0xab), ...all.map((entry) => Buffer.from([entry.length, 0, 0, 0, ...entry]))]);

const expired = { left: [0, 0], period: [0, 50_000_000] } satisfies Timer;

test('a periodic timer with nothing left gets the smallest time, and nothing else changes', (t) => {
  const entry = Buffer.from(timerEntry(expired));
  t.true(reviveTimerfd(entry));
  t.deepEqual([...entry], timerEntry({ ...expired, left: [0, 1] }));
});

for (const [what, timer] of Object.entries({
  'runs still': { left: [0, 7_000_000], period: [0, 50_000_000] },
  'runs for whole seconds': { left: [3, 0], period: [5, 0] },
  'was never armed, or ended for good': { left: [0, 0], period: [0, 0] },
} satisfies Record<string, Timer>)) {
  test(`a timer that ${what} stays as it is`, (t) => {
    const entry = Buffer.from(timerEntry(timer));
    t.false(reviveTimerfd(entry));
    t.deepEqual([...entry], timerEntry(timer));
  });
}

test('other files in the image stay as they are', (t) => {
  t.false(
    reviveTimerfd(Buffer.from([...varintField(1, 8), ...varintField(2, 5), ...messageField(8, varintField(1, 0))])),
  );
});

test('an image is changed where it lies, and a broken one does no harm', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'timers-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'files.img');
  const running = timerEntry({ left: [9, 9], period: [9, 9] });
  writeFileSync(path, image(running, timerEntry(expired), timerEntry(expired)));
  t.is(reviveExpiredTimers(path), 2);
  const revived = timerEntry({ ...expired, left: [0, 1] });
  t.deepEqual(readFileSync(path), image(running, revived, revived));
  for (let length = 0; length < 60; length += 1) {
    writeFileSync(path, image(timerEntry(expired)).subarray(0, length));
    t.notThrows(() => reviveExpiredTimers(path));
  }
});
