// Files that a process has open or mapped by a name that was removed, while another name of theirs remains: POSIX
// semaphores are made that way. CRIU gives them a name of its own for the dump, and takes it away again.
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasErrno } from '#core/errno.ts';

const deletedMark = ' (deleted)';
const pathOnly = 0o10000000; // O_PATH: neither waits for a FIFO nor wakes a device
/** What CRIU calls them, in the directory of the former name or, where that is gone, in one above. */
const nameOfCriu = /^link_remap\.\d+$/;

export interface FormerName {
  /** As the process saw it when it opened the file. */
  path: string;
  /** Mount that the file lies in. */
  mount: number;
  device: number;
  inode: number;
}

/** Former names that process `pid` has open or, as the text of its /proc/PID/maps says, mapped. */
export function formerNames(pid: number, maps: string): FormerName[] {
  const descriptors = readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`);
  const mappings = deletedRanges(maps).map((range) => `/proc/${pid}/map_files/${range}`);
  return [...descriptors, ...mappings].flatMap((link) => formerName(link) ?? []);
}

/** Names in /proc/PID/map_files of what has a removed name in /proc/PID/maps. */
export function deletedRanges(maps: string): string[] {
  const ranges = [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ [1-9]\d* +\/.* \(deleted\)$/gm)];
  return ranges.map(([, start = '', end = '']) =>
    [start, end].map((address) => BigInt(`0x${address}`).toString(16)).join('-'),
  );
}

function formerName(link: string): FormerName | undefined {
  try {
    const target = readlinkSync(link);
    if (!target.startsWith('/') || !target.endsWith(deletedMark)) return undefined;
    const fd = openSync(link, constants.O_RDONLY | pathOnly);
    try {
      const { dev: device, ino: inode, nlink } = fstatSync(fd);
      const mount = Number(/^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]);
      return nlink === 0 ? undefined : { path: target.slice(0, -deletedMark.length), mount, device, inode };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ESRCH'])) return undefined; // closed, unmapped or ended meanwhile
    throw error;
  }
}

/**
 * Removes the names that a killed CRIU left beside the former names of (frozen) processes; what is another file stays.
 */
export function removeNamesOfCriu(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      for (const file of formerNames(pid, readFileSync(`/proc/${pid}/maps`, 'latin1')))
        removeBeside(`/proc/${pid}/root`, file);
    } catch (error) {
      if (!hasErrno(error, ['ENOENT', 'ESRCH'])) throw error; // it ended
    }
  }
}

function removeBeside(root: string, file: FormerName): void {
  for (let directory = dirname(file.path); ; directory = dirname(directory)) {
    for (const name of namesIn(join(root, directory)))
      if (nameOfCriu.test(name)) removeIfSame(join(root, directory, name), file);
    if (directory === '/') return;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ENOTDIR'])) return [];
    throw error;
  }
}

function removeIfSame(path: string, { device, inode }: FormerName): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | pathOnly);
  const { dev, ino } = fstatSync(fd);
  closeSync(fd);
  if (dev === device && ino === inode) unlinkSync(path);
}
