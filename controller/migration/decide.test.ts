// The story of a Migration, decision by decision.
import test from 'ava';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import type { Pod } from '#core/api/pod.ts';
import { decide, type Observation } from './decide.ts';

const now = new Date('2026-01-01T00:00:10Z');
const created = '2026-01-01T00:00:00Z';
const condition = (type: string, status: 'True' | 'False' | 'Unknown' = 'True', reason = 'R') => ({ type, status, reason, message: '', lastTransitionTime: created });
const source = { name: 'shop-0', uid: 'u1', nodeName: 'a' };
const owner = (kind: string) => [{ apiVersion: 'v1', kind, name: 'o', uid: 'o1', controller: true }];

function pod(kind: string | undefined, more: Partial<Pod['metadata']> = {}, phase = 'Running'): Pod {
  return { metadata: { name: 'shop-0', uid: 'u1', ...(kind === undefined ? {} : { ownerReferences: owner(kind) }), ...more }, spec: { nodeName: 'a', containers: [{ name: 'app' }] }, status: { phase } };
}
function migration(status: MigrationStatus = {}, spec: Partial<Migration['spec']> = {}): Migration {
  return {
    apiVersion: 'godwit.dev/v1alpha1', kind: 'Migration', metadata: { name: 'm', uid: 'm1', creationTimestamp: created },
    spec: { podName: 'shop-0', trigger: 'User', deadlineSeconds: 120, dryRun: false, cancel: false, ttlSecondsAfterFinished: 60, ...spec }, status,
  };
}
const free = { refusals: [], notes: [], lineage: 'l', rival: undefined, wait: undefined };
const observe = (more: Partial<Observation>): Observation => ({ migration: migration(), now, pod: pod('StatefulSet'), replacement: undefined, admission: free, ...more });
const reasonOf = (observation: Observation): string | undefined => decide(observation).status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason;
const held = (strategy: 'SameName' | 'NewName', more: MigrationStatus = {}): Migration => migration({ conditions: [condition('Admitted'), condition('Held')], source, strategy, ...more });

const over = (finishedAt: string): Migration => migration({ conditions: [condition('Succeeded')], finishedAt });

test('a pod that nothing speaks against is admitted, with how it will be replaced', (t) => {
  t.like(decide(observe({})), { action: 'label', status: { phase: 'Holding', strategy: 'SameName', source, lineage: 'l' } });
  t.like(decide(observe({ pod: pod('ReplicaSet') })), { status: { strategy: 'NewName' } });
  t.like(decide(observe({ pod: pod(undefined) })), { status: { strategy: 'SameName' } });
});

const refusals: [string, Partial<Observation>, string][] = [
  ['no such pod', { pod: undefined }, 'PodNotFound'],
  ['another incarnation', { migration: migration({}, { podUID: 'u0' }) }, 'PodNotFound'],
  ['a finished pod', { pod: pod('Job', {}, 'Succeeded') }, 'PodFinished'],
  ['a rival', { admission: { ...free, rival: 'other' } }, 'AlreadyMigrating'],
  ['preflight', { admission: { ...free, refusals: [{ code: 'PREFLIGHT_TTY', fact: 'f', remedy: 'r' }] } }, 'PreflightRefused'],
  ['the agent\'s preflight', { migration: migration({ conditions: [condition('Admitted'), condition('Held', 'False')], source }) }, 'PreflightRefused'],
  ['a cancellation', { migration: migration({}, { cancel: true }) }, 'Cancelled'],
  ['no room until the deadline', { migration: migration({}, { deadlineSeconds: 5 }) }, 'NoCandidate'],
  ['no replacement until the deadline', { migration: { ...held('NewName'), spec: { ...migration().spec, deadlineSeconds: 5 } } }, 'ReplacementMissing'],
];
for (const [what, facts, reason] of refusals) test(`${what} ends it: ${reason}`, (t) => t.is(reasonOf(observe(facts)), reason));

const dryRun = (status: MigrationStatus): Migration => migration(status, { dryRun: true });

test('a dry run says what stands in the way, or that nothing does, and deletes nothing', (t) => {
  t.is(reasonOf(observe({ migration: dryRun({}), admission: { ...free, wait: 'no node can take the pod' } })), 'PreflightRefused');
  const answered = { conditions: [condition('Admitted'), condition('Held', 'False')], source };
  t.is(reasonOf(observe({ migration: dryRun(answered) })), 'Planned');
  t.is(reasonOf(observe({ migration: dryRun({ ...answered, refusals: [{ code: 'PREFLIGHT_EXEC_SESSION', fact: 'f', remedy: 'r' }] }) })), 'PreflightRefused');
  t.is(decide(observe({ migration: dryRun(answered) })).action, 'none');
});

test('the source pod is not deleted before it is held', (t) => {
  t.is(decide(observe({ migration: migration({ conditions: [condition('Admitted')], source, strategy: 'SameName' }) })).action, 'none');
  t.is(decide(observe({ migration: held('SameName') })).action, 'delete-pod');
  t.is(decide(observe({ migration: held('NewName'), pod: pod('ReplicaSet') })).action, 'delete-pod');
});

test('a pod that is terminating already is deleted again only to free its name', (t) => {
  const terminating = { deletionTimestamp: created };
  t.is(decide(observe({ migration: held('NewName'), pod: pod('ReplicaSet', terminating) })).action, 'none');
  t.is(decide(observe({ migration: held('SameName'), pod: pod('StatefulSet', terminating) })).action, 'delete-pod');
});

test('another incarnation of the name is never deleted', (t) => {
  t.is(decide(observe({ migration: held('SameName'), pod: pod('StatefulSet', { uid: 'u2' }) })).action, 'none');
});

test('a scheduled replacement is claimed, a lost one is forgotten', (t) => {
  const replacement = { ...pod('StatefulSet', { uid: 'u2' }), spec: { nodeName: 'b', containers: [] } };
  const claimed = decide(observe({ migration: held('SameName'), pod: replacement, replacement }));
  t.like(claimed.status, { phase: 'HandingOver', target: { uid: 'u2', nodeName: 'b' } });
  const lost = decide(observe({ migration: migration(claimed.status ?? {}), pod: undefined }));
  t.is(lost.status?.target, undefined);
  t.is(lost.status?.conditions?.find(({ type }) => type === 'Claimed')?.status, 'False');
});

test('after the commit only the end of the handover counts: no deadline, no cancellation', (t) => {
  const commit = { handover: 'm1-1', decision: 'committed' as const, decidedAt: created };
  const late = { ...held('SameName', { commit }), spec: { ...migration().spec, deadlineSeconds: 1, cancel: true } };
  t.is(decide(observe({ migration: late })).status, undefined);
  t.is(reasonOf(observe({ migration: { ...late, status: { ...late.status, handover: { id: 'm1-1', state: 'succeeded' } } } })), 'Moved');
});

test('a finished Migration goes when its time has come', (t) => {
  t.deepEqual(decide(observe({ migration: over('2026-01-01T00:00:00Z') })), { action: 'none', requeueAfterMs: 50_000 });
  t.is(decide(observe({ migration: over('2025-01-01T00:00:00Z') })).action, 'delete-migration');
});
