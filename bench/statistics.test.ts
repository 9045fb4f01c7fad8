import test from 'ava';
import { machineFacts, percentiles, round } from './statistics.ts';

test('percentiles are values that were measured, whatever their order', (t) => {
  const values = Array.from({ length: 200 }, (_, i) => 200 - i);
  t.deepEqual(percentiles(values), { p50: 100, p90: 180, p95: 190, p99: 198, max: 200 });
  t.is(values[0], 200);
});

test('one value is every percentile', (t) => {
  t.deepEqual(percentiles([1.23456]), { p50: 1.235, p90: 1.235, p95: 1.235, p99: 1.235, max: 1.235 });
});

test('no values have no percentiles', (t) => {
  t.throws(() => percentiles([]), { instanceOf: RangeError });
});

test('numbers are sorted as numbers', (t) => {
  t.is(percentiles([10, 9, 1]).max, 10);
  t.is(round(-0.00049), -0);
});

test('the machine is described', (t) => {
  const facts = machineFacts();
  t.true(facts.cpuCount >= 1 && facts.memoryBytes > 0);
  t.is(facts.node, process.version);
});
