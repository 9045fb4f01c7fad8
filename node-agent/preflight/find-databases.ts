// Finds SQLite databases that processes have open on file systems on which inode numbers change with a move.
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { hasErrno } from '#core/errno.ts';
import type { Mount, OpenDatabase, ProcessFacts } from '#agent/preflight/inspection.ts';

const headerBytes = 100;
const magic = Buffer.from('SQLite format 3\0', 'latin1');
/** Of bytes 18 and 19: 1 for a rollback journal, 2 for a write-ahead log. */
const modeOffset = 18;
const writeAheadMode = 2;
/** Pages have at least this size. */
const pageBytes = 512;
/** Flags in octal, of which the last digit has O_WRONLY and O_RDWR. */
const writable = /^flags:\t\d*[12]$/m;

/** @param changes whether inode numbers of files on that mount change */
export function findDatabases(
  processes: readonly ProcessFacts[],
  mounts: readonly Mount[],
  changes: (mount: Mount) => boolean,
): OpenDatabase[] {
  const concerned = new Set(mounts.filter((mount) => changes(mount)).map(({ id }) => id));
  return processes.flatMap(({ pid, descriptors }) => {
    const candidates = descriptors.filter(
      ({ mount, deletedBytes }) => mount !== undefined && concerned.has(mount) && deletedBytes === undefined,
    );
    const found = candidates.flatMap(({ fd, target, locks = [] }) => {
      const header = headerOf(pid, fd, locks);
      return header?.subarray(0, magic.length).equals(magic) === true
        ? [{ path: target, writeAhead: header[modeOffset] === writeAheadMode }]
        : [];
    });
    return [...Map.groupBy(found, ({ path }) => path)].map(([path, same]) => ({
      pid,
      path,
      connections: same.length,
      writeAhead: same.every(({ writeAhead }) => writeAhead),
    }));
  });
}

/** The first bytes of a regular file that is open for writing and may be a database; looking would break a lease. */
function headerOf(pid: number, fd: number, locks: readonly string[]): Buffer | undefined {
  const path = `/proc/${pid}/fd/${fd}`;
  try {
    const { size, mode } = statSync(path);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || size < pageBytes || size % pageBytes !== 0) return undefined;
    if (
      locks.some((lock) => lock.startsWith('LEASE')) ||
      !writable.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))
    )
      return undefined;
    return readHeader(path);
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ESRCH', 'ENXIO', 'EAGAIN'])) return undefined; // closed meanwhile
    throw error;
  }
}

function readHeader(path: string): Buffer | undefined {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME);
  try {
    const header = Buffer.alloc(headerBytes);
    return fstatSync(file).isFile() && readSync(file, header, 0, headerBytes, 0) === headerBytes ? header : undefined;
  } finally {
    closeSync(file);
  }
}
