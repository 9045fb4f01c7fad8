// A condition remembers when its status last changed, and nothing else does.
import test from 'ava';
import { findCondition, hasCondition, withCondition, type NewCondition } from './conditions.ts';

const wanted: NewCondition = {
  type: 'Held',
  status: 'True',
  reason: 'PreflightPassed',
  message: 'held',
  observedGeneration: 2,
};
const early = new Date('2026-01-01T00:00:00.123Z');
const late = new Date('2026-01-01T00:05:00Z');

test('a new one comes last, with the time in whole seconds', (t) => {
  const others = withCondition([], { ...wanted, type: 'Admitted' }, early);
  t.deepEqual(withCondition(others, wanted, early), [
    ...others,
    { ...wanted, lastTransitionTime: '2026-01-01T00:00:00Z' },
  ]);
});

test('another reason of the same status keeps its time and its place', (t) => {
  const before = withCondition(withCondition([], wanted, early), { ...wanted, type: 'Claimed' }, early);
  const after = withCondition(before, { ...wanted, reason: 'Again', message: 'm', observedGeneration: 3 }, late);
  t.deepEqual(
    after.map(({ type }) => type),
    ['Held', 'Claimed'],
  );
  t.like(after[0], {
    reason: 'Again',
    message: 'm',
    observedGeneration: 3,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  });
  t.is(after[1], before[1]);
});

test('another status has another time', (t) => {
  const [changed] = withCondition(withCondition([], wanted, early), { ...wanted, status: 'False' }, late);
  t.like(changed, { status: 'False', lastTransitionTime: '2026-01-01T00:05:00Z' });
});

test('the list that was given stays as it was, and no generation is no field', (t) => {
  const before = withCondition([], wanted, early);
  const { observedGeneration: _none, ...without } = wanted;
  t.deepEqual(withCondition(before, { ...without, observedGeneration: undefined }, late), [
    { ...without, lastTransitionTime: '2026-01-01T00:00:00Z' },
  ]);
  t.is(before[0]?.observedGeneration, 2);
});

test('a condition is looked for by type, and by status', (t) => {
  const conditions = withCondition([], { ...wanted, status: 'False' }, early);
  t.is(findCondition(conditions, 'Held'), conditions[0]);
  t.is(findCondition(conditions, 'Claimed'), undefined);
  t.is(findCondition(undefined, 'Held'), undefined);
  t.false(hasCondition(conditions, 'Held'));
  t.true(hasCondition(conditions, 'Held', 'False'));
  t.false(hasCondition(conditions, 'Claimed', 'False'));
  t.false(hasCondition(undefined, 'Held'));
});
