// A set of addresses behaves as one, however it came to be.
import test from 'ava';
import * as fc from 'fast-check';
import { PageRanges } from './page-ranges.ts';

const limit = 64;
const range = fc.tuple(fc.nat({ max: limit - 1 }), fc.integer({ min: 1, max: 16 }));
const change = fc.record({ kind: fc.constantFrom('add', 'remove'), range });

test('it has what was added and not removed since, and says what is missing', (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), range, (changes, [from, length]) => {
      const ranges = new PageRanges();
      const model = new Set<number>();
      for (const {
        kind,
        range: [start, count],
      } of changes) {
        if (kind === 'add') ranges.add(start, start + count);
        else ranges.remove(start, start + count);
        for (let at = start; at < start + count; at += 1)
          if (kind === 'add') model.add(at);
          else model.delete(at);
      }
      const missing = ranges
        .missing(from, from + length)
        .flatMap(({ start, end }) => Array.from({ length: end - start }, (_, index) => start + index));
      const expected = Array.from({ length }, (_, index) => from + index).filter((at) => !model.has(at));
      t.deepEqual(missing, expected);
    }),
  );
});

test('ranges that touch become one', (t) => {
  const ranges = new PageRanges();
  ranges.add(4, 8);
  ranges.add(0, 2);
  ranges.add(2, 4);
  t.deepEqual(ranges.ranges, [{ start: 0, end: 8 }]);
});

test('a removal without end takes all', (t) => {
  const ranges = new PageRanges();
  ranges.add(4, 8);
  ranges.remove(0, 2 ** 64);
  t.deepEqual(ranges.ranges, []);
});
