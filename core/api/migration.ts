// Migration: one move of one pod, whoever asked for it. Its status is where source and target agent agree on the
// commit.
import { z } from 'zod';
import { conditionsSchema, findCondition, hasCondition } from '#core/api/conditions.ts';
import { errorRecordSchema, measuresSchema, refusalSchema, timelineStepSchema } from '#core/api/handover.ts';
import { forecastSchema } from '#core/api/rehearsal.ts';
import { objectMetaSchema, podReferenceSchema } from '#core/api/objects.ts';
import { groupVersion } from '#core/api/names.ts';
import type { MigrationReason } from '#core/api/reasons.ts';
import type { Node } from '#core/api/pod.ts';

/** Why a pod has to leave. */
export const triggers = ['User', 'Drain', 'Eviction', 'Preemption', 'Taint', 'NodeShutdown', 'Disruption'] as const;
export type Trigger = (typeof triggers)[number];

/**
 * How the replacement comes to be: `SameName` after the object is deleted (StatefulSet, bare pod), `NewName` beside the
 * terminating pod (ReplicaSet), `AfterDelete` under a new name once the object is deleted (Job, which counts a pod that
 * it sees terminate as a failed attempt).
 */
export const replacementStrategies = ['SameName', 'NewName', 'AfterDelete'] as const;
export type ReplacementStrategy = (typeof replacementStrategies)[number];

/**
 * Conditions in the order in which they become true:
 * - Admitted: preflight of the API side found nothing in the way (controller).
 * - Held: the source agent's preflight passed and it holds the containers (source agent).
 * - Claimed: a replacement is claimed and scheduled (controller).
 * - Committed: the point of no return is passed (source agent, with status.commit).
 * - Succeeded: True, False with the reason, or Unknown while it runs (controller).
 */
const migrationConditions = 'Admitted, Held, Claimed, Committed, Succeeded';

/** Derived from the conditions, for printing only. */
export const migrationPhases = [
  'Pending',
  'Holding',
  'Replacing',
  'HandingOver',
  'Releasing',
  'Succeeded',
  'Failed',
  'Cancelled',
] as const;
export type MigrationPhase = (typeof migrationPhases)[number];

const keptInPlace: MigrationReason = 'KeptInPlace';

/** As the API server names pods and nodes: nothing of it is a path. */
const dnsName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

export const migrationSpecSchema = z.object({
  /** Pod to move, in the Migration's namespace. */
  podName: z.string().min(1).max(253).regex(dnsName),
  /** Only this incarnation of the pod; the controller fills it in where a user left it out. */
  podUID: z.string().max(64).optional(),
  /** Node to move to; left out, placement chooses. */
  targetNodeName: z.string().min(1).max(253).regex(dnsName).optional(),
  /** Why the pod has to leave. */
  trigger: z.enum(triggers).default('User'),
  /** How long the move may take from creation to commit; afterwards it is rolled back. @default 120 */
  deadlineSeconds: z.number().int().min(1).max(86_400).default(120),
  /** Only say what stands in the way: nothing is held, deleted or moved. */
  dryRun: z.boolean().default(false),
  /** Ask for the roll-back; heeded until the commit. */
  cancel: z.boolean().default(false),
  /** When the finished Migration is deleted, at most a year later. @default 3600 */
  ttlSecondsAfterFinished: z.number().int().min(0).max(31_536_000).default(3600),
});

export const commitSchema = z.object({
  /** Which attempt was decided. */
  handover: z.string(),
  decision: z.enum(['committed', 'revoked']),
  /** Epoch of the stable IPs after the commit. */
  epoch: z.number().int().optional(),
  decidedAt: z.string(),
});

export const migrationStatusSchema = z.object({
  observedGeneration: z.number().int().optional(),
  phase: z.enum(migrationPhases).optional(),
  conditions: conditionsSchema.optional().describe(migrationConditions),
  strategy: z.enum(replacementStrategies).optional(),
  lineage: z.string().optional(),
  /** Of the replacement: one more than that of the source. */
  generation: z.number().int().optional(),
  source: podReferenceSchema
    .extend({
      /** Who makes the replacement. */
      owner: z.object({ kind: z.string(), name: z.string(), uid: z.string() }).optional(),
      /** Of an indexed Job: the replacement has the same. */
      completionIndex: z.string().optional(),
      /** Of what its processes were started with: the replacement has the same. */
      restoreHash: z.string().optional(),
    })
    .optional(),
  /**
   * The pod that was claimed as replacement: written before it may be scheduled, and believed by nobody but this
   * status.
   */
  target: podReferenceSchema.optional(),
  /** JSON of a bare pod, kept until its copy is made: nobody else remembers it. */
  podManifest: z.string().optional(),
  /** The copy of a bare pod was made: if it is gone, somebody deleted it. */
  copyMade: z.boolean().optional(),
  /** Until when the containers are held at the latest (source agent); afterwards the kill is delivered. */
  holdUntil: z.string().optional(),
  /**
   * No other node is tried any more: the replacement may only come to the node where the source still runs, and goes on
   * there (controller).
   */
  inPlace: z
    .object({
      /** Attempts up to this one went to other nodes, and commit no more. */
      after: z.number().int(),
      /** Why no other node has it. */
      why: z.string(),
    })
    .optional(),
  /** Attempts at the handover so far; each has the id `<Migration UID>-<attempt>`. */
  attempts: z.number().int().optional(),
  /** The arbiter: written once per attempt, by compare-and-set on resourceVersion. */
  commit: commitSchema.optional(),
  /** What the source agent saw of the last attempt. */
  handover: z
    .object({
      id: z.string(),
      state: z.string(),
      epoch: z.number().int().optional(),
      measures: measuresSchema.optional(),
      timeline: z.array(timelineStepSchema).optional(),
      error: errorRecordSchema.partial({ details: true }).optional(),
    })
    .optional(),
  /** What preflight found in the way. */
  refusals: z.array(refusalSchema).optional(),
  notes: z.array(refusalSchema).optional(),
  /** What the move was expected to freeze, from a rehearsal of the dump before the pod was held (source agent). */
  forecast: forecastSchema.optional(),
  startedAt: z.string().optional(),
  finishedAt: z.string().optional(),
  /** Rounded, for the printer column; exact in handover.measures. */
  freezeMs: z.number().int().optional(),
});
export type MigrationStatus = z.infer<typeof migrationStatusSchema>;

export const migrationSchema = z.object({
  apiVersion: z.literal(groupVersion),
  kind: z.literal('Migration'),
  metadata: objectMetaSchema,
  spec: migrationSpecSchema,
  status: migrationStatusSchema.optional(),
});
export type Migration = z.infer<typeof migrationSchema>;

/** Whether the move is neither done nor given up. */
export function isUnderway({ status }: Pick<Migration, 'status'>): boolean {
  return (
    !hasCondition(status?.conditions, 'Succeeded', 'True') && !hasCondition(status?.conditions, 'Succeeded', 'False')
  );
}

/** Whether it is over, and the processes go on in the replacement: on another node, or where they were. */
export function hasHandedOver({ status }: Pick<Migration, 'status'>): boolean {
  const end = findCondition(status?.conditions, 'Succeeded');
  return end?.status === 'True' || (end?.status === 'False' && end.reason === keptInPlace);
}

/** Whether it moves that pod (UID), or has done so: a dry run moves nothing. */
export function movesPod({ spec, status }: Migration, podUid: string | undefined): boolean {
  return podUid !== undefined && !spec.dryRun && (status?.source?.uid ?? spec.podUID) === podUid;
}

/** The newest first. */
export function byAge(a: Migration, b: Migration): number {
  return (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '');
}

/**
 * Whether the move of an interrupted pod was given up less than `withinSeconds` ago: the interruption takes its course,
 * and is not answered by another move.
 */
export function gaveUpLately({ spec, status }: Migration, now: Date, withinSeconds: number): boolean {
  const end = findCondition(status?.conditions, 'Succeeded');
  if (spec.trigger === 'User' || end?.status !== 'False' || end.reason === 'Cancelled') return false;
  return now.getTime() - Date.parse(status?.finishedAt ?? '') < withinSeconds * 1000;
}

/** Whether a user asked for the roll-back; who deletes it asks for that too. */
export function isCancelled({ metadata, spec }: Migration): boolean {
  return spec.cancel || metadata.deletionTimestamp !== undefined;
}

/** A roll-back that repeats itself ends the Migration; the deadline does so at the latest. */
export const maxAttempts = 10;
/** And so many more when no other node is tried any more. */
export const maxAttemptsInPlace = 3;

/**
 * States in `status.handover` by which a source agent says how a Migration that failed has ended there: `released`, the
 * source has ended without a handover; `kept`, its pod was not deleted and runs on.
 */
export const releasedState = 'released';
export const keptState = 'kept';

/** Whether the node is gone for good, so that nothing runs there any more: deleted, or declared out of service. */
export function isNodeGone(node: Node | undefined): boolean {
  return node === undefined || (node.spec?.taints ?? []).some(({ key }) => key === 'node.kubernetes.io/out-of-service');
}

/**
 * Whether processes that a Migration held and did not move may run on, although the API may know nothing of their pod
 * any more.
 */
export function sourceMayRun({ status }: Migration, sourceNode: Node | undefined): boolean {
  const held = hasCondition(status?.conditions, 'Held') && status?.source !== undefined;
  return held && !hasHandedOver({ status }) && !isLetGo(status) && !isNodeGone(sourceNode);
}

/** Whether the source agent has nothing more to do with the pod. */
export function isLetGo(status: MigrationStatus | undefined): boolean {
  const state = status?.handover?.state;
  return state === releasedState || state === keptState;
}

/** Whether it moves an earlier pod of that name: beside its processes the pod would be a second instance. */
export function isFormerSelf({ spec, status }: Migration, pod: { name: string; uid?: string | undefined }): boolean {
  return status?.strategy === 'SameName' && spec.podName === pod.name && status.source?.uid !== pod.uid;
}
