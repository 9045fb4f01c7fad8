// Owners that make pods, as far as Godwit asks whether they still want one.
import { z } from 'zod';
import { objectMetaSchema } from '#core/api/objects.ts';
import { podSpecSchema } from '#core/api/pod.ts';

/** Of what the owner makes pods. */
const podTemplateSchema = z.looseObject({
  metadata: z
    .looseObject({
      labels: z.record(z.string(), z.string()).optional(),
      annotations: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
  spec: podSpecSchema,
});

export const statefulSetSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z
    .looseObject({
      replicas: z.number().optional(),
      ordinals: z.looseObject({ start: z.number().optional() }).optional(),
      updateStrategy: z.looseObject({ type: z.string().optional() }).optional(),
      template: podTemplateSchema.optional(),
      volumeClaimTemplates: z.array(z.looseObject({ metadata: z.looseObject({ name: z.string() }) })).optional(),
    })
    .optional(),
  status: z.looseObject({ updateRevision: z.string().optional() }).optional(),
});
export type StatefulSet = z.infer<typeof statefulSetSchema>;

export const replicaSetSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({ replicas: z.number().optional(), template: podTemplateSchema.optional() }).optional(),
});
export type ReplicaSet = z.infer<typeof replicaSetSchema>;

export const jobSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({ suspend: z.boolean().nullish(), template: podTemplateSchema.optional() }).optional(),
  status: z
    .looseObject({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).optional() })
    .optional(),
});
export type Job = z.infer<typeof jobSchema>;

/** Whether the set has a place for a pod of that name. */
export function hasOrdinalOf({ metadata, spec }: StatefulSet, podName: string): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  const ordinal = Number(podName.slice(podName.lastIndexOf('-') + 1));
  const start = spec?.ordinals?.start ?? 0;
  return ordinal >= start && ordinal < start + (spec?.replicas ?? 1);
}

/** Whether the Job still runs pods. */
export function isRunningJob({ metadata, spec, status }: Job): boolean {
  const over = status?.conditions?.some(
    ({ type, status: value }) =>
      (type === 'Complete' || type === 'Failed' || type === 'FailureTarget' || type === 'SuccessCriteriaMet') &&
      value === 'True',
  );
  return metadata.deletionTimestamp === undefined && spec?.suspend !== true && over !== true;
}
