// Takes everything of Godwit off a node: safe to run twice, and refused while somebody needs it.
import { rmSync, rmdirSync } from 'node:fs';
import { GodwitError } from '#core/errors.ts';
import { leaseSchema, type Lease } from '#cni/leases/lease.ts';
import { takeHandlerAway } from '#agent/install/configure-containerd.ts';
import { dropInDirectory, dropInPath } from '#agent/install/containerd-config.ts';
import type { ContainerdNode, NodeFiles } from '#agent/install/node-port.ts';
import { hasRecord } from '#agent/install/install-record.ts';
import { linksOfPods, podsOfWrapper } from '#agent/install/node-use.ts';
import { dumpOf } from '#agent/install/rehearsal.ts';
import { removePrograms } from '#agent/install/programs.ts';
import { presentDevices, removeDevices } from '#agent/install/stable-devices.ts';
import { ifThere, nodeFiles, onNode, runOnNode } from '#agent/install/this-node.ts';
import { pidsWhere } from '#agent/runtime/command-lines.ts';

export interface Installed {
  /** Directory of the programs, on the node as in the image. */
  programs: string;
  wrapper: string;
  cniBinary: string;
  runDirectory: string;
  /** Journals, leases, certificates, and the installer's record. */
  stateDirectory: string;
}

/**
 * @param containerd asked for only when there is something to take from it
 * @param force also from under pods that need it
 */
export async function uninstall(
  what: Installed,
  containerd: () => ContainerdNode,
  force: boolean,
  say: (text: string) => void,
): Promise<void> {
  const { programs, wrapper, cniBinary, runDirectory, stateDirectory } = what;
  const agents = pidsWhere((args) => args.includes(`${programs}/app/node-agent/main.ts`));
  if (agents.length > 0)
    throw new GodwitError('ERR_NODE_IN_USE', 'the node agent still runs on this node', { details: { agents } });
  const configured = nodeFiles.read(dropInPath) !== undefined || hasRecord(nodeFiles) ? containerd() : undefined;
  if (!force) await expectUnused(configured, wrapper);

  if (configured !== undefined && (await takeHandlerAway(configured)))
    say('containerd lost the runtime handler godwit and was restarted; pods went on');
  nodeFiles.remove(cniBinary);
  for (const bridge of await removeDevices(leasesIn(nodeFiles, `${stateDirectory}/leases`)))
    say(`bridge ${bridge} stays: others use it`);
  unmountBelow(`${programs}/bin/nsenter`, runDirectory);
  removePrograms(onNode(programs));
  for (const directory of [runDirectory, stateDirectory]) rmSync(onNode(directory), { recursive: true, force: true });
  if (nodeFiles.list(dropInDirectory).length === 0) ifThere(() => rmdirSync(onNode(dropInDirectory)));
  say('nothing of Godwit is left on this node');
}

async function expectUnused(node: ContainerdNode | undefined, wrapper: string): Promise<void> {
  const pods = node === undefined ? [] : podsOfWrapper(node, dumpOf(node).state, wrapper);
  if (pods.length > 0)
    throw new GodwitError('ERR_NODE_IN_USE', `pods of RuntimeClass godwit are on this node: ${pods.join(', ')}`, {
      details: { pods },
    });
  const links = linksOfPods(await presentDevices()).map(({ name }) => name);
  if (links.length > 0)
    throw new GodwitError(
      'ERR_NODE_IN_USE',
      `pods of this node have stable addresses, on the links ${links.join(', ')}`,
      { details: { links } },
    );
}

/** Leases that can be read; they name the bridges. */
function leasesIn(node: NodeFiles, directory: string): Lease[] {
  return node.list(directory).flatMap((name) => readLease(node.read(`${directory}/${name}`) ?? '') ?? []);
}

function readLease(text: string): Lease | undefined {
  try {
    return leaseSchema.parse(JSON.parse(text));
  } catch {
    return undefined; // damaged, or written by another version: it goes like all others
  }
}

function unmountBelow(nsenter: string, directory: string): void {
  const mounted = (nodeFiles.read('/proc/1/mountinfo') ?? '')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${directory}/`));
  for (const path of mounted.toReversed()) runOnNode(nsenter, 'umount', path);
}
