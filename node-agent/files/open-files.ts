// Files that processes have open for writing: one write call may go on for long after it has set their times.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { unlessGone } from '#core/errno.ts';

const deletedMark = ' (deleted)';
/** Flags in octal, of which the last digit has O_WRONLY and O_RDWR. */
const writable = /^flags:\t\d*[12]$/m;

/** Absolute latin1 paths in the mount namespaces of the processes. */
export function filesOpenForWriting(pids: readonly number[]): Set<string> {
  return new Set(
    pids.flatMap(
      (pid) => unlessGone(() => readdirSync(`/proc/${pid}/fd`))?.flatMap((fd) => writableFile(pid, fd)) ?? [],
    ),
  );
}

function writableFile(pid: number, fd: string): string[] {
  const path = unlessGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`, 'latin1'));
  if (path === undefined || !path.startsWith('/') || path.endsWith(deletedMark)) return [];
  const fdinfo = unlessGone(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1')) ?? '';
  return writable.test(fdinfo) ? [path] : [];
}
