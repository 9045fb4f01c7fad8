import { stripVTControlCharacters } from 'node:util';
import { fc, testProp } from '@fast-check/ava';
import test from 'ava';
import { handoverRecordSchema, sourceStates, type HandoverRecord, type TimelineStep } from '#core/api/handover.ts';
import { sampleRecord } from './sample.ts';
import { waterfall } from './waterfall.ts';

const client = { longestSilenceMs: 152.3, operations: 31_240, lost: 0, duplicated: 0, resets: 0 };

const picture = `
 redis   node-a → node-b   epoch 5                                    h-7f3k2m9q

                              ─── 210 ms ───┊━━━━━ frozen 140 ms ━━━━━━┊ 22 ms
 source node-a                              ┊                          ┊
   pre-copy   30 ms  411 KiB             ▐███                          ┊
   freeze    4.1 ms                         ┊▊                         ┊
   gate      0.9 ms                         ┊▐                         ┊
   dump       45 ms                         ┊▐████████▍                ┊
   stream     50 ms  4.5 MiB                ┊  █████████▌              ┊
   commit    2.1 ms                         ┊                        ▐▎┊
   release    20 ms                         ┊                          ┊▐██████
 target node-b                              ┊                          ┊
   prepare   180 ms           ███████████▉  ┊                          ┊
   restore    55 ms                         ┊              ██████████▋ ┊
   activate  1.2 ms                         ┊                         ▌┊
   replay    0.8 ms                         ┊                          ┊▍

 ✓ moved to node-b in 372 ms, frozen for 140 ms
   connections  7 kept, 12 frames parked and replayed
   memory       4.5 MiB of images, at most 4.5 MiB kept on a node
   files        3 files with 12.0 KiB, 1 of them in the freeze
   wire         4.9 MiB
   CRIU         38 ms of the dump, 42 ms of the restore
   client       silent for 152 ms at most; 31,240 operations: 0 lost, 0
                duplicated, 0 resets`;

test('a handover of Redis at 80 columns', (t) => {
  t.is(`\n${waterfall(sampleRecord(), { width: 80, color: false, client }).join('\n')}`, picture);
});

test('colour changes nothing but colour', (t) => {
  for (const width of [80, 140]) {
    const plain = waterfall(sampleRecord(), { width, color: false });
    const painted = waterfall(sampleRecord(), { width, color: true });
    t.deepEqual(
      painted.map((line) => stripVTControlCharacters(line)),
      plain,
    );
    t.true(painted.join('').includes('\u001B[36m'), 'the freeze is cyan');
  }
});

test('the sample is a record of the API', (t) => {
  t.deepEqual(handoverRecordSchema.parse(sampleRecord()), sampleRecord());
});

test('a refusal without timeline tells code, fact and remedy', (t) => {
  const refusals = [{ code: 'PREFLIGHT_X', fact: 'found x', remedy: 'remove x' }];
  const lines = waterfall(sampleRecord({ state: 'refused', timeline: [], measures: {}, refusals }), {
    width: 80,
    color: false,
  });
  t.deepEqual(lines.slice(1), [
    '',
    ' ✗ refused before anything was frozen: goes on at node-a',
    ' ✗ PREFLIGHT_X: found x',
    '     → remove x',
  ]);
});

test('a rollback tells the error and where the container goes on', (t) => {
  const error = {
    code: 'ERR_DEADLINE',
    reason: 'DeadlineExceeded',
    message: 'dump took longer',
    remedy: 'look',
    retryable: true,
    details: {},
  };
  const text = waterfall(sampleRecord({ state: 'rolled-back', error }), { width: 80, color: false }).join('\n');
  t.regex(text, /✗ rolled back after 372 ms, frozen for 140 ms: goes on at node-a/);
  t.regex(text, /ERR_DEADLINE: dump took longer\n {5}→ look$/);
});

const time = fc.double({ min: 0, max: 200_000, noNaN: true });
const step: fc.Arbitrary<TimelineStep> = fc
  .record({
    lane: fc.constantFrom('source' as const, 'target' as const),
    step: fc.constantFrom('prepare', 'pre-copy', 'freeze', 'dump', 'restore', 'commit'),
    startedAt: time,
    took: fc.double({ min: -5, max: 5000, noNaN: true }),
  })
  .map(({ took, lane, step: name, startedAt }) => ({ lane, step: name, startedAt, finishedAt: startedAt + took }));
const record: fc.Arbitrary<HandoverRecord> = fc
  .record({
    state: fc.constantFrom(...sourceStates),
    timeline: fc.array(step, { maxLength: 20 }),
    frozenAt: fc.option(time),
    freezeMs: fc.option(time),
  })
  .map(({ state, timeline, frozenAt, freezeMs }) => {
    const frozen =
      frozenAt === null ? {} : { frozenAt, ...(freezeMs === null ? {} : { freezeMs, resumedAt: frozenAt + freezeMs }) };
    return sampleRecord({ state, timeline, measures: frozen });
  });

testProp(
  'every step is drawn in one row with a visible bar, and nothing is wider than the terminal',
  [record, fc.integer({ min: 60, max: 200 })],
  (t, given, width) => {
    const lines = waterfall(given, { width, color: false });
    t.true(
      lines.every((line) => line.length <= Math.min(width, 160)),
      lines.join('\n'),
    );
    const rows = lines.filter((line) => /[█▏▎▍▌▋▊▉▐]/.test(line));
    t.is(rows.length, given.timeline.length, lines.join('\n'));
  },
);
