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

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  date: () => new Date(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
