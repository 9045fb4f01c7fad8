// Storage that both nodes see at the same time, by network file systems: what the source has not written back yet, the
// target does not read, and the source's kernel would write it over what the target has written since.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { parseMountTable } from '#agent/preflight/mount-table.ts';

const run = promisify(execFile);
/**
 * File systems of which other nodes may see the same files. A local one is not flushed: its disk may have much to
 * write, and stays here.
 */
const sharedTypes = /^(nfs4?|ceph|cifs|smb3|9p|virtiofs|lustre|gpfs|beegfs|afs|ocfs2|gfs2|fuse\..*)$/;

/**
 * Where a container sees storage that both nodes see, one path for each file system.
 *
 * @param mountinfo text of /proc/PID/mountinfo
 * @param declared destinations of mounts that their owner says are shared, whatever they are
 */
export function sharedStorage(mountinfo: string, declared: readonly string[]): string[] {
  const mounts = parseMountTable(mountinfo).filter(
    ({ type, path, readOnly }) => !readOnly && (sharedTypes.test(type) || declared.includes(path)),
  );
  return [...new Map(mounts.map(({ device, path }) => [device, path])).values()];
}

/** Writes back what the container has written there; ERR_FREEZE when the storage does not take it in time. */
export async function flushSharedStorage(pid: number, declared: readonly string[], limitMs: number): Promise<void> {
  const paths = sharedStorage(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'), declared);
  try {
    await withDeadline(
      Promise.all(
        paths.map((path) => run('sync', ['--file-system', join(`/proc/${pid}/root`, path)], { timeout: limitMs })),
      ),
      limitMs,
      'writing back shared storage',
    );
  } catch (cause) {
    throw new GodwitError(
      'ERR_FREEZE',
      `what the container has written to ${paths.join(', ')} is not written back: ${asGodwitError(cause).message}`,
      { cause },
    );
  }
}
