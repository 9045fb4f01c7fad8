// Claimed replacements count at each of their candidates until the scheduler has placed them.
import test from 'ava';
import { HandClock } from '#core/kube/testing/hand-clock.ts';
import { condition, migration } from '#core/testing/objects.ts';
import { Unplaced } from './unplaced.ts';

const claimed = (uid: string, nodeName?: string) =>
  migration({
    metadata: { uid },
    status: {
      conditions: [condition('Admitted')],
      target: { name: `shop-${uid}`, uid: `pod-${uid}`, ...(nodeName === undefined ? {} : { nodeName }) },
    },
  });

function rig() {
  const clock = new HandClock();
  const unplaced = new Unplaced(clock);
  unplaced.add('m1', ['b', 'c']);
  unplaced.add('m2', ['c']);
  return {
    clock,
    unplaced,
    counts: (...underway: ReturnType<typeof claimed>[]) => Object.fromEntries(unplaced.countsFor('m3', underway)),
  };
}

test('each may arrive at any of its candidates', (t) =>
  t.deepEqual(rig().counts(claimed('m1'), claimed('m2')), { b: 1, c: 2 }));

test('one that is placed counts where it is, which its Migration says', (t) =>
  t.deepEqual(rig().counts(claimed('m1', 'b'), claimed('m2')), { c: 1 }));

test('one whose Migration is over does not count', (t) => t.deepEqual(rig().counts(claimed('m1')), { b: 1, c: 1 }));

test('one that was not claimed after all does not count', (t) => {
  const { unplaced, counts } = rig();
  unplaced.remove('m1');
  t.deepEqual(counts(claimed('m1'), claimed('m2')), { c: 1 });
});

test('nobody is in its own way', (t) => {
  const { unplaced } = rig();
  t.deepEqual(Object.fromEntries(unplaced.countsFor('m1', [claimed('m1'), claimed('m2')])), { c: 1 });
});

test('one that finds no place keeps nobody waiting for ever', (t) => {
  const { clock, counts } = rig();
  clock.advance(10_001);
  t.deepEqual(counts(claimed('m1'), claimed('m2')), {});
});
