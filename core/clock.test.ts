// A deadline that is further away than a timer can count does not come at once.
import { mock } from 'node:test';
import test from 'ava';
import { systemClock } from './clock.ts';

const dayMs = 24 * 3600 * 1000;

test.serial('a timer of a year does not fire at once, and can be cancelled', (t) => {
  const armed: number[] = [];
  const { setTimeout: real } = globalThis;
  mock.method(globalThis, 'setTimeout', (task: () => void, delayMs: number) => {
    armed.push(delayMs);
    return real(task, delayMs);
  });
  t.teardown(() => mock.reset());
  const cancel = systemClock.after(365 * dayMs, () => t.fail());
  cancel();
  t.deepEqual(
    armed.map((delayMs) => delayMs <= 2 ** 31 - 1),
    [true],
  );
});
