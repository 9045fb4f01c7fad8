// What the local control API says about containers and handovers; the CLI, tests and benchmarks read exactly this.
import { z } from 'zod';
import { forecastSchema } from '#core/api/rehearsal.ts';

/** A check that stands in the way, found before anything is frozen: a value, never an exception. */
export const refusalSchema = z.object({
  /** Stable code, e.g. `PREFLIGHT_IO_URING`. */
  code: z.string(),
  /** What was found, with the numbers or names that were found. */
  fact: z.string(),
  /** What the reader can do about it. */
  remedy: z.string(),
});
export type Refusal = z.infer<typeof refusalSchema>;

/** Worth knowing but not in the way (e.g. sockets that will be reset because their address cannot follow). */
export type Note = Refusal;

export const errorRecordSchema = z.object({
  code: z.string(),
  reason: z.string(),
  message: z.string(),
  remedy: z.string(),
  retryable: z.boolean(),
  details: z.record(z.string(), z.unknown()),
});

/** Both agents' steps on one time axis: the target's clock is corrected to the source's. */
export const timelineStepSchema = z.object({
  lane: z.enum(['source', 'target']),
  /**
   * e.g. `prepare`, `pre-copy`, `freeze`, `gate`, `dump`, `stream`, `restore`, `commit`, `activate`, `replay`,
   * `release`.
   */
  step: z.string(),
  /** Milliseconds since the epoch, with fractions. */
  startedAt: z.number(),
  finishedAt: z.number(),
  bytes: z.number().int().nonnegative().optional(),
});
export type TimelineStep = z.infer<typeof timelineStepSchema>;

export const sourceStates = [
  'preparing',
  'awaiting-pages',
  'copying',
  'freezing',
  'dumping',
  'restoring',
  'committing',
  'activating',
  'releasing',
  'succeeded',
  'reclaiming',
  'rolling-back',
  'rolled-back',
  'refused',
] as const;
export const targetStates = [
  'preparing',
  'receiving',
  'restoring',
  'awaiting-commit',
  'activating',
  'succeeded',
  'undoing',
  'rolled-back',
  'refused',
] as const;
/** States in which nothing moves any more. */
export const terminalStates = ['succeeded', 'rolled-back', 'refused'] as const;

export const measuresSchema = z.object({
  /** No instruction of the workload ran between these two (epoch ms); absent before the freeze ended. */
  frozenAt: z.number().optional(),
  resumedAt: z.number().optional(),
  freezeMs: z.number().optional(),
  /** CRIU's own share of the freeze, from its logs. */
  criuDumpMs: z.number().optional(),
  criuRestoreMs: z.number().optional(),
  /** Of the rehearsal before it: how long the workload stood still, and CRIU's part of that. */
  rehearsalPauseMs: z.number().optional(),
  rehearsalDumpMs: z.number().optional(),
  imageBytes: z.number().optional(),
  /** Bytes that crossed the wire between the agents: images and files. */
  wireBytes: z.number().optional(),
  /** Largest size of the image memory on either node. */
  peakImageBytes: z.number().optional(),
  /** How often memory was copied while the program ran, and how much of it. */
  memoryRounds: z.number().optional(),
  memoryBytes: z.number().optional(),
  files: z.number().optional(),
  fileBytes: z.number().optional(),
  /** Files sent inside the freeze. */
  lateFiles: z.number().optional(),
  connections: z.number().optional(),
  parkedFrames: z.number().optional(),
  droppedFrames: z.number().optional(),
});
export type Measures = z.infer<typeof measuresSchema>;

export const handoverRecordSchema = z.object({
  id: z.string(),
  role: z.enum(['source', 'target']),
  container: z.string(),
  from: z.string(),
  to: z.string(),
  state: z.enum([...sourceStates, ...targetStates]),
  /** ISO 8601. */
  startedAt: z.string(),
  finishedAt: z.string().optional(),
  /** Epoch of the stable links after the handover; absent without stable links. */
  epoch: z.number().int().optional(),
  timeline: z.array(timelineStepSchema),
  measures: measuresSchema,
  refusals: z.array(refusalSchema),
  notes: z.array(refusalSchema),
  error: errorRecordSchema.optional(),
});
export type HandoverRecord = z.infer<typeof handoverRecordSchema>;

export const containerSummarySchema = z.object({
  id: z.string(),
  /** containerd namespace. */
  namespace: z.string(),
  image: z.string(),
  pid: z.number().int(),
  /** Stable addresses with prefix, and their epoch. */
  addresses: z.array(z.string()),
  epoch: z.number().int().optional(),
  startedAt: z.string(),
  /** Handover in progress, if any. */
  handover: z.string().optional(),
});
export type ContainerSummary = z.infer<typeof containerSummarySchema>;

export const planSchema = z.object({
  container: z.string(),
  from: z.string(),
  to: z.string(),
  /** One entry a check that ran, in order. */
  checks: z.array(z.object({ check: z.string(), ok: z.boolean(), fact: z.string() })),
  refusals: z.array(refusalSchema),
  notes: z.array(refusalSchema),
  /** What a move would freeze, from a rehearsal; absent without one. */
  forecast: forecastSchema.optional(),
  estimate: z.object({ memoryBytes: z.number(), files: z.number(), fileBytes: z.number(), connections: z.number() }),
});
export type Plan = z.infer<typeof planSchema>;

export const diagnosisSchema = z.object({
  node: z.string(),
  checks: z.array(z.object({ check: z.string(), ok: z.boolean(), fact: z.string(), remedy: z.string().optional() })),
});
export type Diagnosis = z.infer<typeof diagnosisSchema>;

/** Body of POST /v1/plans and POST /v1/handovers. */
export const handoverRequestSchema = z.strictObject({
  /** Container id, or a unique prefix of it. */
  container: z.string().min(1).max(256),
  /** Node name of the target: a peer of this agent. */
  to: z.string().min(1).max(253),
});
export type HandoverRequest = z.infer<typeof handoverRequestSchema>;
