// Time that passes only when nothing else can happen: hours of deadlines in milliseconds of test.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '#core/clock.ts';

interface Timer {
  atMs: number;
  task: () => void;
}

/** Turns of the event loop without a timer in which streams and promises come to rest. */
const restTurns = 4;

export class VirtualClock implements Clock {
  #nowMs = 0;
  #timers: Timer[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  date(): Date {
    return new Date(Date.UTC(2030, 0, 1) + this.#nowMs);
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets time pass until `done`, or until `limitMs` of it have; resolves with whether it was done. */
  async run(done: () => boolean, limitMs: number): Promise<boolean> {
    for (;;) {
      for (let turn = 0; turn < restTurns; turn += 1) await nextTurn();
      if (done()) return true;
      const next = this.#timers.reduce<Timer | undefined>(
        (first, timer) => (first === undefined || timer.atMs < first.atMs ? timer : first),
        undefined,
      );
      if (next === undefined || next.atMs > limitMs) return false;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#nowMs = next.atMs;
      next.task();
    }
  }
}
