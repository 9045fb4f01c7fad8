// InterruptionPolicy: which pods of its namespace are moved when interrupted, and how long they may be held for it.
import { z } from 'zod';
import { conditionsSchema } from '#core/api/conditions.ts';
import { labelOf } from '#core/api/label-of.ts';
import { objectMetaSchema } from '#core/api/objects.ts';
import { groupVersion } from '#core/api/names.ts';
import { rehearsalPolicySchema } from '#core/api/rehearsal.ts';

const requirementSchema = z.object({
  key: z.string(),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).optional(),
});

export const labelSelectorSchema = z.object({
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z.array(requirementSchema).optional(),
});
export type LabelSelector = z.infer<typeof labelSelectorSchema>;

/**
 * With the bounds of Kubernetes' own labels: a rule over a list without bounds would be too dear for the API server.
 */
export const boundedSelectorSchema = labelSelectorSchema.extend({
  matchExpressions: z
    .array(
      requirementSchema.extend({ key: z.string().max(317), values: z.array(z.string().max(63)).max(64).optional() }),
    )
    .max(32)
    .optional(),
});

/** Migrate: hand the pod over to a replacement. Never: deliver the kill at once, as without Godwit. */
export const interruptionActions = ['Migrate', 'Never'] as const;

/**
 * Respect: an eviction that a PodDisruptionBudget forbids is refused by it. MoveAllowed: it starts a move all the same,
 * one pod of the budget at a time: a move is over in seconds.
 */
export const budgetAnswers = ['Respect', 'MoveAllowed'] as const;

export const interruptionPolicySpecSchema = z.object({
  /** Pods of this namespace; an empty selector selects all that have the runtime class. */
  selector: boundedSelectorSchema,
  action: z.enum(interruptionActions).default('Migrate'),
  /** How long a kill is held at most; then the signal is delivered. @default 60 */
  holdSeconds: z.number().int().min(1).max(3600).default(60),
  /** For how long evictions are answered with 429 before they are let through. @default 900 */
  evictionDeadlineSeconds: z.number().int().min(1).max(86_400).default(900),
  /** What a PodDisruptionBudget that allows no eviction means for a move. @default Respect */
  disruptionBudgets: z.enum(budgetAnswers).default('Respect'),
  /**
   * Whether the dump is tried before the pod is held, and how long that may stop it; left out, as the agent of the node
   * is configured.
   */
  rehearsal: rehearsalPolicySchema.optional(),
  /** Which policy wins where several select a pod: the highest; equal ones by name. @default 0 */
  precedence: z.number().int().min(-1000).max(1000).default(0),
});

export const interruptionPolicySchema = z.object({
  apiVersion: z.literal(groupVersion),
  kind: z.literal('InterruptionPolicy'),
  metadata: objectMetaSchema,
  spec: interruptionPolicySpecSchema,
  status: z
    .object({
      observedGeneration: z.number().int().optional(),
      /** Ready: the selector can be used. Shadowed: other policies win for all of its pods. */
      conditions: conditionsSchema.optional(),
      /** Pods selected now: those with the runtime class that have not come to their end. */
      pods: z.number().int().optional(),
    })
    .optional(),
});
export type InterruptionPolicy = z.infer<typeof interruptionPolicySchema>;

/** Whether `selector` selects an object with these labels. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Readonly<Record<string, string>> = {},
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labelOf(labels, key) === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labelOf(labels, key);
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      const among = value !== undefined && values.includes(value);
      return operator === 'In' ? among : !among;
    })
  );
}

/** What does not fit in the selector: an operator and its values; undefined when all does. */
export function selectorFault({ matchExpressions = [] }: LabelSelector): string | undefined {
  const wrong = matchExpressions.find(
    ({ operator, values = [] }) => (operator === 'In' || operator === 'NotIn') !== values.length > 0,
  );
  return wrong === undefined
    ? undefined
    : `${wrong.key}: ${wrong.operator} ${wrong.operator === 'In' || wrong.operator === 'NotIn' ? 'needs values' : 'takes no values'}`;
}

/** The policy that counts for a pod with these labels, of the policies of its namespace. */
export function policyFor(
  policies: readonly InterruptionPolicy[],
  labels: Readonly<Record<string, string>> | undefined,
): InterruptionPolicy | undefined {
  return policies
    .filter(({ spec }) => selects(spec.selector, labels))
    .toSorted((a, b) => b.spec.precedence - a.spec.precedence || a.metadata.name.localeCompare(b.metadata.name))[0];
}
