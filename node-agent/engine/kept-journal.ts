// A journal that may not take an entry now: what must not wait for it goes on, and the entry is written as soon as the
// disk takes it.
import type { Clock } from '#core/clock.ts';
import { pause } from '#core/pause.ts';
import type { Journal, JournalEntry } from '#agent/engine/journal.ts';

const retryMs = 1_000;

export class KeptJournal implements Journal {
  readonly #open: () => Journal;
  readonly #clock: Clock;
  #journal: Journal | undefined;
  /** The newest entry that is not on disk. */
  #kept: JournalEntry | undefined;
  #closed = false;

  /** @param open called at the first entry, and again while it fails */
  constructor(open: () => Journal, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** Throws when the disk does not take it; then nothing of it is there. */
  append(entry: JournalEntry, durable: boolean): void {
    this.#journal ??= this.#open();
    this.#journal.append(entry, durable);
    this.#kept = undefined; // only the last entry counts
  }

  /** Writes the entry later, unless a newer one is written before. */
  keep(entry: JournalEntry): void {
    const waits = this.#kept !== undefined;
    this.#kept = entry;
    if (!waits) void this.#retry();
  }

  async #retry(): Promise<void> {
    while (this.#kept !== undefined) {
      await pause(this.#clock, retryMs);
      try {
        if (this.#kept !== undefined) this.append(this.#kept, true);
      } catch {
        // whoever kept it has told so
      }
    }
    if (this.#closed) this.#journal?.close();
  }

  /** An entry that is kept is still written. */
  close(): void {
    this.#closed = true;
    if (this.#kept === undefined) this.#journal?.close();
  }
}
