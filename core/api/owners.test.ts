// Whether an owner wants a pod still: Kubernetes' own rules of ordinals and ends.
import test from 'ava';
import * as fc from 'fast-check';
import { at } from '#core/testing/objects.ts';
import { hasOrdinalOf, isRunningJob, type Job, type StatefulSet } from './owners.ts';

const metadata = { name: 'shop', namespace: 'default' };

const ordinals: [string, StatefulSet, string, boolean][] = [
  ['the first of one', { metadata, spec: { replicas: 1 } }, 'shop-0', true],
  ['the last of three', { metadata, spec: { replicas: 3 } }, 'shop-2', true],
  ['the one after the last', { metadata, spec: { replicas: 3 } }, 'shop-3', false],
  ['the first of none', { metadata, spec: { replicas: 0 } }, 'shop-0', false],
  ['the first where nothing is said', { metadata }, 'shop-0', true],
  ['the second where nothing is said', { metadata, spec: {} }, 'shop-1', false],
  ['the first of a set that begins later', { metadata, spec: { replicas: 2, ordinals: { start: 5 } } }, 'shop-5', true],
  ['the last of a set that begins later', { metadata, spec: { replicas: 2, ordinals: { start: 5 } } }, 'shop-6', true],
  ['one before the beginning', { metadata, spec: { replicas: 2, ordinals: { start: 5 } } }, 'shop-4', false],
  [
    'one after the end of a set that begins later',
    { metadata, spec: { replicas: 2, ordinals: { start: 5 } } },
    'shop-7',
    false,
  ],
  ['a set whose name has hyphens and numbers', { metadata, spec: { replicas: 1 } }, 'shop-2-0', true],
  ['a name without an ordinal', { metadata, spec: { replicas: 9 } }, 'shop-x', false],
  [
    'a set that is being deleted',
    { metadata: { ...metadata, deletionTimestamp: at(1) }, spec: { replicas: 1 } },
    'shop-0',
    false,
  ],
];
for (const [what, set, name, has] of ordinals)
  test(`${what} ${has ? 'has' : 'has no'} place in the set`, (t) => t.is(hasOrdinalOf(set, name), has));

test('a set has as many places as it says', (t) => {
  fc.assert(
    fc.property(fc.nat({ max: 20 }), fc.nat({ max: 20 }), (replicas, start) => {
      const set = { metadata, spec: { replicas, ordinals: { start } } };
      const places = Array.from({ length: 50 }, (_, ordinal) => ordinal).filter((ordinal) =>
        hasOrdinalOf(set, `shop-${ordinal}`),
      );
      t.deepEqual(
        places,
        Array.from({ length: replicas }, (_, index) => start + index),
      );
    }),
  );
});

const ended = (type: string, status = 'True'): Job => ({ metadata, status: { conditions: [{ type, status }] } });
const jobs: [string, Job, boolean][] = [
  ['one that says nothing', { metadata }, true],
  ['one without conditions', { metadata, spec: {}, status: {} }, true],
  ['one that is not suspended', { metadata, spec: { suspend: false } }, true],
  ['one whose suspension is null', { metadata, spec: { suspend: null } }, true],
  ['one that was suspended and goes on', ended('Suspended'), true],
  ['one that is not complete', ended('Complete', 'False'), true],
  ['a complete one', ended('Complete'), false],
  ['a failed one', ended('Failed'), false],
  ['one that is about to fail', ended('FailureTarget'), false],
  ['one that has what it wanted', ended('SuccessCriteriaMet'), false],
  ['a suspended one', { metadata, spec: { suspend: true } }, false],
  ['one that is being deleted', { metadata: { ...metadata, deletionTimestamp: at(1) } }, false],
];
for (const [what, object, runs] of jobs)
  test(`Job: ${what} ${runs ? 'runs pods' : 'runs none any more'}`, (t) => t.is(isRunningJob(object), runs));
