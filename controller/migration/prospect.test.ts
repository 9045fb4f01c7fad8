// Whether a held pod will find a replacement to go on in is read from its owner, and from the pods that are there.
import test from 'ava';
import type { Job, ReplicaSet, StatefulSet } from '#core/api/owners.ts';
import type { MigrationStatus } from '#core/api/migration.ts';
import { claimGate } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { restoreHash } from '#core/api/restore-hash.ts';
import { at, pod } from '#core/testing/objects.ts';
import { prospectOf, type Owner, type Prospect, type ProspectFacts } from './prospect.ts';

const metadata = { name: 'shop', namespace: 'default', uid: 'owner-uid' };
const leaving = { ...metadata, deletionTimestamp: at(1) };
const set = (spec: StatefulSet['spec'], own = metadata): Owner => ({
  kind: 'StatefulSet',
  object: { metadata: own, ...(spec === undefined ? {} : { spec }) },
});
const replicas = (spec: ReplicaSet['spec'], own = metadata): Owner => ({
  kind: 'ReplicaSet',
  object: { metadata: own, ...(spec === undefined ? {} : { spec }) },
});
const job = (more: Partial<Job> = {}): Owner => ({ kind: 'Job', object: { metadata, ...more } });

const source = pod();
const other = (uid: string, more: Parameters<typeof pod>[0] = {}): Pod =>
  pod({ ...more, metadata: { name: uid, uid, ...more.metadata } });
const successor = (image?: string, nodeName?: string): Pod =>
  pod({
    metadata: { uid: 'u2' },
    spec: { nodeName, containers: [{ name: 'app', ...(image === undefined ? {} : { image }) }] },
  });
const facts = (
  more: Partial<ProspectFacts>,
  strategy: 'SameName' | 'NewName' | 'AfterDelete' = 'NewName',
  hash: string | undefined = restoreHash(source),
): ProspectFacts => ({
  status: {
    strategy,
    source: { name: 'shop-0', uid: 'u1', nodeName: 'a', ...(hash === undefined ? {} : { restoreHash: hash }) },
  },
  podName: 'shop-0',
  pod: undefined,
  owner: undefined,
  siblings: [],
  ...more,
});

const bare = (more: MigrationStatus): ProspectFacts => ({
  ...facts({}, 'SameName'),
  status: { ...facts({}, 'SameName').status, ...more },
});

const cases: [string, ProspectFacts, Prospect][] = [
  ['a bare pod, whose copy is made', bare({ podManifest: '{}' }), 'coming'],
  ['a bare pod that a user deleted', bare({}), 'unwanted'],
  ['a bare pod, whose copy was made and is gone', bare({ podManifest: '{}', copyMade: true }), 'unwanted'],
  [
    'a bare pod, whose copy was made and is there',
    { ...bare({ podManifest: '{}', copyMade: true }), pod: successor() },
    'coming',
  ],
  ['its owner is gone', facts({ owner: 'gone' }), 'unwanted'],
  ['its owner is gone, and it has its name still', facts({ owner: 'gone' }, 'SameName'), 'unwanted'],

  ['of its name it is there itself', facts({ pod: source, owner: 'gone' }, 'SameName'), 'coming'],
  [
    'of its name it is there itself, and was changed in place',
    facts({ pod: pod({ spec: { containers: [{ name: 'app', image: 'b' }] } }) }, 'SameName'),
    'coming',
  ],
  ['of its name there is a successor like it', facts({ pod: successor() }, 'SameName'), 'coming'],
  [
    'of its name there is a successor like it elsewhere',
    facts({ pod: successor(undefined, 'b') }, 'SameName'),
    'coming',
  ],
  [
    'of its name there is a successor like it on its own node',
    facts({ pod: successor(undefined, 'a') }, 'SameName'),
    'misplaced',
  ],
  [
    'of its name there is a successor of another image on its own node',
    facts({ pod: successor('b', 'a') }, 'SameName'),
    'different',
  ],
  ['of its name there is a successor of another image', facts({ pod: successor('b') }, 'SameName'), 'different'],
  [
    'nobody noted what it was like',
    {
      ...facts({ pod: successor('b') }, 'SameName'),
      status: { strategy: 'SameName', source: { name: 'shop-0', uid: 'u1', nodeName: 'a' } },
    },
    'coming',
  ],
  [
    'a pod of its name that another owner made says nothing',
    facts({ pod: successor('b'), owner: replicas({ replicas: 1 }) }),
    'coming',
  ],

  ['its StatefulSet has its ordinal', facts({ owner: set({ replicas: 1 }) }, 'SameName'), 'coming'],
  ['its StatefulSet was scaled down', facts({ owner: set({ replicas: 0 }) }, 'SameName'), 'unwanted'],
  ['its StatefulSet is being deleted', facts({ owner: set({ replicas: 1 }, leaving) }, 'SameName'), 'unwanted'],

  ['its ReplicaSet lacks it', facts({ owner: replicas({ replicas: 2 }), siblings: [source, other('s1')] }), 'coming'],
  [
    'its ReplicaSet was scaled down',
    facts({ owner: replicas({ replicas: 1 }), siblings: [source, other('s1')] }),
    'unwanted',
  ],
  ['its ReplicaSet was scaled to nothing', facts({ owner: replicas({ replicas: 0 }), siblings: [source] }), 'unwanted'],
  [
    'its ReplicaSet wants one where it says nothing',
    facts({ owner: replicas(undefined), siblings: [source] }),
    'coming',
  ],
  ['its ReplicaSet is being deleted', facts({ owner: replicas({ replicas: 2 }, leaving), siblings: [] }), 'unwanted'],
  [
    'a sibling that is leaving does not count',
    facts({ owner: replicas({ replicas: 1 }), siblings: [other('s1', { metadata: { deletionTimestamp: at(1) } })] }),
    'coming',
  ],
  [
    'a sibling that has finished does not count',
    facts({ owner: replicas({ replicas: 1 }), siblings: [other('s1', { status: { phase: 'Failed' } })] }),
    'coming',
  ],
  [
    'one that waits at the gate may be its replacement',
    facts({
      owner: replicas({ replicas: 1 }),
      siblings: [other('s1', { spec: { schedulingGates: [{ name: claimGate }] } })],
    }),
    'coming',
  ],
  [
    'one that waits at another gate is not',
    facts({
      owner: replicas({ replicas: 1 }),
      siblings: [other('s1', { spec: { schedulingGates: [{ name: 'example.com/gate' }] } })],
    }),
    'unwanted',
  ],
  [
    'one that waits at the gate and is leaving is not',
    facts({
      owner: replicas({ replicas: 1 }),
      siblings: [
        other('s0'),
        other('s1', { metadata: { deletionTimestamp: at(1) }, spec: { schedulingGates: [{ name: claimGate }] } }),
      ],
    }),
    'unwanted',
  ],

  ['its Job runs', facts({ owner: job() }, 'AfterDelete'), 'coming'],
  [
    'its Job is complete',
    facts({ owner: job({ status: { conditions: [{ type: 'Complete', status: 'True' }] } }) }, 'AfterDelete'),
    'unwanted',
  ],
  ['its Job is suspended', facts({ owner: job({ spec: { suspend: true } }) }, 'AfterDelete'), 'unwanted'],
];
for (const [what, given, prospect] of cases) test(`${what}: ${prospect}`, (t) => t.is(prospectOf(given), prospect));
