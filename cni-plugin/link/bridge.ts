// The bridge of a stable network and its way to the other nodes: made when missing, left alone when right.
import { existsSync } from 'node:fs';
import { GodwitError } from '#core/errors.ts';
import type { Log } from '#core/log.ts';
import { addressBytes } from '#core/addresses/text.ts';
import { addFloodPeer, addressesOf } from '../netlink/address-messages.ts';
import { changeLink, createBridge, createVxlan, findLink, type LinkFacts } from '../netlink/link-messages.ts';
import { unlessRefused, type RouteSocket } from '../netlink/route-socket.ts';
import { exemptFromTracking } from '../netlink/untracked-bridge.ts';
import type { Network } from '../network-config.ts';
import type { HostSide } from './host-side.ts';
import type { NodeContext } from './node-context.ts';

/**
 * Index of the network's bridge, which is up and has its uplink. ERR_CNI_CONFIG when a device of the configuration is
 * not usable.
 */
export function ensureBridge({ host, log }: Pick<NodeContext, 'host' | 'log'>, network: Network): number {
  const { route } = host;
  exemptBridge(host, network.bridge, log);
  const bridge = findLink(route, network.bridge) ?? makeBridge(route, network);
  if (bridge.kind !== 'bridge') throw new GodwitError('ERR_CNI_CONFIG', `${network.bridge} is not a bridge`);
  if (!bridge.up) changeLink(route, bridge.index, { up: true });
  if (network.uplinkName !== null) ensureUplink(route, network, network.uplinkName, bridge.index);
  return bridge.index;
}

/** Once for each bridge and agent, and only where bridged frames pass netfilter at all. */
function exemptBridge({ untracked, inside }: HostSide, bridge: string, log: Log): void {
  if (untracked.has(bridge)) return;
  inside(() => {
    if (!existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables')) return;
    try {
      exemptFromTracking(bridge);
    } catch (error) {
      log.warn({ err: error, bridge }, 'bridge not exempted from connection tracking');
    }
  });
  untracked.add(bridge);
}

/** The bridge's MAC is set to the one it was born with: otherwise it changes whenever a port comes or goes. */
function makeBridge(route: RouteSocket, network: Network): LinkFacts {
  unlessRefused(['EEXIST'], () => createBridge(route, network.bridge, network.mtu));
  const bridge = findLink(route, network.bridge);
  if (bridge === undefined)
    throw new GodwitError('ERR_LINK_KERNEL', `bridge ${network.bridge} was made and is not there`);
  changeLink(route, bridge.index, { mac: bridge.mac, up: true });
  return bridge;
}

function ensureUplink(route: RouteSocket, network: Network, name: string, bridgeIndex: number): void {
  if (network.vxlan !== undefined) ensureTunnel(route, name, network.mtu, network.vxlan);
  const uplink = findLink(route, name);
  if (uplink === undefined) throw new GodwitError('ERR_CNI_CONFIG', `there is no uplink ${name} on this node`);
  if (uplink.master === bridgeIndex && uplink.up) return;
  if (uplink.master !== 0 && uplink.master !== bridgeIndex)
    throw new GodwitError('ERR_CNI_CONFIG', `uplink ${name} is a port of another bridge`);
  const [address] = addressesOf(route, uplink.index);
  if (address !== undefined)
    throw new GodwitError(
      'ERR_CNI_CONFIG',
      `uplink ${name} has the node's address ${address}, which would stop working; move it to the bridge first`,
    );
  changeLink(route, uplink.index, { up: true, master: bridgeIndex });
}

/** With a way to every peer: nodes come after the tunnel was made, and one that is known already stays as it is. */
function ensureTunnel(route: RouteSocket, name: string, mtu: number, vxlan: NonNullable<Network['vxlan']>): void {
  if (findLink(route, name) === undefined)
    createVxlan(route, name, { id: vxlan.id, local: addressBytes(vxlan.local), port: vxlan.port, mtu });
  const tunnel = findLink(route, name);
  for (const peer of vxlan.peers) if (tunnel !== undefined) addFloodPeer(route, tunnel.index, peer);
}
