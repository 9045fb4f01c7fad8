// How large a packet a stable network of this node takes on its way to the other nodes: the smallest device decides.
import { familyOf } from '#core/addresses/text.ts';
import { addressesOf } from '../netlink/address-messages.ts';
import { allLinks, type LinkFacts } from '../netlink/link-messages.ts';
import type { RouteSocket } from '../netlink/route-socket.ts';
import type { Network } from '../network-config.ts';
import type { PathMtu } from '../port.ts';

/** Outer Ethernet, IP, UDP and VXLAN headers within the underlay's packet. */
const overheadBytes = { 4: 50, 6: 70 } as const;

/** Devices that are not there yet will be made with the network's own MTU. */
export function pathMtu(route: RouteSocket, network: Network): PathMtu {
  const links = allLinks(route);
  const named = (name: string | null): PathMtu[] =>
    links.filter((link) => link.name === name).map(({ mtu }) => ({ mtu, device: name ?? '' }));
  const ways = [...named(network.bridge), ...named(network.uplinkName), ...underlay(route, links, network)];
  return smallest([{ mtu: network.mtu, device: 'its configuration' }, ...ways]);
}

/** The device that has the tunnel's own address, less what the tunnel adds. */
function underlay(route: RouteSocket, links: readonly LinkFacts[], { vxlan }: Network): PathMtu[] {
  if (vxlan === undefined) return [];
  const carrier = links.find(({ index }) =>
    addressesOf(route, index).some((address) => address.split('/')[0] === vxlan.local),
  );
  if (carrier === undefined) return [];
  const mtu = carrier.mtu - overheadBytes[familyOf(vxlan.local)];
  return [{ mtu, device: `${carrier.name} under the tunnel` }];
}

function smallest(ways: readonly PathMtu[]): PathMtu {
  return ways.reduce((least, way) => (way.mtu < least.mtu ? way : least));
}
