// A replacement starts afresh only when its source has provably ended, or can never go on.
import test from 'ava';
import * as fc from 'fast-check';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import { at, condition, migration, node } from '#core/testing/objects.ts';
import { decideStart, type StartFacts } from './start-decision.ts';

const alive = node('a');
const dead = node('a', { ready: { status: 'Unknown' } });
const outOfService = node('a', {
  spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
});
const commit: NonNullable<MigrationStatus['commit']> = { handover: 'h', decision: 'committed', decidedAt: at(1) };
const released: MigrationStatus['handover'] = { id: 'h', state: 'released' };
const rolledBack: MigrationStatus['handover'] = { id: 'h', state: 'rolled-back' };

const of = (succeeded: 'True' | 'False' | 'Unknown', more: MigrationStatus = {}): Migration =>
  migration({ status: { conditions: [condition('Held'), condition('Succeeded', succeeded)], ...more } });

const cases: [string, Omit<StartFacts, 'isTarget'>, 'wait' | 'start'][] = [
  ['a move under way', { migration: of('Unknown'), sourceNode: alive }, 'wait'],
  ['a move that has said nothing yet', { migration: migration(), sourceNode: alive }, 'wait'],
  ['a move under way from a node that is gone', { migration: of('Unknown'), sourceNode: undefined }, 'wait'],
  [
    'an attempt that was rolled back',
    { migration: of('Unknown', { handover: rolledBack }), sourceNode: alive },
    'wait',
  ],
  [
    'a failed move whose source may run',
    { migration: of('False', { handover: rolledBack }), sourceNode: alive },
    'wait',
  ],
  [
    'a failed move from a node that does not report',
    { migration: of('False', { handover: rolledBack }), sourceNode: dead },
    'wait',
  ],
  [
    'a failed move whose source has ended',
    { migration: of('False', { handover: released }), sourceNode: alive },
    'start',
  ],
  ['a failed move from a node that is out of service', { migration: of('False'), sourceNode: outOfService }, 'start'],
  ['a failed move from a node that was deleted', { migration: of('False'), sourceNode: undefined }, 'start'],
  [
    'a source that has ended before its move was given up',
    { migration: of('Unknown', { handover: released }), sourceNode: alive },
    'wait',
  ],
  ['a committed move', { migration: of('Unknown', { commit }), sourceNode: alive }, 'wait'],
  [
    'a committed move from a node that is gone',
    { migration: of('Unknown', { commit }), sourceNode: undefined },
    'wait',
  ],
  ['a committed move that failed', { migration: of('False', { commit }), sourceNode: alive }, 'wait'],
  [
    'a committed move that failed, whose source says that it has ended',
    { migration: of('False', { commit, handover: released }), sourceNode: alive },
    'wait',
  ],
  [
    'a committed move that failed, from a node that does not report',
    { migration: of('False', { commit, handover: released }), sourceNode: dead },
    'wait',
  ],
  [
    'a committed move that failed, from a node that was deleted',
    { migration: of('False', { commit }), sourceNode: undefined },
    'start',
  ],
  [
    'a committed move that failed, from a node that is out of service',
    { migration: of('False', { commit }), sourceNode: outOfService },
    'start',
  ],
  [
    'a revoked move that failed, whose source has ended',
    { migration: of('False', { commit: { ...commit, decision: 'revoked' }, handover: released }), sourceNode: alive },
    'start',
  ],
  [
    'a failed move whose pod was kept',
    { migration: of('False', { handover: { id: 'h', state: 'kept' } }), sourceNode: alive },
    'wait',
  ],
  [
    'a move that succeeded, on a node that has booted since',
    { migration: of('True', { commit, handover: { id: 'h', state: 'succeeded' } }), sourceNode: alive },
    'start',
  ],
  [
    'a Migration that was deleted, which its finalizer allows when all is settled',
    { migration: undefined, sourceNode: alive },
    'start',
  ],
  ['Migration and source node both deleted', { migration: undefined, sourceNode: undefined }, 'start'],
];
for (const [what, facts, decision] of cases)
  test(`${what}: ${decision}`, (t) => t.is(decideStart({ ...facts, isTarget: true }), decision));

test('a pod that a Migration does not name starts nowhere; the one that it names starts again when the move is done, wherever it went on', (t) => {
  const kept = migration({
    status: {
      conditions: [condition('Held'), condition('Succeeded', 'False', 'KeptInPlace')],
      commit,
      handover: { id: 'h', state: 'succeeded' },
    },
  });
  for (const done of [of('True', { commit }), kept])
    t.is(decideStart({ migration: done, sourceNode: alive, isTarget: true }), 'start');
  for (const other of [of('True', { commit }), kept, of('False', { handover: released })])
    t.is(decideStart({ migration: other, sourceNode: alive, isTarget: false }), 'wait');
});

test('nothing starts beside a source whose node is alive, which has neither moved nor said that it ended', (t) => {
  const status = fc.record({
    succeeded: fc.constantFrom('False' as const, 'Unknown' as const),
    commit: fc.constantFrom(undefined, commit),
    handover: fc.constantFrom(undefined, rolledBack, { id: 'h', state: 'kept' }),
  });
  const known = fc.record({
    migration: status.map(({ succeeded, ...written }) => of(succeeded, written)),
    sourceNode: fc.constantFrom(alive, dead),
    isTarget: fc.boolean(),
  });
  fc.assert(fc.property(known, (facts) => void t.is(decideStart(facts), 'wait')));
});
