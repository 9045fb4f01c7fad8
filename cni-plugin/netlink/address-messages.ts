// Addresses, routes, neighbours and forwarding entries over routing netlink.
import type { AttrStream } from 'netlink/dist/structs.js';
import {
  formatAddress,
  formatAddressAttrs,
  formatNeighbor,
  formatNeighborAttrs,
  formatRoute,
  formatRouteAttrs,
  parseAddressMessage,
  parseNeighborMessage,
  parseRouteMessage,
  type NeighborFlags,
  type NeighborState,
} from 'netlink/dist/rt/structs.js';
import { addressBytes, formatAddress as formatText, type Cidr } from '#core/addresses/text.ts';
import { formatMac, parseMac } from '../link/mac.ts';
import type { Neighbour } from '../port.ts';
import { createFlags, unlessRefused, type RouteSocket } from './route-socket.ts';

const message = {
  newAddress: 20,
  getAddress: 22,
  newRoute: 24,
  getRoute: 26,
  newNeighbour: 28,
  deleteNeighbour: 29,
  getNeighbour: 30,
} as const;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_BRIDGE = 7;
const MAIN_TABLE = 254;

function familyOf(bytes: Buffer): number {
  return bytes.length === 4 ? AF_INET : AF_INET6;
}

/** Adds the address without duplicate detection: it would fail or wait while the source still answers. */
export function addAddress(socket: RouteSocket, index: number, cidr: Cidr): void {
  const bytes = addressBytes(cidr.address);
  const write = (out: AttrStream): void => {
    out.emit(
      formatAddress({ family: familyOf(bytes), prefixlen: cidr.prefix, flags: { nodad: true }, scope: 0, index }),
    );
    out.emit(formatAddressAttrs({ address: bytes, local: bytes, flags: { nodad: true } }));
  };
  socket.request(message.newAddress, createFlags.create | createFlags.replace, write);
}

/** `address/prefix` texts of a device, without link-local ones. */
export function addressesOf(socket: RouteSocket, index: number): string[] {
  const list = socket
    .dump(message.getAddress, (out) => out.emit(formatAddress({ family: 0 })))
    .map((payload) => parseAddressMessage(payload));
  return list
    .filter(({ data }) => data.index === index && data.scope !== 253)
    .map(({ data, attrs }) => `${formatText(attrs.local ?? attrs.address ?? Buffer.alloc(4))}/${data.prefixlen}`);
}

export interface RouteFacts {
  /** Destination; all zeros with prefix 0 for the default route. */
  destination: Cidr;
  gateway?: string | undefined;
}

export function addRoute(socket: RouteSocket, index: number, { destination, gateway }: RouteFacts): void {
  const bytes = addressBytes(destination.address);
  const write = (out: AttrStream): void => {
    const scope = gateway === undefined ? 'LINK' : 'UNIVERSE';
    out.emit(
      formatRoute({
        family: familyOf(bytes),
        dstLen: destination.prefix,
        table: MAIN_TABLE,
        protocol: 'STATIC',
        scope,
        type: 'UNICAST',
      }),
    );
    out.emit(
      formatRouteAttrs({
        ...(destination.prefix > 0 && { dst: bytes }),
        oif: index,
        ...(gateway !== undefined && { gateway: addressBytes(gateway) }),
      }),
    );
  };
  socket.request(message.newRoute, createFlags.create | createFlags.replace, write);
}

/** Destinations of the main table that leave by this device. */
export function routesOf(socket: RouteSocket, index: number): RouteFacts[] {
  const list = socket
    .dump(message.getRoute, (out) => out.emit(formatRoute({ family: 0 })))
    .map((payload) => parseRouteMessage(payload));
  return list
    .filter(({ data, attrs }) => attrs.oif === index && data.table === MAIN_TABLE)
    .map(({ data, attrs }) => ({
      destination: {
        address: formatText(attrs.dst ?? Buffer.alloc(data.family === AF_INET ? 4 : 16)),
        prefix: data.dstLen ?? 0,
      },
      gateway: attrs.gateway === undefined ? undefined : formatText(attrs.gateway),
    }));
}

/** Resolved entries of a device: address and MAC, without multicast. */
export function neighboursOf(socket: RouteSocket, index: number): Omit<Neighbour, 'ifName'>[] {
  const list = [AF_INET, AF_INET6].flatMap((family) =>
    socket.dump(message.getNeighbour, (out) => out.emit(formatNeighbor({ family }))),
  );
  const resolved: Omit<Neighbour, 'ifName'>[] = [];
  for (const payload of list) {
    const { data, attrs } = parseNeighborMessage(payload);
    const usable =
      data.state !== undefined &&
      (data.state.reachable ?? data.state.stale ?? data.state.delay ?? data.state.probe ?? data.state.permanent);
    if (data.ifindex !== index || !usable || attrs.dst === undefined || attrs.lladdr?.length !== 6) continue;
    resolved.push({ address: formatText(attrs.dst), mac: formatMac(attrs.lladdr) });
  }
  return resolved;
}

/** Makes the entry usable at once; it ages like one that was just confirmed. */
export function setNeighbour(socket: RouteSocket, index: number, address: string, mac: string): void {
  const bytes = addressBytes(address);
  const write = (out: AttrStream): void => {
    out.emit(formatNeighbor({ family: familyOf(bytes), ifindex: index, state: { reachable: true } }));
    out.emit(formatNeighborAttrs({ dst: bytes, lladdr: parseMac(mac) }));
  };
  socket.request(message.newNeighbour, createFlags.create | createFlags.replace, write);
}

/**
 * Frames for `mac` that reach the bridge go to this port and nowhere else, whatever the bridge sees or saw elsewhere.
 */
export function forwardToPort(socket: RouteSocket, portIndex: number, mac: string): void {
  setForwarding(socket, portIndex, mac, { noarp: true }, { master: true, sticky: true });
}

/** Frames for `mac` that reach the bridge end at the bridge device itself, where a packet socket can keep them. */
export function forwardToBridge(socket: RouteSocket, bridgeIndex: number, mac: string): void {
  setForwarding(socket, bridgeIndex, mac, { permanent: true }, { self: true });
}

function setForwarding(
  socket: RouteSocket,
  index: number,
  mac: string,
  state: NeighborState,
  flags: NeighborFlags,
): void {
  socket.request(message.newNeighbour, createFlags.create | createFlags.replace, (out) => {
    out.emit(formatNeighbor({ family: AF_BRIDGE, ifindex: index, state, flags }));
    out.emit(formatNeighborAttrs({ lladdr: parseMac(mac) }));
  });
}

/** Undo of `forwardToBridge`; leaves an entry alone that meanwhile points to a port. */
export function forgetForwardToBridge(socket: RouteSocket, bridgeIndex: number, mac: string): void {
  const write = (out: AttrStream): void => {
    out.emit(formatNeighbor({ family: AF_BRIDGE, ifindex: bridgeIndex, flags: { self: true } }));
    out.emit(formatNeighborAttrs({ lladdr: parseMac(mac) }));
  };
  unlessRefused(['ENOENT', 'ENODEV'], () => socket.request(message.deleteNeighbour, 0, write));
}

/** Port index that the bridge has for `mac`, if any. */
export function forwardingPort(socket: RouteSocket, bridgeIndex: number, mac: string): number | undefined {
  const list = socket
    .dump(message.getNeighbour, (out) => out.emit(formatNeighbor({ family: AF_BRIDGE })))
    .map((payload) => parseNeighborMessage(payload));
  return list.find(
    ({ attrs }) => attrs.master === bridgeIndex && attrs.lladdr !== undefined && formatMac(attrs.lladdr) === mac,
  )?.data.ifindex;
}

/** Sends what a VXLAN device has no entry for to one more peer; twice is once. */
export function addFloodPeer(socket: RouteSocket, vxlanIndex: number, peer: string): void {
  const write = (out: AttrStream): void => {
    out.emit(
      formatNeighbor({
        family: AF_BRIDGE,
        ifindex: vxlanIndex,
        state: { permanent: true, noarp: true },
        flags: { self: true },
      }),
    );
    out.emit(formatNeighborAttrs({ lladdr: Buffer.alloc(6), dst: addressBytes(peer) }));
  };
  unlessRefused(['EEXIST'], () => socket.request(message.newNeighbour, createFlags.create | createFlags.append, write));
}
