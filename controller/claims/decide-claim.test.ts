// A gated pod goes on with what waits for it, or starts at once; never beside another incarnation of itself.
import test from 'ava';
import type { Migration, MigrationStatus, ReplacementStrategy } from '#core/api/migration.ts';
import { claimGate, completionIndexLabel } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { restoreHash } from '#core/api/restore-hash.ts';
import { at, condition, interrupted, migration, pod, time } from '#core/testing/objects.ts';
import { decideClaim, type ClaimFacts } from './decide-claim.ts';

const owner = { kind: 'ReplicaSet', name: 'shop', uid: 'owner-uid' };

/** A new pod of UID `u2` that waits at the gate. */
function gated(
  kind: string | undefined,
  { metadata, spec }: { metadata?: Partial<Pod['metadata']>; spec?: Partial<Pod['spec']> } = {},
): Pod {
  return pod({
    owner: kind,
    metadata: { uid: 'u2', creationTimestamp: at(60), ...metadata },
    spec: { nodeName: undefined, schedulingGates: [{ name: claimGate }], ...spec },
    status: { phase: 'Pending' },
  });
}
/** Of pod `shop-0` of UID `u1`, which is held. */
function moving(
  strategy: ReplacementStrategy,
  more: Partial<MigrationStatus> = {},
  parts: Parameters<typeof migration>[0] = {},
): Migration {
  return migration({
    ...parts,
    status: {
      conditions: [condition('Admitted'), condition('Held')],
      strategy,
      source: { name: 'shop-0', uid: 'u1', nodeName: 'a', owner },
      ...more,
    },
  });
}
const unheld = { conditions: [condition('Admitted')] };
const leaving = interrupted('PreemptionByScheduler', { owner: 'ReplicaSet', metadata: { deletionTimestamp: at(50) } });
const deleted = pod({ owner: 'ReplicaSet', metadata: { deletionTimestamp: at(50) } });

const decided = (more: Partial<ClaimFacts>): string => {
  const { decision, ...rest } = decideClaim({
    pod: gated('StatefulSet'),
    waiting: [],
    loose: [],
    siblings: [],
    now: time(61),
    ...more,
  });
  return 'migration' in rest ? `${decision} ${rest.migration.metadata.name}` : decision;
};

const indexed = (index: string): Pod => gated('Job', { metadata: { labels: { [completionIndexLabel]: index } } });
const ofIndex = (completionIndex: string): Migration =>
  moving('AfterDelete', { source: { name: 'shop-0', uid: 'u1', owner, completionIndex } });
const onlySame = { source: { name: 'shop-0', uid: 'u1', owner, restoreHash: restoreHash(gated('StatefulSet')) } };
const ofNobody = { source: { name: 'shop-0', uid: 'u1' } };
const ofAnother = { source: { name: 'shop-0', uid: 'u1', owner: { ...owner, uid: 'recreated' } } };
const other = { spec: { containers: [{ name: 'app', image: 'new' }] } };

const cases: [string, Partial<ClaimFacts>, string][] = [
  ['nothing waits', {}, 'release'],
  ['its former self is held', { waiting: [moving('SameName')] }, 'claim move'],
  ['its former self is not held yet', { waiting: [moving('SameName', unheld)] }, 'keep'],
  [
    'its former self was refused',
    { waiting: [moving('SameName', { conditions: [condition('Held', 'False')] })] },
    'keep',
  ],
  ['its former self belonged to a set that was made anew', { waiting: [moving('SameName', ofAnother)] }, 'release'],
  ['a bare pod of its name moves', { waiting: [moving('SameName', ofNobody)] }, 'release'],
  [
    'a bare pod moves, and this is its copy',
    { pod: gated(undefined), waiting: [moving('SameName', ofNobody)] },
    'claim move',
  ],
  [
    'a pod of a set moves, and this one of its name is bare',
    { pod: gated(undefined), waiting: [moving('SameName')] },
    'release',
  ],
  ['another name is moved', { waiting: [moving('SameName', {}, { spec: { podName: 'shop-1' } })] }, 'release'],
  [
    'its name moves in another namespace',
    { waiting: [moving('SameName', {}, { metadata: { namespace: 'other' } })] },
    'release',
  ],
  ['it is itself the source', { waiting: [moving('SameName', { source: { name: 'shop-0', uid: 'u2' } })] }, 'release'],
  [
    'what it waited for is committed',
    { waiting: [moving('SameName', { commit: { handover: 'h', decision: 'committed', decidedAt: at(1) } })] },
    'release',
  ],
  [
    'an earlier attempt was revoked',
    { waiting: [moving('SameName', { commit: { handover: 'h', decision: 'revoked', decidedAt: at(1) } })] },
    'claim move',
  ],
  ['nobody has looked at the Migration yet', { waiting: [migration()] }, 'release'],
  ['it has the template of the source', { waiting: [moving('SameName', onlySame)] }, 'claim move'],
  [
    'it has another template than the source',
    { pod: gated('StatefulSet', other), waiting: [moving('SameName', onlySame)] },
    'release',
  ],
  ['its former self may still run', { loose: [moving('SameName')] }, 'keep'],
  [
    'another template, and its former self may still run',
    {
      pod: gated('StatefulSet', other),
      waiting: [moving('SameName', onlySame)],
      loose: [moving('SameName', onlySame)],
    },
    'keep',
  ],
  [
    'a former self of another name may still run',
    { loose: [moving('SameName', {}, { spec: { podName: 'shop-1' } })] },
    'release',
  ],
  ['a sibling that gets a new name may still run', { pod: gated('ReplicaSet'), loose: [moving('NewName')] }, 'release'],
  [
    'it is itself what may still run',
    { loose: [moving('SameName', { source: { name: 'shop-0', uid: 'u2', owner } })] },
    'release',
  ],
  [
    'its former self may still run, and is held',
    { waiting: [moving('SameName')], loose: [moving('SameName')] },
    'claim move',
  ],
  [
    'a sibling terminates and is held',
    { pod: gated('ReplicaSet'), waiting: [moving('NewName')], siblings: [deleted] },
    'claim move',
  ],
  [
    'a sibling is held and not deleted yet: this one came for another reason',
    { pod: gated('ReplicaSet'), waiting: [moving('NewName')], siblings: [pod({ owner: 'ReplicaSet' })] },
    'release',
  ],
  [
    'a pod of another owner moves',
    { pod: gated('ReplicaSet'), waiting: [moving('NewName', ofAnother)], siblings: [deleted] },
    'release',
  ],
  [
    'a pod of nobody moves under a new name',
    { pod: gated('ReplicaSet'), waiting: [moving('NewName', ofNobody)], siblings: [deleted] },
    'release',
  ],
  ['its Job waits for that index', { pod: indexed('3'), waiting: [ofIndex('3')] }, 'claim move'],
  ['its Job waits for another index', { pod: indexed('4'), waiting: [ofIndex('3')] }, 'release'],
  [
    'its Job has another template by now',
    { pod: gated('Job', other), waiting: [moving('AfterDelete', onlySame)] },
    'release',
  ],
  [
    'a sibling of another template terminates and is held',
    { pod: gated('ReplicaSet', other), waiting: [moving('NewName', onlySame)], siblings: [deleted] },
    'release',
  ],
  ['its Job has no indexes', { pod: gated('Job'), waiting: [moving('AfterDelete')] }, 'claim move'],
  ['a sibling was just interrupted', { pod: gated('ReplicaSet'), siblings: [leaving] }, 'keep'],
  [
    'a sibling was interrupted a while ago',
    { pod: gated('ReplicaSet'), siblings: [leaving], now: time(70) },
    'release',
  ],
  ['a sibling was deleted by a user', { pod: gated('ReplicaSet'), siblings: [deleted] }, 'release'],
  [
    'an interrupted sibling has ended',
    { pod: gated('ReplicaSet'), siblings: [{ ...leaving, status: { ...leaving.status, phase: 'Failed' } }] },
    'release',
  ],
];
for (const [what, facts, decision] of cases) test(`${what}: ${decision}`, (t) => t.is(decided(facts), decision));

const bystanders: [string, Pod][] = [
  ['is not at the gate', gated('StatefulSet', { spec: { schedulingGates: [{ name: 'queue' }] } })],
  ['is being deleted', gated('StatefulSet', { metadata: { deletionTimestamp: at(60) } })],
  ['has ended', { ...gated('StatefulSet'), status: { phase: 'Failed' } }],
  ['has not opted in', gated('StatefulSet', { spec: { runtimeClassName: 'runc' } })],
];
for (const [what, subject] of bystanders)
  test(`a pod that ${what} is left alone`, (t) => t.is(decided({ pod: subject }), 'none'));

test('only a pod that came past the gate unseen is adopted, by the Migration of its own name', (t) => {
  const unseen = gated('StatefulSet', { spec: { schedulingGates: undefined } });
  t.is(decided({ pod: unseen, waiting: [moving('SameName')] }), 'adopt move');
  t.is(decided({ pod: unseen, waiting: [moving('SameName', unheld)] }), 'none');
  t.is(decided({ pod: unseen, waiting: [moving('SameName', ofAnother)] }), 'none');
  t.is(
    decided({
      pod: gated('StatefulSet', { spec: { schedulingGates: undefined, ...other.spec } }),
      waiting: [moving('SameName', onlySame)],
    }),
    'none',
  );
  t.is(decided({ pod: unseen, loose: [moving('SameName')] }), 'none');
  t.is(
    decided({
      pod: gated('StatefulSet', {
        metadata: { annotations: { 'godwit.dev/migration': 'm0' } },
        spec: { schedulingGates: undefined },
      }),
      waiting: [moving('SameName')],
    }),
    'none',
  );
  t.is(
    decided({
      pod: gated('ReplicaSet', { spec: { schedulingGates: undefined } }),
      waiting: [moving('NewName')],
      siblings: [deleted],
    }),
    'none',
  );
});

const madeAt = (name: string, seconds: number, more: Partial<MigrationStatus> = {}) =>
  moving('AfterDelete', more, { metadata: { name, uid: name, creationTimestamp: at(seconds) } });

test('of several that wait the oldest that is held is served first', (t) => {
  t.is(
    decided({ pod: gated('Job'), waiting: [madeAt('third', 3), madeAt('first', 1, unheld), madeAt('second', 2)] }),
    'claim second',
  );
});
