// Two clocks give one time axis.
import test from 'ava';
import * as fc from 'fast-check';
import { clockOffsetMs, shiftSteps, Timeline } from './timeline.ts';

test('the offset of a clock is exact when both ways take the same time', (t) => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 0, max: 10_000 }),
      fc.integer({ min: 0, max: 10_000 }),
      (offset, oneWay, working) => {
        const sentAt = 1_000;
        const peerReceivedAt = sentAt + oneWay + offset;
        const peerSentAt = peerReceivedAt + working;
        t.is(clockOffsetMs(sentAt, peerReceivedAt, peerSentAt, peerSentAt - offset + oneWay), offset);
      },
    ),
  );
});

test('the error is half the difference of the ways', (t) => {
  t.is(clockOffsetMs(0, 10, 10, 10), 5);
});

test('steps of the peer come onto this axis', (t) => {
  const step = { lane: 'target', step: 'restore', startedAt: 1_100, finishedAt: 1_200, bytes: 7 } as const;
  t.deepEqual(shiftSteps([step], 100), [{ ...step, startedAt: 1_000, finishedAt: 1_100 }]);
});

test('a step that fails is recorded, and what is given out cannot be changed', async (t) => {
  const timeline = new Timeline('source');
  t.is(
    await timeline.measure(
      'dump',
      () => Promise.resolve(5),
      () => 3,
    ),
    5,
  );
  await t.throwsAsync(timeline.measure('restore', () => Promise.reject(new Error('no'))));
  timeline.steps.pop();
  t.deepEqual(
    timeline.steps.map(({ lane, step, bytes }) => ({ lane, step, bytes })),
    [
      { lane: 'source', step: 'dump', bytes: 3 },
      { lane: 'source', step: 'restore', bytes: undefined },
    ],
  );
  for (const { startedAt, finishedAt } of timeline.steps) t.true(startedAt <= finishedAt);
});
