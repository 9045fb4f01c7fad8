// Freezes on a node take turns: two at a time share its cores and its network, and both last longer.
import { pause } from '#agent/engine/pause.ts';
import type { Clock } from '#core/clock.ts';

export class FreezeTurns {
  #last: Promise<void> = Promise.resolve();

  /**
   * Resolves when the freezes that asked before are over, and after `limitMs` in any case: who waits must not depend on others.
   * The caller ends its turn with the function that it gets; ending it again is harmless.
   */
  async take(clock: Clock, limitMs: number): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = Promise.all([before, promise]).then(() => undefined);
    await Promise.race([before, pause(clock, limitMs)]);
    return resolve;
  }
}
