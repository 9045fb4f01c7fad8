// When memory has been copied often enough while its program runs.
import type { GodwitError } from '#core/errors.ts';

/** What one round sent, and how long it took. */
export interface MemoryRound {
  bytes: number;
  ms: number;
}

/** What was copied while the program ran. */
export interface MemoryCopy {
  rounds: MemoryRound[];
  /** Why it was given up, and all goes through the freeze. */
  failure?: GodwitError;
}

export interface PreCopyLimits {
  /** What is written since the last round may take so long in the freeze. */
  budgetMs: number;
  rounds: number;
}

/** A round that is not smaller than this share of the one before shows that more rounds gain nothing. */
const shrinks = 0.8;
/** All rounds together take so many times the first one at most, since a held pod has not much time. */
const mostFirsts = 2;

/** Whether another round makes the freeze shorter. */
export function isWorthARound(done: readonly MemoryRound[], limits: PreCopyLimits): boolean {
  const [last, before] = [done.at(-1), done.at(-2)];
  if (last === undefined) return true;
  const first = done[0] ?? last;
  if (done.reduce((sum, { ms }) => sum + ms, 0) >= mostFirsts * first.ms) return false;
  if (done.length >= limits.rounds || freezeMs(last, first) <= limits.budgetMs) return false;
  return before === undefined || last.bytes < shrinks * before.bytes;
}

/** How long what the round sent would take at the speed of the first one, which sends all there is. */
function freezeMs(round: MemoryRound, first: MemoryRound): number {
  return first.bytes === 0 ? 0 : (round.bytes * first.ms) / first.bytes;
}
