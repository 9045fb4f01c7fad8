// CRIU's configuration for our containers (annotation org.criu.config): the links are the network lock, the hooks are ours.
import { writeFileSync } from 'node:fs';
import { ghostLimitBytes } from '#agent/criu/ghost-limit.ts';

export class CriuConfiguration {
  readonly path: string;
  readonly #hook: string;
  readonly #watched = new Map<string, readonly string[]>();

  /** Writes the file at once; CRIU reads it at the start of every dump and restore. */
  constructor(path: string, hook: string) {
    this.path = path;
    this.#hook = hook;
    this.#write();
  }

  /** Where a dump that starts from now on finds what inotify watches: an overlay does not open files by their handles. */
  addWatched(handover: string, paths: readonly string[]): void {
    if (paths.length === 0) return;
    this.#watched.set(handover, paths);
    this.#write();
  }

  /** Undo of `addWatched`. */
  removeWatched(handover: string): void {
    if (this.#watched.delete(handover)) this.#write();
  }

  #write(): void {
    const options = ['network-lock skip', 'tcp-established', 'skip-in-flight', 'link-remap', 'verbosity 1', `ghost-limit ${ghostLimitBytes}`, `action-script ${this.#hook}`];
    const hints = [...new Set([...this.#watched.values()].flat())].toSorted(deepestFirst).map((path) => `irmap-scan-path ${path}`);
    writeFileSync(this.path, [...options, ...hints, ''].join('\n'), { mode: 0o644 });
  }
}

/** CRIU goes through the hints in order and descends into those that do not match: small ones first. */
function deepestFirst(one: string, other: string): number {
  return other.split('/').length - one.split('/').length;
}
