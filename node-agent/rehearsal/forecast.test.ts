// The freeze that a move is expected to take: the rehearsal's own times, corrected by the moves of this node.
import test from 'ava';
import type { HandoverRecord } from '#core/api/handover.ts';
import { forecastFreeze } from './forecast.ts';

const record = (
  measures: HandoverRecord['measures'],
  state: HandoverRecord['state'] = 'succeeded',
): HandoverRecord => ({
  id: 'h',
  role: 'source',
  container: 'c',
  from: 'a',
  to: 'b',
  state,
  startedAt: '',
  timeline: [],
  measures,
  refusals: [],
  notes: [],
});
const never = { preCopyFromBytes: Infinity, freezeBudgetMs: 100 };
const redis = { pauseMs: 70, dumpMs: 55, imageBytes: 4 * 2 ** 20 };

test('a node without moves goes by the model', (t) => {
  const { freezeMs, imageBytes, rehearsalPauseMs } = forecastFreeze(redis, [], never);
  t.true(freezeMs > 100 && freezeMs < 170, String(freezeMs));
  t.deepEqual([imageBytes, rehearsalPauseMs], [4 * 2 ** 20, 70]);
  const gibibyte = forecastFreeze({ pauseMs: 200, dumpMs: 170, imageBytes: 2 ** 30 }, [], never).freezeMs;
  t.true(gibibyte > 4_000 && gibibyte < 6_000, String(gibibyte));
});

test('a node that is slower than the model is foretold slower', (t) => {
  const moved = {
    freezeMs: 2 * forecastFreeze(redis, [], never).freezeMs,
    imageBytes: redis.imageBytes,
    rehearsalDumpMs: redis.dumpMs,
  };
  t.is(
    Math.round(forecastFreeze(redis, [record(moved)], never).freezeMs / forecastFreeze(redis, [], never).freezeMs),
    2,
  );
});

test('moves that failed, and such without a rehearsal, tell nothing', (t) => {
  const own = forecastFreeze(redis, [], never);
  t.deepEqual(
    forecastFreeze(
      redis,
      [
        record({ freezeMs: 9_000, imageBytes: 1, rehearsalDumpMs: 1 }, 'rolled-back'),
        record({ freezeMs: 9_000, imageBytes: 1 }),
      ],
      never,
    ),
    own,
  );
});

test('of memory that is copied before the freeze only the rest counts', (t) => {
  const gibibyte = { pauseMs: 200, dumpMs: 170, imageBytes: 2 ** 30 };
  const copying = { preCopyFromBytes: 2 ** 25, freezeBudgetMs: 100 };
  const { freezeMs } = forecastFreeze(gibibyte, [], copying);
  t.true(freezeMs >= 270 && freezeMs < 400, String(freezeMs));
  const moved = { freezeMs, imageBytes: 2 ** 30 + 23_000_000, memoryBytes: 2 ** 30, rehearsalDumpMs: 170 };
  t.is(forecastFreeze(gibibyte, [record(moved)], copying).freezeMs, freezeMs);
  t.is(forecastFreeze(redis, [], copying).freezeMs, forecastFreeze(redis, [], never).freezeMs);
});
