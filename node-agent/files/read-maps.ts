// Reads /proc/PID/maps for shared-mappings.ts.
import { readFile } from 'node:fs/promises';
import { hasErrno } from '#core/errno.ts';
import { ioError } from '#agent/files/io-error.ts';

/** A process that has ended maps nothing. */
export async function readMaps(pid: number): Promise<string> {
  const path = `/proc/${pid}/maps`;
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ESRCH'])) return '';
    throw ioError(error, Buffer.from(path));
  }
}
