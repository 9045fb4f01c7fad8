// Two networks between the hosts of a set: mgmt (agents) and data (stable addresses), each a bridge in the switch's
// namespace.
import { mustRun } from './command.ts';

export interface Leg {
  /** First process of the host. */
  pid: number;
  host: string;
  network: 'mgmt' | 'data';
  ifName: string;
  /** `address/prefix`; without one the interface is only up. */
  address?: string;
}

/** Plugs every leg into its bridge. All interfaces vanish with the namespaces, so there is nothing to undo. */
export async function wire(switchPid: number, legs: readonly Leg[]): Promise<void> {
  const bridges = ['mgmt', 'data'].flatMap((network) => [
    `link add br-${network} type bridge mcast_snooping 0`,
    `link set br-${network} up`,
  ]);
  const ports = legs.flatMap(({ pid, host, network, ifName }) => {
    const port = portName(network, host);
    return [`link add ${port} type veth peer name ${ifName} netns ${pid}`, `link set ${port} master br-${network} up`];
  });
  await ipBatch(switchPid, [...bridges, ...ports]);
  for (const [pid, own] of Map.groupBy(legs, (leg) => leg.pid)) {
    const addresses = own.flatMap(({ ifName, address }) =>
      address === undefined ? [] : `addr add ${address} dev ${ifName}`,
    );
    await ipBatch(pid, addresses.concat(own.map(({ ifName }) => `link set ${ifName} up`)));
  }
}

/** Port of a host on the switch's bridge, e.g. `data-a`; its frames can be captured in the switch. */
export function portName(network: Leg['network'], host: string): string {
  return `${network}-${host}`;
}

async function ipBatch(pid: number, lines: readonly string[]): Promise<void> {
  await mustRun(['nsenter', `--target=${pid}`, '--net', 'ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
}
