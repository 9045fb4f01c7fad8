// Marks that godwit-runc reads when no agent answers: small files below the run directory, gone after a reboot.
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '#agent/runtime/replace-file.ts';

/**
 * - restored: the container was restored by its `create`, and needs no `start`.
 * - arrived: the sandbox's pod has arrived; from then on its containers start like any other.
 * - skipped: init containers did not run in the sandbox, since their work was to arrive by a move.
 * - held: kills of the container wait for the agent; the text says until when (epoch seconds). It stays when that is
 * over: the kill was delivered, and is not held again.
 */
export type Mark = 'restored' | 'arrived' | 'skipped' | 'held';

/** @param id of the container, or of the sandbox for `arrived` and `skipped` */
export function mark(runDir: string, kind: Mark, id: string, text = ''): void {
  const directory = join(runDir, kind);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // a text that is read while it is written would say that nothing is held any more
  replaceFile(join(directory, id), text);
}

export function isMarked(runDir: string, kind: Mark, id: string): boolean {
  return existsSync(join(runDir, kind, id));
}

/** What the mark says; undefined without one. */
export function readMark(runDir: string, kind: Mark, id: string): string | undefined {
  return isMarked(runDir, kind, id) ? readFileSync(join(runDir, kind, id), 'utf8') : undefined;
}

/** Harmless where there is none. */
export function unmark(runDir: string, kind: Mark, id: string): void {
  rmSync(join(runDir, kind, id), { force: true });
}

/** Takes away what the mark says, where it is there and nothing can be written. */
export function emptyMark(runDir: string, kind: Mark, id: string): void {
  try {
    truncateSync(join(runDir, kind, id));
  } catch {
    // it was never made, or its file system takes no change at all
  }
}
