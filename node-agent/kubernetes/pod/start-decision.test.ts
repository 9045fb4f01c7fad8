// A replacement starts afresh only when its source has provably ended, or can never go on.
import test from 'ava';
import * as fc from 'fast-check';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import { at, condition, migration, node } from '#core/testing/objects.ts';
import { decideStart, type StartFacts } from './start-decision.ts';

const alive = node('a');
const dead = node('a', { ready: { status: 'Unknown' } });
const outOfService = node('a', { spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] } });
const commit: MigrationStatus['commit'] = { handover: 'h', decision: 'committed', decidedAt: at(1) };
const released: MigrationStatus['handover'] = { id: 'h', state: 'released' };
const rolledBack: MigrationStatus['handover'] = { id: 'h', state: 'rolled-back' };

const of = (succeeded: 'True' | 'False' | 'Unknown', more: MigrationStatus = {}): Migration => migration({ status: { conditions: [condition('Held'), condition('Succeeded', succeeded)], ...more } });

const cases: [string, StartFacts, 'wait' | 'start'][] = [
  ['a move under way', { migration: of('Unknown'), sourceNode: alive }, 'wait'],
  ['a move that has said nothing yet', { migration: migration(), sourceNode: alive }, 'wait'],
  ['a move under way from a node that is gone', { migration: of('Unknown'), sourceNode: undefined }, 'wait'],
  ['an attempt that was rolled back', { migration: of('Unknown', { handover: rolledBack }), sourceNode: alive }, 'wait'],
  ['a failed move whose source may run', { migration: of('False', { handover: rolledBack }), sourceNode: alive }, 'wait'],
  ['a failed move from a node that does not report', { migration: of('False', { handover: rolledBack }), sourceNode: dead }, 'wait'],
  ['a failed move from nobody knows where', { migration: of('False', { handover: rolledBack }), sourceNode: 'unknown' }, 'wait'],
  ['a failed move whose source has ended', { migration: of('False', { handover: released }), sourceNode: alive }, 'start'],
  ['a failed move from a node that is out of service', { migration: of('False'), sourceNode: outOfService }, 'start'],
  ['a failed move from a node that was deleted', { migration: of('False'), sourceNode: undefined }, 'start'],
  ['a source that has ended before its move was given up', { migration: of('Unknown', { handover: released }), sourceNode: alive }, 'wait'],
  ['a committed move', { migration: of('Unknown', { commit }), sourceNode: alive }, 'wait'],
  ['a committed move from a node that is gone', { migration: of('Unknown', { commit }), sourceNode: undefined }, 'wait'],
  ['a Migration that was deleted', { migration: undefined, sourceNode: alive }, 'wait'],
  ['a Migration that was deleted, from nobody knows where', { migration: undefined, sourceNode: 'unknown' }, 'wait'],
  ['a Migration that was deleted, from a node that does not report', { migration: undefined, sourceNode: dead }, 'wait'],
  ['a Migration that was deleted, from a node that is out of service', { migration: undefined, sourceNode: outOfService }, 'start'],
  ['Migration and source node both deleted', { migration: undefined, sourceNode: undefined }, 'start'],
];
for (const [what, facts, decision] of cases) test(`${what}: ${decision}`, (t) => t.is(decideStart(facts), decision));

test('nothing starts beside a source whose node is alive and that has not said that it ended', (t) => {
  const status = fc.record({ conditions: fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const).map((value) => [condition('Succeeded', value)]), commit: fc.constantFrom(undefined, commit), handover: fc.constantFrom(undefined, rolledBack) });
  const known = fc.record({ migration: fc.option(status.map((written) => migration({ status: written })), { nil: undefined }), sourceNode: fc.constantFrom(alive, dead, 'unknown' as const) });
  fc.assert(fc.property(known, (facts) => void t.is(decideStart(facts), 'wait')));
});
