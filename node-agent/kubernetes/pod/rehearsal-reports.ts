// Rehearsals of a pod's containers as one: they are dumped side by side in a move, and rehearsed one after the other.
import type { RehearsalFigures, RehearsalReport } from '#core/api/rehearsal.ts';

/** The same, saying which container it is about. */
export function ofContainer(report: RehearsalReport, container: string): RehearsalReport {
  const name = <Entry extends { fact: string }>(entries: readonly Entry[]): Entry[] =>
    entries.map((entry) => ({ ...entry, fact: `${container}: ${entry.fact}` }));
  return { ...report, refusals: name(report.refusals), notes: name(report.notes) };
}

/** Without figures unless all have them: of a part there is nothing to foretell. */
export function together(reports: readonly RehearsalReport[]): RehearsalReport {
  const figures = reports.flatMap((report) => report.figures ?? []);
  return {
    refusals: reports.flatMap(({ refusals }) => refusals),
    notes: reports.flatMap(({ notes }) => notes),
    ...(figures.length === reports.length ? { figures: sideBySide(figures) } : {}),
  };
}

function sideBySide(figures: readonly RehearsalFigures[]): RehearsalFigures {
  return {
    pauseMs: Math.max(...figures.map(({ pauseMs }) => pauseMs)),
    dumpMs: Math.max(...figures.map(({ dumpMs }) => dumpMs)),
    imageBytes: figures.reduce((sum, { imageBytes }) => sum + imageBytes, 0),
  };
}
