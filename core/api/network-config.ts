// A StableNetwork as the CNI configuration that the plugin reads: in NetworkAttachmentDefinitions, and on each node.
import type { StableNetwork } from '#core/api/stable-network.ts';

/** What only a node knows; a NetworkAttachmentDefinition is the same for all nodes, and leaves it out. */
export interface NodeLegs {
  /** The node's own internal address. */
  local: string;
  /** Those of all other nodes. */
  peers: readonly string[];
}

/** Where no bridge is named: one a network, at most 15 characters. */
export function defaultBridge(network: string): string {
  return `gw-${network}`.slice(0, 15);
}

export function networkConfig({ metadata, spec }: StableNetwork, legs?: NodeLegs): Record<string, unknown> {
  const { ranges, mode, bridge = defaultBridge(metadata.name), uplink, vxlan, mtu, routes = [] } = spec;
  return {
    cniVersion: '1.0.0',
    name: metadata.name,
    type: 'godwit',
    mode: mode === 'VXLAN' ? 'vxlan' : 'bridge',
    bridge,
    mtu,
    ...(uplink === undefined ? {} : { uplink }),
    ...(vxlan === undefined
      ? {}
      : { vxlan: { ...vxlan, ...(legs === undefined ? {} : { local: legs.local, peers: [...legs.peers] }) } }),
    ipam: { ranges: ranges.map(({ cidr, ...others }) => ({ subnet: cidr, ...others })), routes },
    capabilities: { ips: true, mac: true },
  };
}
