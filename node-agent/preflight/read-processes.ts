// Reads from /proc what the processes of a container hold. A process that ends meanwhile holds nothing.
import { constants, readdirSync, readFileSync, readlinkSync, statfsSync, statSync } from 'node:fs';
import { unlessGone } from '#core/errno.ts';
import type { CodeMapping, Descriptor, ProcessFacts, Watch } from '#agent/preflight/inspection.ts';
import { formerNames } from '#agent/runtime/former-names.ts';

const hugetlbfsMagic = 0x958458f6;
const blockBytes = 512;
const deletedMark = ' (deleted)';

export function readProcesses(pids: readonly number[]): ProcessFacts[] {
  return pids.flatMap((pid) => unlessGone(() => readProcess(pid)) ?? []);
}

function readProcess(pid: number): ProcessFacts {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';
  const zombie = field('State') === 'Z';
  const maps = zombie ? '' : readFileSync(`/proc/${pid}/maps`, 'latin1');
  const code = firstCode(maps);
  return {
    pid,
    parent: Number(field('PPid')),
    state: field('State'),
    ids: [...idsIn(status, 'Uid'), ...idsIn(status, 'Gid')],
    tracer: Number(field('TracerPid')),
    command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() || `[${field('Name')}]`,
    namespaces: zombie ? {} : links(`/proc/${pid}/ns`),
    descriptors: zombie
      ? []
      : Object.entries(links(`/proc/${pid}/fd`)).map(([fd, target]) => describe(pid, Number(fd), target)),
    descriptorLimit: zombie ? Infinity : descriptorLimit(readFileSync(`/proc/${pid}/limits`, 'latin1')),
    mappedPaths: mappedPaths(maps),
    ...(code === undefined ? {} : { firstCode: code }),
    formerNames: zombie ? [] : formerNames(pid, maps),
  };
}

/** The soft limit in the text of /proc/PID/limits. */
export function descriptorLimit(limits: string): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Infinity : Number(soft);
}

/** Effective, real, saved, from a line of /proc/PID/status (real, effective, saved, of file systems). */
function idsIn(status: string, line: 'Uid' | 'Gid'): number[] {
  const [real, effective, saved] = (new RegExp(`^${line}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '')
    .split(/\s+/)
    .map(Number);
  return [effective, real, saved].filter((id) => id !== undefined);
}

function links(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory).flatMap((name) => {
      const target = unlessGone(() => readlinkSync(`${directory}/${name}`));
      return target === undefined ? [] : [[name, target]];
    }),
  );
}

function describe(pid: number, fd: number, target: string): Descriptor {
  if (target === 'anon_inode:inotify') return { fd, target, watches: parseWatches(fdinfoOf(pid, fd)) };
  if (target === 'anon_inode:[eventfd]')
    return { fd, target, semaphore: /^eventfd-semaphore:\s*1$/m.test(fdinfoOf(pid, fd)) };
  if (target.startsWith('pipe:')) return { fd, target, packets: isInPacketMode(fdinfoOf(pid, fd)) };
  if (!target.startsWith('/')) return { fd, target };
  const path = `/proc/${pid}/fd/${fd}`;
  if (target.startsWith('/memfd:'))
    return { fd, target, huge: unlessGone(() => statfsSync(path).type) === hugetlbfsMagic };
  const fdinfo = fdinfoOf(pid, fd);
  const mount = /^mnt_id:\s*(\d+)$/m.exec(fdinfo)?.[1];
  const locks = parseLocks(fdinfo);
  return {
    fd,
    target,
    ...(mount === undefined ? {} : { mount: Number(mount) }),
    ...(locks.length === 0 ? {} : { locks }),
    ...(target.endsWith(deletedMark) ? { deletedBytes: unlessGone(() => deletedBytes(path)) ?? 0 } : {}),
  };
}

function fdinfoOf(pid: number, fd: number): string {
  return unlessGone(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')) ?? '';
}

/** Watches in the text of an inotify's /proc/PID/fdinfo/FD. */
export function parseWatches(fdinfo: string): Watch[] {
  return [...fdinfo.matchAll(/^inotify wd:\S+ ino:([0-9a-f]+) sdev:([0-9a-f]+)/gm)].map(
    ([, inode = '0', device = '0']) => ({
      inode: BigInt(`0x${inode}`).toString(),
      device: Number.parseInt(device, 16),
    }),
  );
}

/** Kinds of locks in the text of a file's /proc/PID/fdinfo/FD. */
export function parseLocks(fdinfo: string): string[] {
  return [...fdinfo.matchAll(/^lock:\s+\d+: (\w+) +\S+ +(\S+) /gm)].map(([, kind, type]) => `${kind} ${type}`);
}

/** Whether the text of a pipe's /proc/PID/fdinfo/FD has the flag O_DIRECT. */
export function isInPacketMode(fdinfo: string): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(fdinfo)?.[1] ?? '0';
  return (Number.parseInt(flags, 8) & constants.O_DIRECT) !== 0;
}

/** A file that has another name left is not lost with this one. */
function deletedBytes(path: string): number {
  const { nlink, blocks } = statSync(path);
  return nlink === 0 ? blocks * blockBytes : 0;
}

/** Distinct paths in the text of /proc/PID/maps. */
export function mappedPaths(maps: string): string[] {
  const paths = [...maps.matchAll(/^\S+ \S+ \S+ \S+ \d+ +(\/.*)$/gm)].map(([, path]) => path ?? '');
  return [...new Set(paths)];
}

/** The first executable mapping in the text of /proc/PID/maps, which is in order of addresses. */
export function firstCode(maps: string): CodeMapping | undefined {
  const [, writable, shared, path = ''] = /^\S+ .([w-])x([sp]) \S+ \S+ \d+ *(.*)$/m.exec(maps) ?? [];
  return writable === undefined ? undefined : { path, shared: shared === 's', writable: writable === 'w' };
}

export function withoutDeletedMark(path: string): string {
  return path.endsWith(deletedMark) ? path.slice(0, -deletedMark.length) : path;
}
