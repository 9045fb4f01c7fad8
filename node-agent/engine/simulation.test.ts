// A thousand handovers in which anything fails at any step: never two that execute, never none, never anything left
// behind.
import test from 'ava';
import * as fc from 'fast-check';
import { stories, storiesInPlace, type Story } from './simulation/faults.ts';
import { play } from './simulation/play.ts';

const runs = Number(process.env['RUNS'] ?? 1_000);
const calm: Story = {
  faults: [],
  cutAtFrame: undefined,
  absentMs: [],
  cancelAtMs: undefined,
  killAtMs: undefined,
  reboot: undefined,
  arbiter: 'journal',
};

/** What was wrong with a story, and the way to it; empty when nothing was. */
async function told(story: Story): Promise<string> {
  const { violations, steps, records } = await play(story);
  if (violations.length === 0) return '';
  return [
    ...violations,
    ...records.map(({ role, state, error }) => `${role} ${state} ${error?.message ?? ''}`),
    ...steps,
  ].join('\n');
}

for (const [where, tale, tales] of [
  ['to another node', calm, stories],
  ['to the same node', { ...calm, inPlace: true }, storiesInPlace],
] as const) {
  test(`a handover without faults ${where} moves the container`, async (t) => {
    const { violations, records } = await play(tale);
    t.deepEqual(violations, []);
    t.deepEqual(
      records.map(({ state }) => state),
      ['succeeded', 'succeeded'],
    );
  });

  test(`every fault at every step of a handover ${where}`, async (t) => {
    const { steps } = await play(tale);
    for (const kind of [
      'throw-before',
      'throw-after',
      'hang-before',
      'hang-after',
      'crash-before',
      'crash-after',
      'cut',
      'stall',
      'late',
      'later',
      'full',
    ] as const) {
      for (const at of steps.keys()) {
        for (const absentMs of kind.startsWith('crash') ? [1, 300_000] : [1]) {
          const { violations } = await play({ ...tale, faults: [{ at, kind }], absentMs: [absentMs] });
          t.deepEqual(violations, [], `${kind} at ${steps[at]}, absent for ${absentMs} ms`);
        }
      }
    }
  });

  test(`any story of a handover ${where}`, async (t) => {
    const details = await fc.check(
      fc.asyncProperty(tales, async (story) => (await told(story)) === ''),
      { numRuns: runs },
    );
    const [counterexample] = details.counterexample ?? [];
    t.false(
      details.failed,
      `seed ${details.seed}, path ${details.counterexamplePath}: ${JSON.stringify(counterexample)}\n${counterexample === undefined ? '' : await told(counterexample)}`,
    );
  });
}
