// What a handover made in a directory that may hold other things: written down first, so that an undo knows, also after
// a crash.
import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Paths are relative to the root, one character a byte; each ends with a NUL. A torn last one was not made. */
export class ReceivedLedger {
  readonly #fd: number;
  readonly #made: Set<string>;

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#fd = openSync(path, 'a+', 0o600);
    this.#made = new Set(readFileSync(path, 'latin1').split('\0').slice(0, -1));
  }

  /** Whether it was made here, or lies in something that was. */
  covers(path: Buffer): boolean {
    const parts = path.toString('latin1').split('/');
    return parts.some((_, index) => this.#made.has(parts.slice(0, index + 1).join('/')));
  }

  /** On disk after the next `sync`. */
  add(path: Buffer): void {
    this.#made.add(path.toString('latin1'));
    const entry = Buffer.concat([path, Buffer.of(0)]);
    for (let written = 0; written < entry.length;) written += writeSync(this.#fd, entry, written);
  }

  sync(): void {
    fdatasyncSync(this.#fd);
  }

  /** The last one first. */
  made(): Buffer[] {
    return [...this.#made].toReversed().map((path) => Buffer.from(path, 'latin1'));
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Nothing is left to undo. */
export function forgetLedger(path: string): void {
  rmSync(path, { force: true });
}
