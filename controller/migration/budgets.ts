// Moves count as disruptions: never are more pods of one PodDisruptionBudget frozen or not ready than it allows.
import { demandOf, isBudgetOf, type DisruptionBudget } from '#core/api/disruption-budget.ts';
import type { Trigger } from '#core/api/migration.ts';
import { isFinished, isPodReady, type Pod } from '#core/api/pod.ts';

export interface BudgetFacts {
  pod: Pod;
  trigger: Trigger;
  /** Whether one move at a time may undercut a budget that allows none. */
  mayUndercut: boolean;
  budgets: readonly DisruptionBudget[];
  /** Of the pod's namespace. */
  pods: readonly Pod[];
  /** UIDs of pods that other moves take away now. */
  leaving: ReadonlySet<string>;
}

/** Nobody ends these pods while they wait; all others end in any case, by their deadline. */
const waiting: ReadonlySet<Trigger> = new Set<Trigger>(['User', 'Drain', 'Eviction']);

/** Which budget makes the move wait, and for what; undefined: none does. */
export function budgetWait({ pod, trigger, mayUndercut, budgets, pods, leaving }: BudgetFacts): string | undefined {
  if (!waiting.has(trigger)) return undefined;
  for (const budget of budgets.filter((one) => isBudgetOf(one, pod))) {
    if (budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow' && !isPodReady(pod)) continue;
    const present = pods.filter((one) => isBudgetOf(budget, one) && !isFinished(one));
    const others = present.filter(({ metadata: { uid } }) => uid !== pod.metadata.uid);
    const ready = others.filter((one) => isServing(one) && !leaving.has(one.metadata.uid ?? '')).length;
    const { wanted, expected } = demandOf(budget, present.length);
    const needed = mayUndercut || trigger === 'User' ? Math.min(wanted, Math.max(0, expected - 1)) : wanted;
    if (ready >= needed) continue;
    const away = others.length - ready;
    return `PodDisruptionBudget ${budget.metadata.name} wants ${wanted} of ${expected} pods ready, and ${away === 0 ? 'this one is needed' : `${away} beside this one ${away === 1 ? 'moves or is' : 'move or are'} not ready`}`;
  }
  return undefined;
}

const isServing = (pod: Pod): boolean => isPodReady(pod) && pod.metadata.deletionTimestamp === undefined;
