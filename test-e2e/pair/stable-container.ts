// A workload in a container with a stable address, started on plain hosts as the quickstart shows it.
import { GodwitError } from '#core/errors.ts';
import type { WorkloadRun, Workload } from '#workloads/workload.ts';
import { startClient } from '#workloads/workload.ts';
import { removeContainer, runContainer, type ContainerOptions } from '#hosts/containers.ts';
import type { Host } from '#hosts/host.ts';
import { stableNetwork, type Pair } from './pair.ts';

export interface StableContainer {
  id: string;
  address: string;
  /** Starts the workload's client program on the client host. */
  connect(options?: Readonly<Record<string, number>>): Promise<WorkloadRun>;
  /** Removes the container and its link from `host`, where it runs now. */
  remove(host: Host): Promise<void>;
}

export type StableOptions = Partial<Omit<ContainerOptions, 'id' | 'image' | 'netns'>>;

/** Makes a namespace with a stable link on `host` and runs the workload in it. */
export async function startStable(
  pair: Pair,
  host: Host,
  workload: Workload,
  address: string,
  options: StableOptions = {},
): Promise<StableContainer> {
  const id = `${workload.name}-${address.split('.').at(-1) ?? ''}`;
  await addStableLink(host, id, address);
  await runContainer(host, { id, image: workload.image, args: workload.args, ...options, netns: id });
  return {
    id,
    address,
    connect: (clientOptions) => startClient(workload, pair.hosts.client, address, clientOptions),
    async remove(where) {
      await removeContainer(where, id);
      await cni(where, 'DEL', id, address);
      await where.must(['ip', 'netns', 'del', id]);
    },
  };
}

/** Makes a network namespace with a stable link. */
export async function addStableLink(host: Host, netns: string, address: string): Promise<void> {
  await host.must(['ip', 'netns', 'add', netns]);
  await host.must(['ip', '-n', netns, 'link', 'set', 'lo', 'up']);
  await cni(host, 'ADD', netns, address);
}

/** Calls the CNI plugin as a container runtime would. */
async function cni(host: Host, command: 'ADD' | 'DEL', id: string, address: string): Promise<void> {
  const config = await host.must(['cat', '/etc/cni/net.d/10-stable.conf']);
  const input = JSON.stringify({
    ...JSON.parse(config),
    name: stableNetwork,
    runtimeConfig: { ips: [`${address}/24`] },
  });
  const env = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: id,
    CNI_NETNS: `/run/netns/${id}`,
    CNI_IFNAME: 'net1',
    CNI_PATH: '/opt/cni/bin',
  };
  const { code, stdout } = await host.exec(['/opt/cni/bin/godwit'], { input, env });
  if (code !== 0) throw new GodwitError('ERR_HOST_COMMAND', `CNI ${command} of ${id} failed: ${stdout}`); // the plugin's words are on stdout
}
