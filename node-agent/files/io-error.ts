// Failed system calls on files as errors of the project, with path and errno.
import { join } from 'node:path';
import { errnoOf } from '#core/errno.ts';
import { GodwitError, type ErrorCode } from '#core/errors.ts';

/** ERR_FILES_IO (or `code`) about a path below `root`; an error of the project passes unchanged. */
export function ioError(error: unknown, path: Buffer, code: ErrorCode = 'ERR_FILES_IO', root = ''): GodwitError {
  if (error instanceof GodwitError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new GodwitError(code, `${message}: ${join(root, path.toString())}`, {
    cause: error,
    details: { path: path.toString(), errno: errnoOf(error) ?? 'none' },
  });
}
