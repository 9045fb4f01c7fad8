// Time as an argument: deadlines and durations are testable without waiting.

/** Monotonic milliseconds for durations, wall time for people, and a timer that can be cancelled. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start; use only differences. */
  nowMs(): number;
  /** Wall-clock time, for logs and journals. */
  date(): Date;
  /** Runs `task` after `delayMs`; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

/** A longer timer would fire at once. */
const longestTimerMs = 2 ** 31 - 1;
/** Timers may fire a little early. */
const shortestTimerMs = 2;

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  date: () => new Date(),
  after(delayMs, task) {
    const endMs = performance.now() + delayMs;
    let timer = setTimeout(over, Math.min(delayMs, longestTimerMs));
    function over(): void {
      const leftMs = endMs - performance.now();
      if (leftMs > shortestTimerMs) timer = setTimeout(over, Math.min(leftMs, longestTimerMs));
      else task();
    }
    return () => clearTimeout(timer);
  },
};
