// Which pods of a move are of no use any more.
import test from 'ava';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import { annotations } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { at, condition, migration, pod } from '#core/testing/objects.ts';
import { isOutdated } from './outdated.ts';

const owner = { kind: 'StatefulSet', name: 'shop', uid: 'o1' };
const failed: MigrationStatus = {
  conditions: [condition('Held'), condition('Succeeded', 'False')],
  source: { name: 'shop-0', uid: 'u1', owner },
  target: { name: 'shop-0', uid: 'u2' },
  handover: { id: 'm1-1', state: 'released' },
  finishedAt: at(60),
};
const of = (status: Partial<MigrationStatus> = {}): Migration => migration({ status: { ...failed, ...status } });
const claimed = (more: Parameters<typeof pod>[0] = {}): Pod =>
  pod({
    ...more,
    metadata: { uid: 'u2', annotations: { [annotations.migration]: 'm1' }, ...more.metadata },
    spec: { nodeName: undefined, ...more.spec },
  });
const underway = { conditions: [condition('Held')], finishedAt: undefined };
const inPlace = { after: 1, why: 'w' };

const cases: [string, Migration, Pod, boolean][] = [
  ['without a node after its move has failed', of(), claimed(), true],
  ['that has a node', of(), claimed({ spec: { nodeName: 'b' } }), false],
  ['whose source has not ended', of({ handover: { id: 'm1-1', state: 'rolled-back' } }), claimed(), false],
  ['whose source was kept', of({ handover: { id: 'm1-1', state: 'kept' } }), claimed(), false],
  ['whose move is under way', of(underway), claimed(), false],
  ['of a Job', of({ source: { name: 'x', uid: 'u1', owner: { ...owner, kind: 'Job' } } }), claimed(), false],
  ['that nobody would make again', of({ source: { name: 'x', uid: 'u1' } }), claimed(), false],
  ['of another Migration', of(), claimed({ metadata: { annotations: { [annotations.migration]: 'm2' } } }), false],
  ['that is being deleted', of(), claimed({ metadata: { deletionTimestamp: at(61) } }), false],
  ['for another node when no other is tried', of({ ...underway, inPlace, target: undefined }), claimed(), true],
  ['for the own node when no other is tried', of({ ...underway, inPlace }), claimed(), false],
];
for (const [what, move, subject, outdated] of cases)
  test(`a replacement ${what} is ${outdated ? 'outdated' : 'left alone'}`, (t) =>
    t.is(isOutdated(move, subject), outdated));
