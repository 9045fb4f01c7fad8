// One freezes at a time, in the order of asking; nobody waits for ever.
import test from 'ava';
import { FreezeTurns } from './freeze-turns.ts';
import { VirtualClock } from './simulation/virtual-clock.ts';

const limitMs = 3_000;

function rig() {
  const [turns, clock] = [new FreezeTurns(), new VirtualClock()];
  const begun: string[] = [];
  const take = async (name: string): Promise<() => void> => {
    const end = await turns.take(clock, limitMs);
    begun.push(name);
    return end;
  };
  return { begun, take, pass: (ms: number) => clock.run(() => false, clock.nowMs() + ms) };
}

test('the next begins when the one before has ended', async (t) => {
  const { begun, take, pass } = rig();
  const [a, b] = [take('a'), take('b')];
  void take('c');
  await pass(100);
  t.deepEqual(begun, ['a']);
  (await a)();
  await pass(100);
  t.deepEqual(begun, ['a', 'b']);
  (await b)();
  (await a)();
  await pass(100);
  t.deepEqual(begun, ['a', 'b', 'c']);
});

test('one that does not end keeps nobody longer than the limit', async (t) => {
  const { begun, take, pass } = rig();
  void take('a');
  void take('b');
  await pass(limitMs - 1);
  t.deepEqual(begun, ['a']);
  await pass(limitMs + 1);
  t.deepEqual(begun, ['a', 'b']);
});

test('who comes when nobody freezes does not wait', async (t) => {
  const { begun, take, pass } = rig();
  (await take('a'))();
  void take('b');
  await pass(0);
  t.deepEqual(begun, ['a', 'b']);
});
