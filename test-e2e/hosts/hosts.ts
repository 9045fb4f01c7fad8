// Sets of two or three hosts and a client on one machine: real namespaces, cgroups, containerd and networks, up in
// seconds.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Undo } from '#core/undo.ts';
import { imageArchive } from '#workloads/images.ts';
import { bootHost } from './boot.ts';
import { machineHierarchies, makeCgroup, removeCgroup, removeIfEmpty } from './cgroups.ts';
import { startContainerd } from './containerd.ts';
import { createHost, hostDirectory, type Host } from './host.ts';
import { hostRoot } from './host-root.ts';
import { makeSeed, plantSeed, seedOf } from './image-seed.ts';
import { wire, type Leg } from './network.ts';
import { cgroupRoot, dataRoot, defaultCgroups } from './paths.ts';
import { processWithPid } from './process-facts.ts';
import {
  checkSetName,
  forget,
  orphanedSets,
  readRecord,
  refuseOthers,
  takeSlot,
  writeRecord,
  type CgroupKind,
  type HostRecord,
  type SetRecord,
} from './state.ts';

export type { Host } from './host.ts';

export interface UpOptions {
  /**
   * Name of the set, `[a-z][a-z0-9-]*`; a stale set of that name is removed first. @default `t` and the pid of this
   * process
   */
  name?: string;
  /** Whether there is a host `c`. @default false */
  third?: boolean;
  /** Whether the set stays when this process ends; else another process may sweep it then. @default false */
  stay?: boolean;
  /**
   * Whether CRIU on the nodes can move programs of other users than root where the kernel denies it CAP_SYS_RESOURCE.
   * @default true
   */
  criuReadsLimits?: boolean;
  /** @default what CGROUPS says, else `machine` */
  cgroups?: CgroupKind;
  /** Makes the archive of the images that the nodes have; false: they have none. @default the workloads' images */
  images?: false | (() => Promise<string>);
  /** Root file system of the client. @default that of every host */
  clientRoot?: () => Promise<string>;
}

export interface HostSet extends AsyncDisposable {
  readonly name: string;
  readonly a: Host;
  readonly b: Host;
  readonly c?: Host;
  /** On the data network only; runs no containerd. */
  readonly client: Host;
  /** Holds the bridges br-mgmt and br-data with ports such as `data-a`: the place to capture frames. */
  readonly switch: Host;
  /** Hosts a, b and c if there is one. */
  readonly nodes: readonly Host[];
  /** e.g. `198.19.0.0/24`; addresses from .50 on are free for stable IPs. */
  readonly dataSubnet: string;
  /** The client's address in it. */
  readonly clientAddress: string;
  /** Address number `last` of the data subnet, for a stable IP (50 to 254). */
  stableIp(last: number): string;
  /** Ends everything of the set and leaves nothing behind. Safe to call twice. */
  down(): Promise<void>;
}

/**
 * Boots a set with containerd running on its nodes. ERR_HOST_BUSY if a running process has one of that name.
 * Sets of processes that were killed are removed on the way, whatever their name.
 */
export async function upHosts({
  name = `t${process.pid}`,
  third = false,
  stay = false,
  images = imageArchive,
  clientRoot = hostRoot,
  cgroups = defaultCgroups,
  criuReadsLimits = true,
}: UpOptions = {}): Promise<HostSet> {
  checkSetName(name);
  await downHosts(name);
  for (const orphan of await orphanedSets()) await removeSet(orphan);
  const seed = images ? await seedFrom(images) : undefined;
  await using undo = new Undo();
  undo.push(async () => await removeSet(name));
  const slot = await takeSlot(name);
  const owner = stay ? null : (processWithPid(process.pid) ?? null);
  await writeRecord({ name, slot, owner, cgroups, hosts: [] });
  const lower = await hostRoot();
  const lowerOfClient = await clientRoot();
  const hierarchies = await machineHierarchies();
  await makeCgroup(hierarchies, `${cgroupRoot}/${name}/switch`);
  const boot = async (host: string): Promise<HostRecord> => {
    const directory = hostDirectory(name, host);
    if (seed !== undefined && mgmtAddress(slot, host) !== '') await plantSeed(seed, directory);
    const init = await bootHost({
      name: host,
      cgroup: `${cgroupRoot}/${name}/${host}`,
      hierarchies,
      cgroups,
      criuReadsLimits,
      lower: host === 'client' ? lowerOfClient : lower,
      directory,
    });
    return { name: host, init, mgmtAddress: mgmtAddress(slot, host), dataUplink: 'eth1' };
  };
  const hosts = await Promise.all(['a', 'b', ...(third ? ['c'] : []), 'client', 'switch'].map(boot));
  const record: SetRecord = { name, slot, owner, cgroups, hosts };
  await writeRecord(record);
  await wire(
    pidOf(record, 'switch'),
    hosts.flatMap((host) => legsOf(host, slot)),
  );
  const set = createSet(record);
  await Promise.all([...set.nodes.map(startContainerd), nameHosts(set)]);
  undo.commit();
  return set;
}

/** The images' data for new hosts; the first call on a machine builds the images and imports them once (about 20 s). */
async function seedFrom(images: () => Promise<string>): Promise<string> {
  const archive = await images();
  const found = await seedOf(archive);
  if (found !== undefined) return found;
  await using set = await upHosts({ name: `seed-${process.pid}`, images: false, cgroups: 'machine' });
  return await makeSeed(archive, set.a);
}

/** A set that another process started; undefined when there is none. */
export async function openHosts(name: string): Promise<HostSet | undefined> {
  checkSetName(name);
  const record = await readRecord(name);
  return record && record.hosts.length > 0 ? createSet(record) : undefined;
}

/**
 * Removes the set `name`, whole or half made. Safe when there is none. ERR_HOST_BUSY if another running process has it.
 */
export async function downHosts(name: string): Promise<void> {
  checkSetName(name);
  refuseOthers(await readRecord(name));
  await removeSet(name);
}

async function removeSet(name: string): Promise<void> {
  const hierarchies = await machineHierarchies();
  await removeCgroup(hierarchies, `${cgroupRoot}/${name}`);
  await removeIfEmpty(hierarchies, cgroupRoot);
  await rm(path.join(dataRoot, name), { recursive: true, force: true });
  await forget(name);
}

function createSet(record: SetRecord): HostSet {
  const { name, slot, cgroups } = record;
  const host = (which: string): Host => {
    const found = record.hosts.find((one) => one.name === which);
    if (!found) throw new Error(`set ${name} has no host ${which}`);
    return createHost(name, found, cgroups);
  };
  const third = record.hosts.some((one) => one.name === 'c') ? { c: host('c') } : {};
  const [a, b] = [host('a'), host('b')];
  const down = async () => await removeSet(name);
  return {
    name,
    a,
    b,
    ...third,
    nodes: third.c ? [a, b, third.c] : [a, b],
    client: host('client'),
    switch: host('switch'),
    dataSubnet: `198.19.${slot}.0/24`,
    clientAddress: `198.19.${slot}.9`,
    stableIp: (last) => `198.19.${slot}.${last}`,
    down,
    [Symbol.asyncDispose]: down,
  };
}

function pidOf(record: SetRecord, host: string): number {
  return record.hosts.find((one) => one.name === host)?.init.pid ?? 0;
}

function mgmtAddress(slot: number, host: string): string {
  const last = { a: 11, b: 12, c: 13 }[host];
  return last === undefined ? '' : `198.18.${slot}.${last}`;
}

function legsOf({ name, init: { pid }, mgmtAddress: address, dataUplink }: HostRecord, slot: number): Leg[] {
  if (name === 'switch') return [];
  const data = { pid, host: name, network: 'data', ifName: dataUplink } as const;
  if (name === 'client') return [{ ...data, address: `198.19.${slot}.9/24` }];
  return [{ pid, host: name, network: 'mgmt', ifName: 'eth0', address: `${address}/24` }, data];
}

/** Lets hosts call each other by name on the management network. */
async function nameHosts({ nodes }: HostSet): Promise<void> {
  const lines = ['127.0.0.1 localhost', ...nodes.map((host) => `${host.mgmtAddress} ${host.name}`)];
  await Promise.all(
    nodes.map(async (host) => await host.must(['sh', '-c', 'cat >/etc/hosts'], { input: `${lines.join('\n')}\n` })),
  );
}
