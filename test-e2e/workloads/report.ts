// What a workload's client reports: its own count is the oracle, whatever the servers and agents believe.
import { z } from 'zod';

export const silenceSchema = z.object({
  /** Unix time in milliseconds (with fractions) of the last answer before the silence. */
  atMs: z.number(),
  ms: z.number(),
});

export const reportSchema = z.object({
  /** Answers that were right. */
  operations: z.number(),
  /** Operations that the server acknowledged and later did not know, or never answered. */
  lost: z.number(),
  /** Operations that were carried out more than once. */
  duplicated: z.number(),
  /** Connections that broke. */
  resets: z.number(),
  /** Longest time that one connection waited for its next answer. */
  longestSilenceMs: z.number(),
  /** Silences of at least `silenceFloorMs` in order of time; those of several connections that overlap are one. */
  silences: z.array(silenceSchema),
  /** What went wrong, in words; empty when nothing did. At most 20. */
  faults: z.array(z.string()),
});

export const progressSchema = z.object({ atMs: z.number(), operations: z.number() });

/** One line of a client's stdout. */
export const lineSchema = z.union([
  z.object({ ready: z.literal(true) }),
  z.object({ progress: progressSchema }),
  z.object({ report: reportSchema }),
]);

export type Silence = z.infer<typeof silenceSchema>;
export type WorkloadReport = z.infer<typeof reportSchema>;
export type Progress = z.infer<typeof progressSchema>;

/** Shorter gaps are ordinary scheduling and are not listed. */
export const silenceFloorMs = 20;
