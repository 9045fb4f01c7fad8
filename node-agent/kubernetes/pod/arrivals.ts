// Where the `create` of a replacement's container meets the handover that waits for it.
import { GodwitError } from '#core/errors.ts';
import type { Arrival } from '#agent/runtime/pod-desk.ts';

interface Waiting {
  arrival: Arrival;
  /** Takes it off the list: its handover has it now. */
  take(): void;
}

const keyOf = (migration: string, container: string): string => `${migration}/${container}`;

export class Arrivals {
  readonly #expected = new Map<string, PromiseWithResolvers<Arrival>>();
  readonly #waiting = new Map<string, Waiting>();
  /** What becomes of those that handovers have. */
  readonly #given = new Map<Arrival, PromiseWithResolvers<'kept' | 'back'>>();

  /** Resolves with the `create` of that container of the Migration's replacement, also one that waits already. */
  expect(migration: string, container: string): Promise<Arrival> {
    const key = keyOf(migration, container);
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting.take();
      return Promise.resolve(waiting.arrival);
    }
    const expected = Promise.withResolvers<Arrival>();
    this.#expected.set(key, expected);
    return expected.promise;
  }

  /** The handover is over: nobody waits for containers of that replacement any more. */
  forget(migration: string): void {
    for (const key of this.#expected.keys()) if (key.startsWith(`${migration}/`)) this.#expected.delete(key);
  }

  /**
   * Gives it to the handover that expects it, or keeps it until one does. Resolves with true when a handover has kept
   * it, with false when none has it and `until` has resolved; rejects as `until` does. One that is given back waits for
   * the next handover.
   */
  async attend(arrival: Arrival, until: Promise<unknown>): Promise<boolean> {
    for (;;) {
      const given = Promise.withResolvers<'kept' | 'back'>();
      this.#given.set(arrival, given);
      if (!(await this.#offer(arrival, until))) break;
      if ((await given.promise) === 'kept') return true;
    }
    this.#given.delete(arrival);
    return false;
  }

  /** The handover has carried its `create` out. */
  keep(arrival: Arrival): void {
    this.#settle(arrival, 'kept');
  }

  /**
   * The handover was undone, and the `create` waits as before: a container that fails to start may be the end of its
   * pod.
   */
  giveBack(arrival: Arrival): void {
    this.#settle(arrival, 'back');
  }

  #settle(arrival: Arrival, outcome: 'kept' | 'back'): void {
    this.#given.get(arrival)?.resolve(outcome);
    this.#given.delete(arrival);
  }

  async #offer(arrival: Arrival, until: Promise<unknown>): Promise<boolean> {
    const { migration, container } = arrival.pod;
    if (migration === undefined) throw new GodwitError('ERR_INTERNAL', `container ${container} is no replacement`);
    const key = keyOf(migration, container);
    const expected = this.#expected.get(key);
    if (expected !== undefined) {
      this.#expected.delete(key);
      expected.resolve(arrival);
      return true;
    }
    const taken = Promise.withResolvers<boolean>();
    const waiting: Waiting = { arrival, take: () => this.#take(key, waiting, taken) };
    this.#waiting.set(key, waiting);
    try {
      return await Promise.race([taken.promise, until.then(() => false)]);
    } finally {
      if (this.#waiting.get(key) === waiting) this.#waiting.delete(key);
    }
  }

  #take(key: string, waiting: Waiting, taken: PromiseWithResolvers<boolean>): void {
    if (this.#waiting.get(key) === waiting) this.#waiting.delete(key);
    taken.resolve(true);
  }
}
