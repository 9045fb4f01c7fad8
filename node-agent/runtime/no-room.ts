// Programs that a full file system ends often cannot say so, since their logs are on it, too: what they leave is a
// broken pipe or nothing at all.
import { statfsSync, type StatsFs } from 'node:fs';
import { hasErrno } from '#core/errno.ts';
import { GodwitError, type ErrorCode } from '#core/errors.ts';

/** More than runc and CRIU write beside images, of which some is gone again when they have failed. */
const littleBytes = 2 ** 20;
const fewFiles = 16;

export interface Failure {
  code: ErrorCode;
  /** What the program said. */
  message: string;
  details?: Record<string, unknown>;
  /** Directories that the program writes to; one that is missing is left out. */
  writes: readonly string[];
}

/** The error of a program that has just failed: ERR_STORAGE where one of its directories is full by now. */
export function failureOf({ code, message, details = {}, writes }: Failure): GodwitError {
  const full = writes.map((path) => wantAt(path)).find((want) => want !== undefined);
  if (full === undefined) return new GodwitError(code, message, { details });
  return new GodwitError('ERR_STORAGE', `${full}; ${message}`, { details });
}

function wantAt(path: string): string | undefined {
  try {
    return wantOf(path, statfsSync(path));
  } catch (error) {
    if (hasErrno(error, ['ENOENT'])) return undefined;
    throw error;
  }
}

type Room = Pick<StatsFs, 'bavail' | 'bsize' | 'files' | 'ffree'>;

/** What a file system lacks at `path`; one that counts no files has as many as it wants. */
export function wantOf(path: string, { bavail, bsize, files, ffree }: Room): string | undefined {
  if (bavail * bsize < littleBytes) return `${path} has no space left (${bavail * bsize} bytes are free)`;
  return files > 0 && ffree < fewFiles ? `${path} has no space left for more files (${ffree} can be made)` : undefined;
}
