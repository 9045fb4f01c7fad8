// What the processes of a container hold, as plain facts.
import type { EndedChild } from '#agent/runtime/children.ts';
import type { FormerName } from '#agent/runtime/former-names.ts';
import type { UnixSocket } from '#agent/runtime/unix-sockets.ts';

export interface ProcessFacts {
  pid: number;
  parent: number;
  /** As in /proc/PID/stat: R, S, D, T (stopped), t (traced), Z (zombie). */
  state: string;
  /** Its user ids, then its group ids: effective, real, saved. */
  ids: readonly number[];
  /** Process that traces it; 0 for none. */
  tracer: number;
  /** Command line, or its name in brackets. */
  command: string;
  /** Namespaces by their names in /proc/PID/ns: `{ net: 'net:[4026531840]' }`. */
  namespaces: Readonly<Record<string, string>>;
  descriptors: readonly Descriptor[];
  /** It can open files with numbers below this (RLIMIT_NOFILE); Infinity for a zombie. */
  descriptorLimit: number;
  /** Files and devices that it maps, with ` (deleted)` where it applies. */
  mappedPaths: readonly string[];
  /** Its executable mapping with the lowest address. */
  firstCode?: CodeMapping;
  /** Files that it has open or mapped by a name that was removed, while another one remains. */
  formerNames: readonly FormerName[];
}

export interface CodeMapping {
  /** Empty for anonymous memory. */
  path: string;
  shared: boolean;
  writable: boolean;
}

export interface Descriptor {
  fd: number;
  /** As /proc/PID/fd shows it: a path, `socket:[123]`, `anon_inode:[eventfd]`. */
  target: string;
  /** Mount that an open path lies in. */
  mount?: number;
  /** Space that a deleted file takes. */
  deletedBytes?: number;
  /** Locks of this open file, as the kernel names them: `POSIX WRITE`, `LEASE READ`. */
  locks?: readonly string[];
  /** What an inotify watches. */
  watches?: readonly Watch[];
  /** Of an eventfd: a read takes one, not all (EFD_SEMAPHORE). */
  semaphore?: boolean;
  /** Whether a pipe is in packet mode. */
  packets?: boolean;
  /** Whether a memfd has huge pages. */
  huge?: boolean;
}

export interface Watch {
  /** Decimal, since it may have 64 bits. */
  inode: string;
  /** As the kernel counts devices: major number << 20 | minor number. */
  device: number;
}

export interface Mount {
  id: number;
  /** As in Watch. */
  device: number;
  /** In the container. */
  path: string;
  type: string;
  /** Nothing can be written below it. */
  readOnly: boolean;
  /** Directory of the file system that is mounted: `/` for all of it, another one for a bind mount of a part. */
  root: string;
  /** Options of the file system itself, e.g. `lowerdir=...`. */
  options: readonly string[];
}

/** An SQLite database that a process has open where inode numbers change with a move. */
export interface OpenDatabase {
  pid: number;
  path: string;
  /** Descriptors of that process. */
  connections: number;
  /** With a write-ahead log, not a rollback journal. */
  writeAhead: boolean;
}

export interface Inspection {
  /** First process of the container. */
  init: number;
  processes: readonly ProcessFacts[];
  /** Mounts of the first process. */
  mounts: readonly Mount[];
  /** Ids of all mounts that any of the processes sees. */
  visibleMounts: ReadonlySet<number>;
  /** Where in the container lies what inotify watches on file systems that cannot open files by handles. */
  watchedPaths: readonly string[];
  /** Watches of which nobody knows a path. */
  lostWatches: number;
  databases: readonly OpenDatabase[];
  /** Children whose exit status a move would change. */
  endedChildren: readonly EndedChild[];
  /** System V semaphore sets of the container. */
  semaphoreSets: number;
  /** Contents of the container's own tmpfs mounts. */
  tmpfsBytes: number;
  unixSockets: readonly UnixSocket[];
  mptcpInodes: ReadonlySet<number>;
  /** TCP sockets for which the kernel holds keys, by inode, with what these are for. */
  securedTcp: ReadonlyMap<number, string>;
  /** Netlink sockets with unread answers. */
  unreadNetlinkInodes: ReadonlySet<number>;
  /** Whether the container stands still already. */
  frozen: boolean;
}

/** A process as people find it again. */
export function named({ pid, command }: ProcessFacts): string {
  return `process ${pid} (${command.length > 60 ? `${command.slice(0, 60)}...` : command})`;
}

/** Inode of a descriptor that is a socket. */
export function socketInode({ target }: Pick<Descriptor, 'target'>): number | undefined {
  const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
  return inode === undefined ? undefined : Number(inode);
}

/** Every descriptor of every process that `matches`, as `what it is of process ...`. */
export function heldDescriptors(
  processes: readonly ProcessFacts[],
  matches: (descriptor: Descriptor) => boolean,
  describe = (descriptor: Descriptor) => descriptor.target,
): string[] {
  return processes.flatMap((process) =>
    process.descriptors.filter(matches).map((descriptor) => `${describe(descriptor)} of ${named(process)}`),
  );
}

/** Inodes of unix sockets whose other end none of the processes has. */
export function connectedOutside(processes: readonly ProcessFacts[], unixSockets: readonly UnixSocket[]): Set<number> {
  const inside = new Set(processes.flatMap(({ descriptors }) => descriptors.map(socketInode)));
  return new Set(unixSockets.filter(({ peer }) => peer !== 0 && !inside.has(peer)).map(({ inode }) => inode));
}

/**
 * Whether a process seems to be connected to somebody outside; so does one that a process of the container connects to
 * while it is looked at.
 */
export function seemsConnectedOutside({
  processes,
  unixSockets,
}: Pick<Inspection, 'processes' | 'unixSockets'>): boolean {
  const outside = connectedOutside(processes, unixSockets);
  return heldDescriptors(processes, (descriptor) => outside.has(socketInode(descriptor) ?? -1)).length > 0;
}

/** The second look, without the unix sockets that were not there at the first. */
export function seenTwice<Look extends Pick<Inspection, 'unixSockets'>>(
  first: Pick<Inspection, 'unixSockets'>,
  second: Look,
): Look {
  const known = new Set(first.unixSockets.map(({ inode }) => inode));
  return { ...second, unixSockets: second.unixSockets.filter(({ inode }) => known.has(inode)) };
}
