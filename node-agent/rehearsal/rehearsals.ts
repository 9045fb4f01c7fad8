// The rehearsals of a node: one at a time for each container, not again within minutes, and what their failures mean.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RehearsalFigures, RehearsalPolicy, RehearsalReport } from '#core/api/rehearsal.ts';
import { asGodwitError, type GodwitError } from '#core/errors.ts';
import { expectedPauseMs, reasonAgainst, type Pause, type Size } from '#agent/rehearsal/expected-pause.ts';
import { remedyFor } from '#agent/rehearsal/remedies.ts';

/** Whoever mends the cause asks again soon. */
const badForMs = 5_000;
/** Connections and processes come and go while CRIU looks: what fails twice is no accident. */
const attempts = 2;
const betweenAttemptsMs = 200;
const keptPauses = 16;
/** Of what was expected, before a dump is given up. */
const limit = { times: 4, atLeastMs: 5_000 };

export interface Rehearsed {
  container: string;
  size: Size;
  policy: RehearsalPolicy;
  /** What the result depends on: the same container with the same programs. */
  fingerprint: string;
  /** Why CRIU would not find what a move finds. */
  obstacle: string | undefined;
  run(limitMs: number): Promise<RehearsalFigures>;
}

interface Kept {
  fingerprint: string;
  report: RehearsalReport;
  until: number;
}

export interface Rehearsals {
  rehearse(subject: Rehearsed): Promise<RehearsalReport>;
  /** Work on a container that looks paused to others until it is done: they wait for it. */
  during<T>(container: string, work: () => Promise<T>): Promise<T>;
  /** Resolves when no rehearsal stops the container. */
  settled(container: string): Promise<void>;
  /** Calls `listener` after each rehearsal that took place. */
  observe(listener: (report: RehearsalReport) => void): void;
}

export class NodeRehearsals implements Rehearsals {
  readonly #goodForMs: number;
  readonly #underway = new Map<string, Promise<unknown>>();
  readonly #kept = new Map<string, Kept>();
  readonly #listeners: ((report: RehearsalReport) => void)[] = [];
  #pauses: Pause[] = [];

  /** @param goodForMs a plan and the move that follows it, the hold and its first handovers have one rehearsal */
  constructor(goodForMs: number) {
    this.#goodForMs = goodForMs;
  }

  async rehearse(subject: Rehearsed): Promise<RehearsalReport> {
    const { container, fingerprint, policy, size, obstacle } = subject;
    await this.settled(container);
    const kept = this.#kept.get(container);
    if (
      policy.when !== 'Never' &&
      kept !== undefined &&
      kept.fingerprint === fingerprint &&
      performance.now() < kept.until
    )
      return kept.report;
    const expectedMs = expectedPauseMs(size, this.#pauses);
    const against = reasonAgainst(policy, expectedMs) ?? obstacle;
    if (against !== undefined) return { refusals: [], notes: [leftOut(against)] };
    const report = await this.during(container, () =>
      this.#tryOut(subject, Math.max(limit.atLeastMs, limit.times * expectedMs)),
    );
    if (report.figures !== undefined)
      this.#pauses = [{ ...size, pauseMs: report.figures.pauseMs }, ...this.#pauses].slice(0, keptPauses);
    this.#kept.set(container, {
      fingerprint,
      report,
      until: performance.now() + (report.figures === undefined ? badForMs : this.#goodForMs),
    });
    for (const listener of this.#listeners) listener(report);
    return report;
  }

  async during<T>(container: string, work: () => Promise<T>): Promise<T> {
    const working = work();
    this.#underway.set(container, working);
    try {
      return await working;
    } finally {
      this.#underway.delete(container);
    }
  }

  async settled(container: string): Promise<void> {
    for (let work = this.#underway.get(container); work !== undefined; work = this.#underway.get(container))
      await Promise.allSettled([work]);
  }

  observe(listener: (report: RehearsalReport) => void): void {
    this.#listeners.push(listener);
  }

  async #tryOut({ run }: Rehearsed, limitMs: number): Promise<RehearsalReport> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return { refusals: [], notes: [], figures: await run(limitMs) };
      } catch (thrown) {
        const error = asGodwitError(thrown);
        if (error.code === 'ERR_DEADLINE' || (attempt === attempts && error.code !== 'ERR_DUMP'))
          return { refusals: [], notes: [leftOut(`it was given up: ${error.message}`)] };
        if (attempt === attempts) return { refusals: [refusalOf(error)], notes: [] };
        await sleep(betweenAttemptsMs);
      }
    }
  }
}

/** For the reference page. */
export const rehearsalFindings = [
  {
    check: 'rehearsal',
    code: 'PREFLIGHT_DUMP',
    about: 'A dump that lets the program go on failed twice: CRIU cannot save it. The fact quotes CRIU.',
  },
  {
    check: 'rehearsal',
    code: 'PREFLIGHT_REHEARSAL',
    about:
      'Noted, never refused: the dump was not tried, by the policy or since it would stop the program for too long, or it was given up.',
  },
] as const;

function leftOut(why: string) {
  return {
    code: 'PREFLIGHT_REHEARSAL',
    fact: `the dump was not rehearsed: ${why}`,
    remedy:
      'Allow a longer pause (`rehearsal` in the interruption policy, or in the configuration of the agent), or move it untested.',
  };
}

function refusalOf({ message, details }: GodwitError) {
  const lines = Array.isArray(details['criu']) ? details['criu'].map(String) : [];
  return {
    code: 'PREFLIGHT_DUMP',
    fact: `a rehearsal of the dump failed: ${lines.length > 0 ? lines.join('; ') : message}`,
    remedy: remedyFor(lines.length > 0 ? lines : [message]),
  };
}
