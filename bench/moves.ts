// Moves a workload back and forth and gathers what the records and the client say; the handover benchmarks share it.
import type { HandoverRecord, TimelineStep } from '#core/api/handover.ts';
import { GodwitError } from '#core/errors.ts';
import { move } from '#pair/move.ts';
import type { Pair } from '#pair/pair.ts';
import type { StableContainer } from '#pair/stable-container.ts';
import type { Silence } from '#workloads/workload.ts';
import { percentiles, round, type Percentiles } from './statistics.ts';

/**
 * `runs` moves between hosts a and b, starting at `a`; `between` is awaited after each. Ends at the first that fails
 * with ERR_... of its record.
 */
export async function moveRepeatedly(
  pair: Pair,
  container: StableContainer,
  runs: number,
  between: () => Promise<void>,
): Promise<HandoverRecord[]> {
  const records: HandoverRecord[] = [];
  let [from, to] = [pair.hosts.a, pair.hosts.b];
  for (let run = 1; run <= runs; run += 1) {
    const record = await move(pair, container.id, from, to);
    records.push(record);
    console.error(`move ${run}/${runs}: ${record.state}, frozen for ${round(record.measures.freezeMs ?? 0)} ms`);
    if (record.state === 'succeeded') [from, to] = [to, from];
    await between();
  }
  return records;
}

export const succeeded = (records: readonly HandoverRecord[]): HandoverRecord[] =>
  records.filter(({ state }) => state === 'succeeded');

export interface FreezeFigures {
  freezeMs: Percentiles;
  /** CRIU's own dump and restore. */
  criuMs: Percentiles;
  freezeToCriu: Percentiles;
}

export function freezeFigures(records: readonly HandoverRecord[]): FreezeFigures {
  const figures = succeeded(records).map(({ measures }) => {
    const { freezeMs, criuDumpMs, criuRestoreMs } = measures;
    if (freezeMs === undefined || criuDumpMs === undefined || criuRestoreMs === undefined)
      throw new GodwitError('ERR_INTERNAL', 'a record lacks its measures');
    return { freezeMs, criuMs: criuDumpMs + criuRestoreMs };
  });
  return {
    freezeMs: percentiles(figures.map(({ freezeMs }) => freezeMs)),
    criuMs: percentiles(figures.map(({ criuMs }) => criuMs)),
    freezeToCriu: percentiles(figures.map(({ freezeMs, criuMs }) => freezeMs / criuMs)),
  };
}

/**
 * How much longer than the freeze the client heard nothing; one value a move. A move that the client did not notice has
 * none.
 */
export function gapsMinusFreeze(records: readonly HandoverRecord[], silences: readonly Silence[]): number[] {
  return succeeded(records).flatMap(({ measures }) => {
    const { frozenAt = 0, resumedAt = 0, freezeMs = 0 } = measures;
    const heard = silences.filter(({ atMs, ms }) => atMs < resumedAt && atMs + ms > frozenAt).map(({ ms }) => ms);
    return heard.length === 0 ? [] : [Math.max(...heard) - freezeMs];
  });
}

/**
 * Where the time went in the move with the median freeze: every step with its start relative to the freeze and its
 * duration, ms.
 */
export function medianSteps(records: readonly HandoverRecord[]): Record<string, { startMs: number; ms: number }> {
  const sorted = succeeded(records).toSorted((a, b) => (a.measures.freezeMs ?? 0) - (b.measures.freezeMs ?? 0));
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  if (median === undefined) return {};
  const frozenAt = median.measures.frozenAt ?? 0;
  const row = ({ lane, step, startedAt, finishedAt }: TimelineStep) =>
    [`${lane}.${step}`, { startMs: round(startedAt - frozenAt), ms: round(finishedAt - startedAt) }] as const;
  return Object.fromEntries(median.timeline.map(row));
}
