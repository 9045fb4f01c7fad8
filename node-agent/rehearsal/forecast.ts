// What a move would freeze, from its rehearsal and from the moves that this node has made.
import type { HandoverRecord } from '#core/api/handover.ts';
import type { Forecast, RehearsalFigures } from '#core/api/rehearsal.ts';
import { scaleOf } from '#agent/rehearsal/expected-pause.ts';

/** Measured on two shared cores (docs/performance.md): images through the stream, and all that is not the dump. */
const bytesPerMs = 230_000;
const restMs = 60;
/** Older ones tell of another time of day, and of other neighbours. */
const keptMoves = 16;

/** Memory from a size on is copied before the freeze, until what is left takes no longer than the budget. */
export interface PreCopying {
  preCopyFromBytes: number;
  freezeBudgetMs: number;
}

/** @param records of this node, newest first */
export function forecastFreeze(
  figures: RehearsalFigures,
  records: readonly HandoverRecord[],
  { preCopyFromBytes, freezeBudgetMs }: PreCopying,
): Forecast {
  const past = records.flatMap(
    ({ role, state, measures: { freezeMs, imageBytes, memoryBytes = 0, rehearsalDumpMs } }) =>
      role === 'source' &&
      state === 'succeeded' &&
      freezeMs !== undefined &&
      imageBytes !== undefined &&
      rehearsalDumpMs !== undefined
        ? [freezeMs / modelMs(rehearsalDumpMs, imageBytes - memoryBytes)]
        : [],
  );
  const late = figures.imageBytes < preCopyFromBytes ? Infinity : freezeBudgetMs * bytesPerMs;
  return {
    freezeMs: Math.round(
      modelMs(figures.dumpMs, Math.min(figures.imageBytes, late)) * scaleOf(past.slice(0, keptMoves)),
    ),
    imageBytes: Math.round(figures.imageBytes),
    rehearsalPauseMs: Math.round(figures.pauseMs),
  };
}

function modelMs(dumpMs: number, imageBytes: number): number {
  return dumpMs + imageBytes / bytesPerMs + restMs;
}
