// One rehearsal at a time, not again within minutes, tried twice before it refuses.
import test from 'ava';
import { GodwitError } from '#core/errors.ts';
import { NodeRehearsals, type Rehearsed } from './rehearsals.ts';

const figures = { pauseMs: 60, dumpMs: 50, imageBytes: 4096 };
const late = () => Promise.reject(new GodwitError('ERR_DEADLINE', 'the dump took longer than 5000 ms'));
const failed = () => Promise.reject(new GodwitError('ERR_DUMP', 'failed', { details: { criu: ['Error: family 40'] } }));

/** Counts its runs; the n-th does what the n-th of `outcomes` says, the last one for ever. */
function subject(outcomes: readonly (() => Promise<typeof figures>)[], parts: Partial<Rehearsed> = {}) {
  const counted = { runs: 0 };
  const run = () => (outcomes[counted.runs++] ?? outcomes.at(-1) ?? (() => Promise.resolve(figures)))();
  const rehearsed: Rehearsed = {
    container: 'c',
    size: { memoryBytes: 0, processes: 1 },
    policy: { when: 'Always', maxPauseMs: 1 },
    fingerprint: 'f',
    obstacle: undefined,
    run,
    ...parts,
  };
  return { counted, rehearsed };
}

test('the same programs are not rehearsed again, others are', async (t) => {
  const rehearsals = new NodeRehearsals(60_000);
  const { counted, rehearsed } = subject([]);
  t.deepEqual((await rehearsals.rehearse(rehearsed)).figures, figures);
  t.deepEqual((await rehearsals.rehearse(rehearsed)).figures, figures);
  t.is(counted.runs, 1);
  await rehearsals.rehearse({ ...rehearsed, fingerprint: 'g' });
  t.is(counted.runs, 2);
});

test('what fails once and then works is no refusal', async (t) => {
  const { counted, rehearsed } = subject([failed, () => Promise.resolve(figures)]);
  t.deepEqual(await new NodeRehearsals(1).rehearse(rehearsed), { refusals: [], notes: [], figures });
  t.is(counted.runs, 2);
});

test('what fails twice is refused in the words of CRIU', async (t) => {
  const { counted, rehearsed } = subject([failed]);
  const { refusals, figures: none } = await new NodeRehearsals(1).rehearse(rehearsed);
  t.is(counted.runs, 2);
  t.is(none, undefined);
  t.like(refusals[0], { code: 'PREFLIGHT_DUMP', fact: 'a rehearsal of the dump failed: Error: family 40' });
});

test('one that is too slow is given up and noted, and so is one that the policy or a session forbids', async (t) => {
  const left = [
    subject([late]),
    subject([], { policy: { when: 'Never', maxPauseMs: 1 } }),
    subject([], { obstacle: 'a session' }),
    subject([], { policy: { when: 'WithinBudget', maxPauseMs: 1 } }),
  ];
  for (const { rehearsed } of left) {
    const { refusals, notes } = await new NodeRehearsals(1).rehearse(rehearsed);
    t.deepEqual([refusals.length, notes.map(({ code }) => code)], [0, ['PREFLIGHT_REHEARSAL']]);
  }
});

test('others wait until the container runs again', async (t) => {
  const rehearsals = new NodeRehearsals(1);
  const { promise, resolve } = Promise.withResolvers<typeof figures>();
  const events: string[] = [];
  const slow = subject([() => promise.finally(() => events.push('runs again'))]).rehearsed;
  const rehearsing = rehearsals.rehearse(slow);
  await new Promise((turn) => setImmediate(turn));
  const settled = rehearsals.settled('c').then(() => events.push('others go on'));
  resolve(figures);
  await Promise.all([rehearsing, settled]);
  t.deepEqual(events, ['runs again', 'others go on']);
});
