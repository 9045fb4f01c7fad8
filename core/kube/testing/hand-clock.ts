// Time that passes only when a test says so.
import type { Clock } from '#core/clock.ts';

interface Timer {
  atMs: number;
  task: () => void;
}

export class HandClock implements Clock {
  readonly #wallAtStartMs: number;
  #nowMs: number;
  #timers: Timer[] = [];

  /** @param startMs monotonic time at the beginning; every machine has its own */
  constructor(startMs = 0, wall = new Date('2026-11-23T19:00:00.000Z')) {
    this.#nowMs = startMs;
    this.#wallAtStartMs = wall.getTime() - startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  date(): Date {
    return new Date(this.#wallAtStartMs + this.#nowMs);
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Milliseconds until each timer that is set, soonest first. */
  get pending(): number[] {
    return this.#timers.map(({ atMs }) => atMs - this.#nowMs).sort((a, b) => a - b);
  }

  /** Runs what becomes due, each at its time. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (let next = this.#next(); next !== undefined && next.atMs <= endMs; next = this.#next()) this.#run(next);
    this.#nowMs = endMs;
  }

  /** Lets time pass to the next timer and runs it; answers how long that was. */
  advanceToNext(): number {
    const next = this.#next();
    if (next === undefined) throw new Error('no timer is set');
    const passedMs = next.atMs - this.#nowMs;
    this.#run(next);
    return passedMs;
  }

  #next(): Timer | undefined {
    return this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
  }

  #run(next: Timer): void {
    this.#timers = this.#timers.filter((timer) => timer !== next);
    this.#nowMs = next.atMs;
    next.task();
  }
}
