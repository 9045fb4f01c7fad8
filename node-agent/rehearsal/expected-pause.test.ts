// The pause that a rehearsal is expected to take, and what the policy makes of it.
import test from 'ava';
import { expectedPauseMs, reasonAgainst } from './expected-pause.ts';

const small = { memoryBytes: 4 * 2 ** 20, processes: 1 };
const large = { memoryBytes: 2 ** 30, processes: 1 };

test('it grows with memory and processes', (t) => {
  t.is(expectedPauseMs(small, []), 60);
  t.is(expectedPauseMs(large, []), 175);
  t.true(expectedPauseMs({ ...large, processes: 30 }, []) > 300);
});

test('it follows what the node measured, within bounds, and not one odd measurement', (t) => {
  const twice = { ...large, pauseMs: 350 };
  t.is(expectedPauseMs(large, [twice, { ...large, pauseMs: 9_000 }, twice]), 350);
  t.is(expectedPauseMs(large, [{ ...large, pauseMs: 100_000 }]), 525);
});

test('the policy decides: Never, Always, or within its budget', (t) => {
  t.regex(reasonAgainst({ when: 'Never', maxPauseMs: 500 }, 1) ?? '', /Never/);
  t.is(reasonAgainst({ when: 'Always', maxPauseMs: 1 }, 10_000), undefined);
  t.is(reasonAgainst({ when: 'WithinBudget', maxPauseMs: 500 }, 500), undefined);
  t.regex(reasonAgainst({ when: 'WithinBudget', maxPauseMs: 500 }, 501) ?? '', /501 ms.*500 ms/);
});
