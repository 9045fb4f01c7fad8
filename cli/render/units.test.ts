import test from 'ava';
import { age, counted, duration, grouped, size } from './units.ts';

test('durations', (t) => {
  const said = [-3, 0, 0.04, 9.94, 9.96, 140.4, 1234, 9999.4, 9999.6, 59_949, 59_951, 61_000, 3_600_000].map((ms) =>
    duration(ms),
  );
  const expected = [
    '0.0 ms',
    '0.0 ms',
    '0.0 ms',
    '9.9 ms',
    '10 ms',
    '140 ms',
    '1,234 ms',
    '9,999 ms',
    '10.0 s',
    '59.9 s',
    '1 min 00 s',
    '1 min 01 s',
    '60 min 00 s',
  ];
  t.deepEqual(said, expected);
});

test('sizes', (t) => {
  t.deepEqual(
    [0, 1023, 1024, 12_300, 102_350, 1_048_575, 5 * 2 ** 30].map((bytes) => size(bytes)),
    ['0 B', '1023 B', '1.0 KiB', '12.0 KiB', '100 KiB', '1.0 MiB', '5.0 GiB'],
  );
});

test('counts', (t) => {
  t.deepEqual(
    [grouped(31_240), grouped(999), counted(1, 'file'), counted(0, 'file')],
    ['31,240', '999', '1 file', '0 files'],
  );
});

test('ages', (t) => {
  const now = new Date('2026-11-23T19:00:00Z');
  const since = [
    '2026-11-23T18:59:58Z',
    '2026-11-23T18:01:00Z',
    '2026-11-22T18:00:00Z',
    '2026-11-01T19:00:00Z',
    '2026-11-23T19:00:09Z',
    'never',
  ];
  t.deepEqual(
    since.map((iso) => age(iso, now)),
    ['2s', '59m', '25h', '22d', '0s', '?'],
  );
});
