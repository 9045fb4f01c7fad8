// Backpressure across threads: the worker may be a few frames ahead of the sink, not more.
import { GodwitError } from '#core/errors.ts';

/** Frames of 1 MiB that may be under way: enough to read the next one while the last is being sent. */
const windowFrames = 4;

export class FrameCredit {
  #left = windowFrames;
  #isRefused = false;
  #wake: () => void = () => {};

  /** Resolves when one more frame may be sent; ERR_ABORTED when none will be taken any more. */
  async take(): Promise<void> {
    while (this.#left === 0 && !this.#isRefused) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    if (this.#isRefused) throw new GodwitError('ERR_ABORTED', 'sending of files was given up');
    this.#left -= 1;
  }

  give(): void {
    this.#left += 1;
    this.#wake();
  }

  refuse(): void {
    this.#isRefused = true;
    this.#wake();
  }
}
