// An eviction waits while its pod can move, and for no longer.
import test from 'ava';
import type { Migration } from '#core/api/migration.ts';
import type { Pod } from '#core/api/pod.ts';
import { decideEviction, type EvictionFacts } from './eviction.ts';

const now = new Date('2026-01-01T00:10:00Z');
const pod: Pod = { metadata: { name: 'shop-0', uid: 'u1' }, spec: { runtimeClassName: 'godwit', nodeName: 'a', containers: [] }, status: { phase: 'Running' } };
const policy: NonNullable<EvictionFacts['policy']> = {
  apiVersion: 'godwit.dev/v1alpha1', kind: 'InterruptionPolicy', metadata: { name: 'p' },
  spec: { selector: {}, action: 'Migrate', holdSeconds: 60, evictionDeadlineSeconds: 900, precedence: 0 },
};
function migration(creationTimestamp: string, succeeded: 'True' | 'False' | 'Unknown', finishedAt?: string): Migration {
  return {
    apiVersion: 'godwit.dev/v1alpha1', kind: 'Migration', metadata: { name: 'm', creationTimestamp },
    spec: { podName: 'shop-0', trigger: 'Drain', deadlineSeconds: 900, dryRun: false, cancel: false, ttlSecondsAfterFinished: 60 },
    status: { phase: 'HandingOver', conditions: [{ type: 'Succeeded', status: succeeded, reason: 'R', message: 'why', lastTransitionTime: creationTimestamp }], ...(finishedAt === undefined ? {} : { finishedAt }) },
  };
}
const recent = '2026-01-01T00:09:50Z';
const facts: EvictionFacts = { pod, policy, migration: undefined, arrivedBy: undefined, namesUid: false, nodeIsCordoned: true, exhaustedBudgets: [], own: false, now };

test('the first eviction begins a move, and says until when it waits', (t) => {
  const { verdict, begin } = decideEviction(facts);
  t.true(begin);
  t.like(verdict, { allowed: false, code: 429 });
  t.regex(verdict.allowed ? '' : verdict.message, /Eviction triggered evacuation .* 2026-01-01T00:25:00/);
});

test('the next ones wait for it, for a bounded time', (t) => {
  t.like(decideEviction({ ...facts, migration: migration(recent, 'Unknown') }), { begin: false, verdict: { allowed: false, code: 429 } });
  t.true(decideEviction({ ...facts, migration: migration('2025-12-31T00:00:00Z', 'Unknown') }).verdict.allowed);
});

test('a move that has failed lets the eviction through, with the reason', (t) => {
  const { verdict } = decideEviction({ ...facts, migration: migration(recent, 'False') });
  t.deepEqual(verdict.allowed && verdict.warnings?.[0]?.includes('why'), true);
});

test('a retry for the incarnation that has left is answered with not found', (t) => {
  const arrivedBy = migration(recent, 'True', recent);
  t.like(decideEviction({ ...facts, arrivedBy, nodeIsCordoned: false }), { begin: false, verdict: { allowed: false, code: 404 } });
  t.like(decideEviction({ ...facts, arrivedBy }), { begin: true });
  t.like(decideEviction({ ...facts, arrivedBy, nodeIsCordoned: false, namesUid: true }), { begin: true });
  t.like(decideEviction({ ...facts, arrivedBy: migration(recent, 'True', '2026-01-01T00:00:00Z'), nodeIsCordoned: false }), { begin: true });
});

const passing: [string, Partial<EvictionFacts>][] = [
  ['of another runtime class', { pod: { ...pod, spec: { ...pod.spec, runtimeClassName: 'runc' } } }],
  ['without a policy', { policy: undefined }],
  ['with policy Never', { policy: { ...policy, spec: { ...policy.spec, action: 'Never' } } }],
  ['that has completed', { pod: { ...pod, status: { phase: 'Succeeded' } } }],
  ['that a budget protects', { exhaustedBudgets: ['pdb'] }],
  ['evicted by ourselves', { own: true }],
  ['that is gone', { pod: undefined }],
];
for (const [what, more] of passing) test(`a pod ${what} is evicted as ever`, (t) => t.deepEqual(decideEviction({ ...facts, ...more }), { verdict: { allowed: true }, begin: false }));
