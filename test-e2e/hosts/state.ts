// The record of a set of hosts under /run: enough to find the set again from another process and to remove it after a
// crash.
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasErrno } from '#core/errno.ts';
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import { runRoot } from './paths.ts';
import { isRunning } from './process-facts.ts';

const processId = z.object({ pid: z.number(), startTicks: z.number() });

const hostRecord = z.object({
  name: z.string(),
  init: processId,
  /** Empty for the client, which has no leg on the management network. */
  mgmtAddress: z.string(),
  dataUplink: z.string(),
});

const setRecord = z.object({
  name: z.string(),
  /** Number that makes this set's address ranges its own: 198.18.SLOT.0/24 and 198.19.SLOT.0/24. */
  slot: z.number().int().min(0).max(255),
  /** The process that ends the set; null when it was started to stay (`hosts up`). */
  owner: processId.nullable(),
  /** What the hosts see below /sys/fs/cgroup. */
  cgroups: z.enum(['machine', 'v2']).default('machine'),
  hosts: z.array(hostRecord),
});

export type HostRecord = z.infer<typeof hostRecord>;
export type SetRecord = z.infer<typeof setRecord>;
/** `machine`: all hierarchies that this machine has mounted; `v2`: the unified one alone, as most nodes have it. */
export type CgroupKind = SetRecord['cgroups'];

const namePattern = /^[a-z][a-z0-9-]{0,39}$/;

export function checkSetName(name: string): void {
  if (!namePattern.test(name))
    throw new GodwitError(
      'ERR_CONFIG_INVALID',
      `name of a set of hosts must match ${namePattern.source}: ${JSON.stringify(name)}`,
    );
}

function recordFile(name: string): string {
  return path.join(runRoot, name, 'state.json');
}

/** The record; undefined when there is no such set. */
export async function readRecord(name: string): Promise<SetRecord | undefined> {
  const text = await readFile(recordFile(name), 'utf8').catch(ignoreMissing);
  return text === undefined ? undefined : setRecord.parse(JSON.parse(text));
}

export async function writeRecord(record: SetRecord): Promise<void> {
  const file = recordFile(record.name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(record));
  await rename(`${file}.new`, file);
}

/** ERR_HOST_BUSY if the set belongs to another process that still runs. */
export function refuseOthers(record: SetRecord | undefined): void {
  const owner = record?.owner;
  if (owner && owner.pid !== process.pid && isRunning(owner))
    throw new GodwitError('ERR_HOST_BUSY', `hosts ${record.name} belong to process ${owner.pid}, which is running`, {
      details: { ...owner },
    });
}

/** Names of the sets whose owner ended without taking them down. */
export async function orphanedSets(): Promise<string[]> {
  const names = (await readdir(runRoot).catch(ignoreMissing)) ?? [];
  const records = await Promise.all(names.filter((name) => namePattern.test(name)).map(readRecord));
  return records.flatMap((record) => (record?.owner && !isRunning(record.owner) ? [record.name] : []));
}

/**
 * Takes the lowest free slot; it stays taken until `releaseSlot`. Safe to call at the same time from several processes.
 */
export async function takeSlot(name: string): Promise<number> {
  await mkdir(path.join(runRoot, 'slots'), { recursive: true });
  for (let slot = 0; slot < 256; slot += 1) {
    if (await tookSlot(slot, name)) return slot;
  }
  throw new GodwitError('ERR_HOST_SETUP', 'all 256 address ranges are taken by other sets of hosts');
}

async function tookSlot(slot: number, name: string): Promise<boolean> {
  try {
    await writeFile(path.join(runRoot, 'slots', String(slot)), name, { flag: 'wx' });
    return true;
  } catch (error) {
    if (hasErrno(error, ['EEXIST'])) return false;
    throw error;
  }
}

/** Forgets the set: its slot and its record. Safe to call twice. */
export async function forget(name: string): Promise<void> {
  const slots = path.join(runRoot, 'slots');
  for (const slot of (await readdir(slots).catch(ignoreMissing)) ?? []) {
    const holder = await readFile(path.join(slots, slot), 'utf8').catch(ignoreMissing);
    if (holder === name) await rm(path.join(slots, slot), { force: true });
  }
  await rm(path.join(runRoot, name), { recursive: true, force: true });
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
