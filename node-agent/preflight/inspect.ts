// Looks at a running container from outside, once, for all checks.
import { readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attributes } from '#agent/native/attributes.ts';
import { findDatabases } from '#agent/preflight/find-databases.ts';
import { findWatched } from '#agent/preflight/find-watched.ts';
import { inodeNumbersChange } from '#agent/preflight/inode-numbers.ts';
import {
  seemsConnectedOutside,
  seenTwice,
  type Inspection,
  type Mount,
  type ProcessFacts,
} from '#agent/preflight/inspection.ts';
import { parseMountTable } from '#agent/preflight/mount-table.ts';
import { readProcesses } from '#agent/preflight/read-processes.ts';
import { readSockets } from '#agent/preflight/read-sockets.ts';
import { oddChildren } from '#agent/runtime/children.ts';
import { isCgroupFrozen } from '#agent/runtime/freezer.ts';
import type { BindMount } from '#agent/runtime/oci-spec.ts';
import type { RuncState } from '#agent/runtime/runc-state.ts';

/** Longer than a short connection of one process to another one lasts. */
const againMs = 100;

/**
 * A few milliseconds for an ordinary container; more where inotify watches files, or where a unix connection seems to
 * leave the container.
 * @param pids its processes now
 */
export async function inspectContainer(
  state: RuncState,
  pids: () => readonly number[],
  bindMounts: readonly BindMount[],
): Promise<Inspection> {
  const first = await look(state, pids(), bindMounts);
  if (!seemsConnectedOutside(first)) return first;
  await sleep(againMs);
  return seenTwice(first, await look(state, pids(), bindMounts));
}

async function look(
  { pid, freezerCgroup, cgroupVersion }: RuncState,
  pids: readonly number[],
  bindMounts: readonly BindMount[],
): Promise<Inspection> {
  const processes = readProcesses(pids);
  const mounts = mountsOf(pid);
  const visible = [...mounts, ...otherMountNamespaces(processes).flatMap(mountsOf)];
  return {
    init: pid,
    processes,
    mounts,
    visibleMounts: new Set(visible.map(({ id }) => id)),
    databases: findDatabases(processes, visible, (mount) => inodeNumbersChange(mount, bindMounts)),
    endedChildren: oddChildren(pids).ended,
    semaphoreSets: attributes.semaphoreSets(pid),
    tmpfsBytes: tmpfsBytes(pid, mounts),
    ...(await findWatched(pid, mounts, processes)),
    ...readSockets(pid),
    frozen: isCgroupFrozen(freezerCgroup, cgroupVersion),
  };
}

function mountsOf(pid: number): Mount[] {
  return parseMountTable(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
}

/** One process of every mount namespace. */
function otherMountNamespaces(processes: readonly ProcessFacts[]): number[] {
  const first = new Map<string, number>();
  for (const { pid, namespaces } of processes)
    if (namespaces['mnt'] !== undefined && !first.has(namespaces['mnt'])) first.set(namespaces['mnt'], pid);
  return [...first.values()];
}

/** Their contents travel with the images. */
function tmpfsBytes(pid: number, mounts: readonly Mount[]): number {
  return mounts
    .filter(({ type, root }) => type === 'tmpfs' && root === '/')
    .reduce((sum, { path }) => {
      const { blocks, bfree, bsize } = statfsSync(join(`/proc/${pid}/root`, path));
      return sum + (blocks - bfree) * bsize;
    }, 0);
}
