// What memory a container has: that of its processes, and what they share.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { unlessGone } from '#core/errno.ts';

export interface LivingProcess {
  pid: number;
  /** In its own PID namespace: by it CRIU names its images. */
  ownPid: number;
  /** Private memory, in bytes. */
  ownBytes: number;
}

/** Those that have not ended. */
export function livingProcesses(pids: readonly number[]): LivingProcess[] {
  return pids.flatMap((pid) => {
    const status = read(`/proc/${pid}/status`);
    const ownPid = Number(/^NSpid:.*\t(\d+)$/m.exec(status)?.[1] ?? 0);
    if (ownPid === 0 || /^State:\t[ZX]/m.test(status)) return [];
    return [{ pid, ownPid, ownBytes: Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024 }];
  });
}

/** Memory without a name in any file system: anonymous, of memfd_create, or a System V segment. */
const isShared = /^([\da-f]+-[\da-f]+) ...s [\da-f]+ [\da-f]+:[\da-f]+ (\d+) +\/(?:dev\/zero|SYSV[\da-f]{8}|memfd:)/;

/** Shared memory that is mapped: CRIU's number for it, and where its content can be read. */
export function sharedMemory(pids: readonly number[]): Map<number, string> {
  const found = new Map<number, string>();
  for (const pid of pids)
    for (const line of read(`/proc/${pid}/maps`).split('\n')) {
      const [, place, inode] = isShared.exec(line) ?? [];
      if (place !== undefined && !found.has(Number(inode))) found.set(Number(inode), `/proc/${pid}/map_files/${place}`);
    }
  return found;
}

/** The descriptor of a process whose file has that inode number. */
export function descriptorOf(pids: readonly number[], inode: number): string | undefined {
  for (const pid of pids) {
    const directory = `/proc/${pid}/fd`;
    const found = list(directory).find((name) => inodeOf(join(directory, name)) === inode);
    if (found !== undefined) return join(directory, found);
  }
  return undefined;
}

const read = (path: string): string => unlessGone(() => readFileSync(path, 'latin1')) ?? '';
const list = (path: string): string[] => unlessGone(() => readdirSync(path)) ?? [];
const inodeOf = (path: string): number | undefined => unlessGone(() => statSync(path).ino);
