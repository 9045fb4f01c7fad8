// Status of an InterruptionPolicy: how many pods it selects, and whether it can have a say about them.
import { findCondition, withCondition, type Condition, type NewCondition } from '#core/api/conditions.ts';
import { policyFor, selectorFault, selects, type InterruptionPolicy } from '#core/api/interruption-policy.ts';
import { runtimeClassName } from '#core/api/names.ts';
import { isFinished, type Pod } from '#core/api/pod.ts';
import { policyReasons } from '#core/api/reasons.ts';

export interface PolicyFacts {
  policy: InterruptionPolicy;
  /** All of its namespace. */
  policies: readonly InterruptionPolicy[];
  pods: readonly Pod[];
  now: Date;
}

export type PolicyStatus = NonNullable<InterruptionPolicy['status']>;

export function policyStatus({ policy, policies, pods, now }: PolicyFacts): PolicyStatus {
  const {
    metadata: { generation },
    spec,
    status,
  } = policy;
  const selected = pods.filter((pod) => isTreated(pod) && selects(spec.selector, pod.metadata.labels));
  const winners = new Set(selected.map((pod) => policyFor(policies, pod.metadata.labels)?.metadata.name ?? ''));
  const shadow = shadowing(selected.length > 0 && !winners.has(policy.metadata.name) ? [...winners].toSorted() : []);
  const wanted = [
    readiness(policy),
    ...(shadow.status === 'True' || findCondition(status?.conditions, 'Shadowed') !== undefined ? [shadow] : []),
  ];
  const conditions = wanted.reduce<Condition[]>(
    (list, condition) => withCondition(list, { ...condition, observedGeneration: generation }, now),
    status?.conditions ?? [],
  );
  return { observedGeneration: generation, conditions, pods: selected.length };
}

/** Pods that policies are about. */
export function isTreated(pod: Pod): boolean {
  return pod.spec.runtimeClassName === runtimeClassName && !isFinished(pod);
}

function readiness({ spec }: InterruptionPolicy): NewCondition {
  const fault = selectorFault(spec.selector);
  return fault === undefined
    ? { type: 'Ready', status: 'True', reason: 'Active', message: policyReasons.Active }
    : { type: 'Ready', status: 'False', reason: 'SelectorInvalid', message: fault };
}

/** @param winners policies that win for all of its pods; none when it has a say itself */
function shadowing(winners: readonly string[]): NewCondition {
  return winners.length === 0
    ? { type: 'Shadowed', status: 'False', reason: 'Effective', message: policyReasons.Effective }
    : {
        type: 'Shadowed',
        status: 'True',
        reason: 'HigherPrecedence',
        message: `For every pod that it selects ${winners.join(', ')} wins by precedence or name`,
      };
}
