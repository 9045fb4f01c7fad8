// Counts what a client saw: right answers, wrong ones, and how long each connection was silent.
import { silenceFloorMs, type Progress, type Silence, type WorkloadReport } from '../report.ts';

const keptFaults = 20;

/** Unix time in milliseconds that never jumps while the process runs. */
export function unixMs(): number {
  return performance.timeOrigin + performance.now();
}

export class Oracle {
  #operations = 0;
  #lost = 0;
  #duplicated = 0;
  #resets = 0;
  #longestSilenceMs = 0;
  readonly #lastAnswer = new Map<number | string, number>();
  readonly #silences: Silence[] = [];
  readonly #faults: string[] = [];

  /** The connection expects answers from now on. */
  expect(connection: number | string, atMs = unixMs()): void {
    this.#lastAnswer.set(connection, atMs);
  }

  /** A right answer came. */
  answered(connection: number | string, atMs = unixMs()): void {
    this.#operations += 1;
    this.#closeSilence(connection, atMs);
    this.#lastAnswer.set(connection, atMs);
  }

  /**
   * The server's counter says `actual` where exactly `expected` is right: less means that it forgot acknowledged
   * operations, more that it carried some out twice. Returns whether it was right.
   */
  counted(connection: number | string, expected: number, actual: number): boolean {
    if (actual < expected) this.#lost += expected - actual;
    if (actual > expected) this.#duplicated += actual - expected;
    if (actual === expected) return true;
    this.#fault(`connection ${connection}: ${actual} instead of ${expected}`);
    return false;
  }

  lost(count: number, why: string): void {
    this.#lost += count;
    this.#fault(why);
  }

  broken(connection: number | string, why: string): void {
    this.#resets += 1;
    this.#closeSilence(connection, unixMs());
    this.#lastAnswer.delete(connection);
    this.#fault(`connection ${connection}: ${why}`);
  }

  progress(): Progress {
    return { atMs: unixMs(), operations: this.#operations };
  }

  report(): WorkloadReport {
    return {
      operations: this.#operations,
      lost: this.#lost,
      duplicated: this.#duplicated,
      resets: this.#resets,
      longestSilenceMs: this.#longestSilenceMs,
      silences: mergeSilences(this.#silences),
      faults: this.#faults,
    };
  }

  #closeSilence(connection: number | string, atMs: number): void {
    const last = this.#lastAnswer.get(connection);
    if (last === undefined) return;
    const ms = atMs - last;
    this.#longestSilenceMs = Math.max(this.#longestSilenceMs, ms);
    if (ms >= silenceFloorMs) this.#silences.push({ atMs: last, ms });
  }

  #fault(what: string): void {
    if (this.#faults.length < keptFaults) this.#faults.push(what);
  }
}

/** Union of the intervals, in order of time. */
export function mergeSilences(silences: readonly Silence[]): Silence[] {
  const merged: Silence[] = [];
  for (const { atMs, ms } of [...silences].sort((one, other) => one.atMs - other.atMs)) {
    const last = merged.at(-1);
    if (last && atMs <= last.atMs + last.ms) last.ms = Math.max(last.ms, atMs + ms - last.atMs);
    else merged.push({ atMs, ms });
  }
  return merged;
}
