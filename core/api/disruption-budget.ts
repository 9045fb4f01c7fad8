// PodDisruptionBudgets: how many pods of a set have to be ready, as far as Godwit asks.
import { z } from 'zod';
import { labelSelectorSchema, selects } from '#core/api/interruption-policy.ts';
import { objectMetaSchema } from '#core/api/objects.ts';
import type { Pod } from '#core/api/pod.ts';

const intOrPercent = z.union([z.number(), z.string()]);

export const disruptionBudgetSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z
    .looseObject({
      selector: labelSelectorSchema.nullish(),
      minAvailable: intOrPercent.optional(),
      maxUnavailable: intOrPercent.optional(),
      unhealthyPodEvictionPolicy: z.string().optional(),
    })
    .optional(),
  status: z
    .looseObject({
      observedGeneration: z.number().optional(),
      disruptionsAllowed: z.number().optional(),
      desiredHealthy: z.number().optional(),
      expectedPods: z.number().optional(),
    })
    .optional(),
});
export type DisruptionBudget = z.infer<typeof disruptionBudgetSchema>;

/** A budget without a selector is about no pod, one with an empty selector about all of its namespace. */
export function isBudgetOf({ metadata, spec }: DisruptionBudget, pod: Pick<Pod, 'metadata'>): boolean {
  const selector = spec?.selector;
  return (
    metadata.namespace === pod.metadata.namespace &&
    selector !== undefined &&
    selector !== null &&
    selects(selector, pod.metadata.labels)
  );
}

/**
 * How many of the set's pods the budget wants ready, and how many there are to be. The API server counts both, since
 * percentages are of what the pods' owners want; what it has not counted yet is taken from the spec.
 *
 * @param present pods of the budget that are there
 */
export function demandOf(
  { metadata, spec, status }: DisruptionBudget,
  present: number,
): { wanted: number; expected: number } {
  const isCounted = status?.desiredHealthy !== undefined && status.observedGeneration === metadata.generation;
  const expected = (isCounted ? status.expectedPods : undefined) ?? present;
  if (isCounted) return { wanted: status.desiredHealthy ?? 0, expected };
  if (spec?.minAvailable !== undefined) return { wanted: shareOf(spec.minAvailable, expected), expected };
  return { wanted: Math.max(0, expected - shareOf(spec?.maxUnavailable ?? 0, expected)), expected };
}

/** Percentages are rounded up, as the API server does. */
function shareOf(amount: number | string, of: number): number {
  const percent = typeof amount === 'string' && amount.endsWith('%') ? Number(amount.slice(0, -1)) : undefined;
  return percent === undefined ? Number(amount) : Math.ceil((percent * of) / 100);
}
