// Conditions as the Kubernetes API conventions have them, and how they change.
import { z } from 'zod';

export const conditionSchema = z.object({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  /** One CamelCase word, stable for machines. */
  reason: z.string(),
  message: z.string(),
  lastTransitionTime: z.string().meta({ format: 'date-time' }),
  observedGeneration: z.number().int().optional(),
});
export type Condition = z.infer<typeof conditionSchema>;

/** A list of conditions, keyed by type. */
export const conditionsSchema = z
  .array(conditionSchema)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });

export type NewCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'> & {
  observedGeneration?: number | undefined;
};

/** `conditions` with `wanted` in it; its transition time changes only with its status. */
export function withCondition(conditions: readonly Condition[], wanted: NewCondition, now: Date): Condition[] {
  const earlier = findCondition(conditions, wanted.type);
  const { observedGeneration, ...rest } = wanted;
  const next: Condition = {
    ...rest,
    lastTransitionTime:
      earlier?.status === wanted.status ? earlier.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/, 'Z'),
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  };
  return earlier === undefined
    ? [...conditions, next]
    : conditions.map((condition) => (condition.type === wanted.type ? next : condition));
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Whether the condition is there with that status. */
export function hasCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
  status: Condition['status'] = 'True',
): boolean {
  return findCondition(conditions, type)?.status === status;
}
