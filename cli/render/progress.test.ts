import test from 'ava';
import { progress, progressSince } from './progress.ts';
import { sampleRecord } from './sample.ts';

const whole = sampleRecord();
const running = sampleRecord({
  state: 'restoring',
  timeline: whole.timeline.slice(0, 6),
  measures: { connections: 7 },
});
delete running.epoch;

test('what is done, what runs, what is left', (t) => {
  const lines = progress(running, { width: 80, color: false, nowMs: Date.parse(running.startedAt) + 300 });
  t.deepEqual(lines, [
    ' redis   node-a → node-b                                              h-7f3k2m9q',
    ' ✓ prepare           180 ms  node-b',
    ' ✓ pre-copy           30 ms  node-a  411 KiB',
    ' ✓ freeze            4.1 ms  node-a',
    ' ✓ gate              0.9 ms  node-a',
    ' ✓ dump               45 ms  node-a',
    ' ✓ stream             50 ms  node-a  4.5 MiB',
    ' ⠸ restoring         300 ms   7 connections held',
    ' · commit  · activate  · release',
  ]);
});

test('a log gets every step once, also one of the other node that comes to be known late', (t) => {
  const [late, ...rest] = whole.timeline;
  if (late === undefined) throw new Error('no steps');
  const seen = [
    sampleRecord({ state: 'activating', timeline: rest }),
    sampleRecord({ state: 'releasing', timeline: [late, ...rest] }),
  ];
  const lines = seen.flatMap((record, index) => progressSince(seen[index - 1], record, false));
  const done = lines.filter((line) => line.startsWith(' ✓ '));
  t.is(done.length, whole.timeline.length);
  t.is(new Set(done).size, done.length);
  t.true(done.at(-1)?.includes('prepare'));
});

test('nothing new gives no lines', (t) => {
  t.deepEqual(progressSince(running, running, false), []);
});
