// The API server's wall clock: times in objects are compared by it, so that a node or a replica whose own clock is
// wrong decides like all others.
import type { Clock } from '#core/clock.ts';

/** Answers tell whole seconds, and take a while: a smaller difference is none. */
const toleranceMs = 2_000;

export class ServerClock implements Clock {
  readonly #own: Clock;
  #aheadMs = 0;

  /** @param own for durations, and until the server has been heard */
  constructor(own: Clock) {
    this.#own = own;
  }

  /** The `Date` of an answer that has just come. */
  hear(date: string | undefined): void {
    const serverMs = Date.parse(date ?? '') + 500;
    if (Number.isNaN(serverMs)) return;
    const aheadMs = serverMs - this.#own.date().getTime();
    if (Math.abs(aheadMs - this.#aheadMs) > toleranceMs) this.#aheadMs = Math.abs(aheadMs) > toleranceMs ? aheadMs : 0;
  }

  nowMs(): number {
    return this.#own.nowMs();
  }

  date(): Date {
    return new Date(this.#own.date().getTime() + this.#aheadMs);
  }

  after(delayMs: number, task: () => void): () => void {
    return this.#own.after(delayMs, task);
  }
}
