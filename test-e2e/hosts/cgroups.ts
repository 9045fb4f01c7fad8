// Each host has its own cgroup subtree in every hierarchy of the machine (v1, v2 or both), removed depth first.
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '#core/errno.ts';
import { GodwitError } from '#core/errors.ts';
import { parseHierarchies, type Hierarchy } from './hierarchies.ts';
import { isRunning, processWithPid, type ProcessId } from './process-facts.ts';

export async function machineHierarchies(): Promise<Hierarchy[]> {
  return parseHierarchies(await readFile('/proc/self/mountinfo', 'utf8'));
}

/**
 * Makes cgroup `name` (relative, may be nested) everywhere and returns its directories. Safe to call twice.
 * In v2 its parent can still hold processes: it passes on no controllers until `enableControllers`.
 */
export async function makeCgroup(hierarchies: readonly Hierarchy[], name: string): Promise<string[]> {
  const made: string[] = [];
  for (const { mountPoint, type } of hierarchies) {
    let parent = mountPoint;
    const parts = name.split('/');
    for (const [index, part] of parts.entries()) {
      if (type === 'cgroup2' && index < parts.length - 1) await enableControllers(parent);
      const directory = path.join(parent, part);
      await mkdir(directory, { recursive: true });
      await inheritCpuset(parent, directory);
      parent = directory;
    }
    made.push(parent);
  }
  return made;
}

/** v2 only: children of `directory` get every controller that it has itself. */
export async function enableControllers(directory: string): Promise<void> {
  const controllers = (await readFile(path.join(directory, 'cgroup.controllers'), 'utf8')).split(/\s+/).filter(Boolean);
  if (controllers.length > 0)
    await writeFile(path.join(directory, 'cgroup.subtree_control'), controllers.map((name) => `+${name}`).join(' '));
}

/** v1 only: a new cpuset accepts no process before it has processors and memory nodes. */
async function inheritCpuset(parent: string, directory: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const inherited = await readIfThere(path.join(parent, file));
    if (inherited !== undefined && (await readIfThere(path.join(directory, file)))?.trim() === '')
      await writeFile(path.join(directory, file), inherited);
  }
}

/**
 * Ends every process below cgroup `name`, frozen ones too, and removes the cgroups. Safe to call twice.
 * Rejects with ERR_DEADLINE if something below it will not die within `limitMs`.
 */
export async function removeCgroup(hierarchies: readonly Hierarchy[], name: string, limitMs = 20_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  const roots = hierarchies.map(({ mountPoint }) => path.join(mountPoint, name));
  const killed = new Map<number, ProcessId>();
  for (;;) {
    const directories = (await Promise.all(roots.map((root) => subtree(root)))).flat();
    const members = new Set((await Promise.all(directories.map((directory) => processes(directory)))).flat());
    for (const pid of members) killNow(pid, killed);
    for (const directory of directories) await thaw(directory);
    if (members.size === 0) for (const directory of directories) await removeEmpty(directory);
    // A process leaves its cgroup a little before it is gone with all its namespaces.
    const dying = [...killed.values()].filter(isRunning);
    if (directories.length === 0 && dying.length === 0) return;
    if (performance.now() > deadline)
      throw new GodwitError(
        'ERR_DEADLINE',
        `processes ${dying.map(({ pid }) => pid).join(', ')} below cgroup ${name} did not end`,
      );
    await sleep(2);
  }
}

/** Removes cgroup `name` where nothing is in it any more. */
export async function removeIfEmpty(hierarchies: readonly Hierarchy[], name: string): Promise<void> {
  await Promise.all(hierarchies.map(({ mountPoint }) => removeEmpty(path.join(mountPoint, name))));
}

/** The directory and all below it, deepest first; empty when it is not there. */
async function subtree(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(ignoreMissing);
  if (entries === undefined) return [];
  const below = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => subtree(path.join(directory, entry.name))),
  );
  return [...below.flat(), directory];
}

async function processes(directory: string): Promise<number[]> {
  const listed = await readIfThere(path.join(directory, 'cgroup.procs'));
  return (listed ?? '').split('\n').filter(Boolean).map(Number);
}

/** A process in a frozen v1 cgroup takes no signal, not even SIGKILL. */
async function thaw(directory: string): Promise<void> {
  await writeFile(path.join(directory, 'freezer.state'), 'THAWED', { flag: 'r+' }).catch(ignoreMissing);
}

/** Lets tasks run, or those that were killed end, in the v1 cgroup and all below it. */
export async function thawBelow(directory: string): Promise<void> {
  for (const each of await subtree(directory)) await thaw(each);
}

async function removeEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
    // EBUSY: a process was born since we looked; the caller looks again.
    if (error.code !== 'ENOENT' && error.code !== 'EBUSY') throw error;
  });
}

function killNow(pid: number, killed: Map<number, ProcessId>): void {
  const found = processWithPid(pid);
  if (!found) return;
  killed.set(pid, found);
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!hasErrno(error, ['ESRCH'])) throw error;
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  return await readFile(file, 'utf8').catch(ignoreMissing);
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENODEV') return undefined;
  throw error;
}
