// How long a rehearsal would stop a program, before it does, and whether that is within the policy's budget.
import type { RehearsalPolicy } from '#core/api/rehearsal.ts';

export interface Size {
  memoryBytes: number;
  processes: number;
}

/** What one rehearsal of this node cost. */
export interface Pause extends Size {
  pauseMs: number;
}

/** Measured on two shared cores (docs/performance.md). */
const fixedMs = 60;
const perProcessMs = 6;
const perGibibyteMs = 115;
/** One odd measurement must not decide. */
const scales = { min: 0.5, max: 3 };

/** @param past rehearsals of this node: it may be faster or slower than the one that the constants were measured on */
export function expectedPauseMs(size: Size, past: readonly Pause[]): number {
  return Math.round(modelMs(size) * scaleOf(past.map((pause) => pause.pauseMs / modelMs(pause))));
}

/** Why there is no rehearsal; undefined when there is one. */
export function reasonAgainst({ when, maxPauseMs }: RehearsalPolicy, expectedMs: number): string | undefined {
  if (when === 'Never') return 'the policy says Never';
  if (when === 'Always' || expectedMs <= maxPauseMs) return undefined;
  return `it would stop the program for about ${expectedMs} ms, and the policy allows ${maxPauseMs} ms`;
}

/** The middle of what was measured against what was expected; 1 when nothing was. */
export function scaleOf(ratios: readonly number[]): number {
  const middle = ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? 1;
  return Math.min(scales.max, Math.max(scales.min, middle));
}

function modelMs({ memoryBytes, processes }: Size): number {
  return fixedMs + perProcessMs * Math.max(0, processes - 1) + (perGibibyteMs * memoryBytes) / 2 ** 30;
}
