// A rehearsal: a dump that lets the program go on, before anything can be lost. When it is made, what it found, and
// what follows from it.
import { z } from 'zod';
import type { Note, Refusal } from '#core/api/handover.ts';

/**
 * Always: whatever it costs. WithinBudget: when the pause is expected to be short enough. Never: a dump that cannot
 * work is found in the freeze.
 */
export const rehearsalTimes = ['Always', 'WithinBudget', 'Never'] as const;

export const rehearsalPolicySchema = z.object({
  /**
   * Whether the dump is rehearsed before the pod is held: `WithinBudget` unless the pause would be longer than
   * `maxPauseMs`.
   */
  when: z.enum(rehearsalTimes).default('WithinBudget'),
  /** Longest pause that `WithinBudget` allows, as expected before it, in ms. */
  maxPauseMs: z.number().int().min(1).max(600_000).default(500),
});
export type RehearsalPolicy = z.infer<typeof rehearsalPolicySchema>;

export const rehearsalFiguresSchema = z.object({
  /** How long the program stood still for it. */
  pauseMs: z.number(),
  /** CRIU's part of it: from its first look to the last image. */
  dumpMs: z.number(),
  /** What the images of a real dump would take. */
  imageBytes: z.number(),
});
export type RehearsalFigures = z.infer<typeof rehearsalFiguresSchema>;

export interface RehearsalReport {
  refusals: Refusal[];
  notes: Note[];
  /** Absent when there was none, or it failed. */
  figures?: RehearsalFigures;
}

export const forecastSchema = z.object({
  /** Expected freeze of a move now. */
  freezeMs: z.number().int(),
  imageBytes: z.number().int(),
  /** What it cost to find out. */
  rehearsalPauseMs: z.number().int(),
});
export type Forecast = z.infer<typeof forecastSchema>;
