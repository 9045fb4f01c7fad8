// The loop of a controller: names wait in a queue, each is worked on by one worker at a time, failures come again
// later.
import { asGodwitError } from '#core/errors.ts';
import type { Clock } from '#core/clock.ts';
import type { Log } from '#core/log.ts';
import type { ObjectName } from '#core/kube/port.ts';

export interface Reconciler {
  name: string;
  /** Looks at the world afresh; the answer says when to look again without being asked. */
  reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }>;
  /** @default 4 */
  workers?: number;
}

const backOffMs = { first: 50, last: 30_000 };
const keyOf = ({ name, namespace }: ObjectName): string => `${namespace ?? ''}/${name}`;

export class Controller {
  readonly #reconciler: Reconciler;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #waiting = new Map<string, ObjectName>();
  readonly #working = new Map<string, Promise<void>>();
  /** Names that changed while they were worked on. */
  readonly #again = new Map<string, ObjectName>();
  readonly #timers = new Map<string, { dueMs: number; cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  #closed = false;

  constructor(reconciler: Reconciler, clock: Clock, log: Log) {
    this.#reconciler = reconciler;
    this.#clock = clock;
    this.#log = log;
  }

  get depth(): number {
    return this.#waiting.size + this.#working.size;
  }

  add(name: ObjectName): void {
    if (this.#closed) return;
    const key = keyOf(name);
    if (this.#working.has(key)) this.#again.set(key, name);
    else this.#waiting.set(key, name);
    this.#next();
  }

  addAfter(name: ObjectName, delayMs: number): void {
    if (this.#closed) return;
    const key = keyOf(name);
    const dueMs = this.#clock.nowMs() + delayMs;
    const timer = this.#timers.get(key);
    if (timer !== undefined && timer.dueMs <= dueMs) return;
    timer?.cancel();
    const cancel = this.#clock.after(delayMs, () => {
      this.#timers.delete(key);
      this.add(name);
    });
    this.#timers.set(key, { dueMs, cancel });
  }

  /** Nothing new begins; resolves when what runs has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
    await Promise.all(this.#working.values());
  }

  #next(): void {
    for (const [key, name] of this.#waiting) {
      if (this.#working.size >= (this.#reconciler.workers ?? 4)) return;
      this.#waiting.delete(key);
      // Not before it is among those that are worked on: it may add itself, or throw at once.
      this.#working.set(
        key,
        Promise.resolve().then(() => this.#work(key, name)),
      );
    }
  }

  async #work(key: string, name: ObjectName): Promise<void> {
    try {
      const { requeueAfterMs } = await this.#reconciler.reconcile(name);
      this.#failures.delete(key);
      if (requeueAfterMs !== undefined) this.addAfter(name, requeueAfterMs);
    } catch (thrown) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const { code, message } = asGodwitError(thrown);
      this.#log.warn(
        { controller: this.#reconciler.name, object: key, code, error: message, failures },
        'Reconciling failed and is tried again',
      );
      this.addAfter(name, Math.min(backOffMs.first * 2 ** (failures - 1), backOffMs.last));
    } finally {
      this.#working.delete(key);
      const again = this.#again.get(key);
      this.#again.delete(key);
      if (again !== undefined && !this.#closed) this.#waiting.set(key, again);
      this.#next();
    }
  }
}
