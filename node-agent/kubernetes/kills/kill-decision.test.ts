// Every kill is judged by what is known of its pod; whatever is unknown is delivered.
import test from 'ava';
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import type { Migration } from '#core/api/migration.ts';
import type { Pod } from '#core/api/pod.ts';
import { decideKill, type KillFacts } from './kill-decision.ts';

const now = new Date('2026-01-01T00:00:00Z');
const at = (seconds: number): string => new Date(now.getTime() + seconds * 1000).toISOString();
const condition = (type: string, status: 'True' | 'False' = 'True', reason = 'R') => ({ type, status, reason, message: '', lastTransitionTime: at(0) });

function pod(more: Partial<Pod['status']> = {}, runtimeClassName = 'godwit'): Pod {
  return { metadata: { name: 'shop-0', uid: 'u1' }, spec: { runtimeClassName, containers: [{ name: 'app' }] }, status: { phase: 'Running', ...more } };
}
function policy(action: 'Migrate' | 'Never'): InterruptionPolicy {
  return {
    apiVersion: 'godwit.dev/v1alpha1', kind: 'InterruptionPolicy', metadata: { name: 'p' },
    spec: { selector: {}, action, holdSeconds: 60, evictionDeadlineSeconds: 900, precedence: 0 },
  };
}
function migration(conditions: ReturnType<typeof condition>[], holdUntil?: string): Migration {
  return {
    apiVersion: 'godwit.dev/v1alpha1', kind: 'Migration', metadata: { name: 'm' },
    spec: { podName: 'shop-0', trigger: 'User', deadlineSeconds: 120, dryRun: false, cancel: false, ttlSecondsAfterFinished: 3600 },
    status: { conditions, ...(holdUntil === undefined ? {} : { holdUntil }) },
  };
}
const interrupted = (reason: string) => pod({ conditions: [{ type: 'DisruptionTarget', status: 'True', reason }] });

const cases: [string, Partial<KillFacts>, { decision: string; reason: string; holdMs?: number }][] = [
  ['an unknown pod', { pod: undefined }, { decision: 'deliver', reason: 'UnknownPod' }],
  ['a pod of another runtime class', { pod: pod({}, 'runc') }, { decision: 'deliver', reason: 'NotOptedIn' }],
  ['a pod that no policy selects', { policy: undefined }, { decision: 'deliver', reason: 'NotOptedIn' }],
  ['a user\'s delete, a scale-down, a rollout', {}, { decision: 'deliver', reason: 'NotInterrupted' }],
  ['a completed pod', { pod: pod({ phase: 'Succeeded' }) }, { decision: 'deliver', reason: 'Finished' }],
  ['preemption', { pod: interrupted('PreemptionByScheduler') }, { decision: 'hold', reason: 'PreemptionByScheduler', holdMs: 60_000 }],
  ['eviction', { pod: interrupted('EvictionByEvictionAPI') }, { decision: 'hold', reason: 'EvictionByEvictionAPI', holdMs: 60_000 }],
  ['a taint', { pod: interrupted('DeletionByTaintManager') }, { decision: 'hold', reason: 'DeletionByTaintManager', holdMs: 60_000 }],
  ['policy Never', { pod: interrupted('PreemptionByScheduler'), policy: policy('Never') }, { decision: 'deliver', reason: 'PolicyNever' }],
  ['a node that is shutting down', { nodeIsShuttingDown: true }, { decision: 'hold', reason: 'NodeShutdown', holdMs: 60_000 }],
  ['a Migration that holds, its object gone', { pod: undefined, migration: migration([condition('Held')], at(30)) }, { decision: 'hold', reason: 'Migration', holdMs: 30_000 }],
  ['a Migration that does not hold yet', { migration: migration([condition('Admitted')]) }, { decision: 'deliver', reason: 'NotInterrupted' }],
  ['a Migration whose hold is over', { migration: migration([condition('Held')], at(-1)) }, { decision: 'deliver', reason: 'HoldExpired' }],
  ['a Migration that has failed', { migration: migration([condition('Held'), condition('Succeeded', 'False')], at(30)) }, { decision: 'deliver', reason: 'NotInterrupted' }],
];

for (const [what, facts, wanted] of cases) {
  test(`${what}: ${wanted.decision}`, (t) => {
    t.deepEqual(decideKill({ pod: pod(), migration: undefined, policy: policy('Migrate'), nodeIsShuttingDown: false, now, ...facts }), wanted);
  });
}
