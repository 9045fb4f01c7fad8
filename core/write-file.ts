// Writes small files, and says which one it was when the disk does not take it: the errors of a write name no path.
import { writeFileSync } from 'node:fs';
import { hasErrno } from '#core/errno.ts';
import { GodwitError, storageErrnos } from '#core/errors.ts';

/**
 * ERR_STORAGE with the path where a disk is full, over quota, read-only or broken; other errors are writeFileSync's.
 */
export function writeFileNamed(path: string, content: string | Uint8Array, mode = 0o600): void {
  try {
    writeFileSync(path, content, { mode });
  } catch (cause) {
    if (!hasErrno(cause, storageErrnos) || !(cause instanceof Error)) throw cause;
    throw new GodwitError('ERR_STORAGE', `${path} cannot be written: ${cause.message}`, { cause });
  }
}
