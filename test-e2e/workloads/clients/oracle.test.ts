// The count itself: what is lost, what is duplicated, how long a silence was.
import { fc, testProp } from '@fast-check/ava';
import test from 'ava';
import { mergeSilences, Oracle } from './oracle.ts';

test('a server that is behind lost operations, one that is ahead did some twice', (t) => {
  const oracle = new Oracle();
  t.true(oracle.counted(1, 7, 7));
  t.false(oracle.counted(1, 8, 5));
  t.false(oracle.counted(1, 6, 10));
  const { lost, duplicated, faults } = oracle.report();
  t.deepEqual({ lost, duplicated }, { lost: 3, duplicated: 4 });
  t.is(faults.length, 2);
});

test('a silence lasts from one answer to the next of the same connection', (t) => {
  const oracle = new Oracle();
  oracle.expect('a', 1000);
  oracle.expect('b', 1000);
  oracle.answered('a', 1005);
  oracle.answered('b', 1300);
  oracle.answered('a', 1310);
  oracle.answered('a', 1320);
  const { operations, longestSilenceMs, silences } = oracle.report();
  t.is(operations, 4);
  t.is(longestSilenceMs, 305);
  t.deepEqual(silences, [{ atMs: 1000, ms: 310 }]);
});

test('a broken connection is counted once and has no silence afterwards', (t) => {
  const oracle = new Oracle();
  oracle.expect('a');
  oracle.broken('a', 'ECONNRESET');
  oracle.answered('a', Date.now() + 5000);
  const { resets, longestSilenceMs } = oracle.report();
  t.is(resets, 1);
  t.true(longestSilenceMs < 5000);
});

const interval = fc.record({ atMs: fc.integer({ min: 0, max: 1000 }), ms: fc.integer({ min: 1, max: 100 }) });
const covers = (list: readonly { atMs: number; ms: number }[], moment: number) =>
  list.some(({ atMs, ms }) => moment >= atMs && moment <= atMs + ms);

testProp('merged silences cover the same time and never overlap', [fc.array(interval)], (t, silences) => {
  const merged = mergeSilences(silences);
  const moments = Array.from({ length: 1101 }, (_, moment) => moment);
  t.true(moments.every((moment) => covers(merged, moment) === covers(silences, moment)));
  t.true(
    merged.every(
      ({ atMs }, index) => index === 0 || atMs > (merged[index - 1]?.atMs ?? 0) + (merged[index - 1]?.ms ?? 0),
    ),
  );
});
