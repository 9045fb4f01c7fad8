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

  /** Gives it to the handover that expects it, or keeps it until one does; resolves with whether one has it by `until` resolving, and rejects as `until` does. */
  async attend(arrival: Arrival, until: Promise<unknown>): Promise<boolean> {
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
