// Network devices over routing netlink: look up, create, change, delete.
import { AttrStream, parseAttributes, putU16, putU32, putU8, readS32, readU32 } from 'netlink/dist/structs.js';
import { formatLinkAttrs, type LinkAttrs } from 'netlink/dist/rt/ifla.js';
import { formatLink, parseLink, type Link } from 'netlink/dist/rt/structs.js';
import { formatMac, parseMac } from '../link/mac.ts';
import { createFlags, unlessRefused, type RouteSocket } from './route-socket.ts';

const NEWLINK = 16;
const DELLINK = 17;
const GETLINK = 18;
const LINK_BYTES = 16;
const attribute = { address: 1, name: 3, mtu: 4, master: 10, info: 18, group: 27 } as const;
const AF_INET6 = 10;
/** RTEXT_FILTER_SKIP_STATS: counting over all CPUs is most of the work of a look-up. */
const withoutStatistics = putU32(8);

export interface LinkFacts {
  index: number;
  name: string;
  mac: string;
  mtu: number;
  up: boolean;
  /** Index of the bridge that the device is a port of; 0 for none. */
  master: number;
  group: number;
  /** Driver word: `veth`, `bridge`, `vxlan`; empty for a physical device. */
  kind: string;
}

export interface LinkChange {
  name?: string;
  mac?: string;
  mtu?: number;
  up?: boolean;
  /** 0 takes the device out of its bridge. */
  master?: number;
  group?: number;
  /** How the kernel makes the device's own IPv6 link-local address. */
  linkLocal?: 'eui64' | 'none';
}

export function findLink(socket: RouteSocket, name: string): LinkFacts | undefined {
  let found: Buffer[] = [];
  const known = unlessRefused(['ENODEV'], () => {
    found = socket.request(GETLINK, 0, (out) => writeLink(out, {}, { ifname: name, extMask: withoutStatistics }));
  });
  const payload = found[0];
  return known && payload !== undefined ? parseFacts(payload) : undefined;
}

export function allLinks(socket: RouteSocket): LinkFacts[] {
  return socket
    .dump(GETLINK, (out) => writeLink(out, {}, { extMask: withoutStatistics }))
    .map((payload) => parseFacts(payload));
}

export function changeLink(socket: RouteSocket, index: number, change: LinkChange): void {
  socket.request(NEWLINK, 0, (out) => writeLink(out, { index, ...upFlags(change) }, changeAttrs(change)));
}

/**
 * A bridge that floods at once (no spanning tree) and leaves multicast snooping out: neighbour discovery must not wait
 * for a querier.
 */
export function createBridge(socket: RouteSocket, name: string, mtu: number): void {
  const snoopingOff = attributes([23, putU8(0)]);
  createLink(socket, { ifname: name, mtu }, 'bridge', snoopingOff);
}

/** VXLAN over the address `local`, at most one device of an id and port in a namespace. */
export function createVxlan(
  socket: RouteSocket,
  name: string,
  vxlan: { id: number; local: Buffer; port: number; mtu: number },
): void {
  const port = putU16(vxlan.port).swap16();
  const data = attributes(
    [1, putU32(vxlan.id)],
    [vxlan.local.length === 4 ? 4 : 17, vxlan.local],
    [7, putU8(1)],
    [15, port],
  );
  createLink(socket, { ifname: name, mtu: vxlan.mtu }, 'vxlan', data);
}

/** A veth pair whose second end is born in another namespace with its final name and MAC. */
export function createVeth(
  socket: RouteSocket,
  host: { name: string; mtu: number },
  peer: { name: string; mac: string; mtu: number; netnsFd: number },
): void {
  const peerMessage = new AttrStream();
  writeLink(peerMessage, {}, { ifname: peer.name, address: parseMac(peer.mac), mtu: peer.mtu, netNsFd: peer.netnsFd });
  createLink(socket, { ifname: host.name, mtu: host.mtu }, 'veth', attributes([1, Buffer.concat(peerMessage.bufs)]));
}

function createLink(socket: RouteSocket, attrs: LinkAttrs, kind: string, data: Buffer): void {
  const linkinfo = attributes([1, Buffer.from(`${kind}\0`)], [2, data]);
  socket.request(NEWLINK, createFlags.create | createFlags.exclusive, (out) =>
    writeLink(out, {}, { ...attrs, linkinfo }),
  );
}

/**
 * Deletes all devices of a group in one go, off the event loop: each deletion waits for RCU, together they wait once.
 */
export async function deleteGroup(socket: RouteSocket, group: number): Promise<void> {
  await socket.requestOffLoop(DELLINK, 0, (out) => writeLink(out, {}, { group }));
}

function upFlags({ up }: LinkChange): Link {
  return up === undefined ? {} : { flags: up ? { up: true } : {}, change: { up: true } };
}

function changeAttrs({ name, mac, mtu, master, group, linkLocal }: LinkChange): LinkAttrs {
  return {
    ...(name !== undefined && { ifname: name }),
    ...(mac !== undefined && { address: parseMac(mac) }),
    ...(mtu !== undefined && { mtu }),
    ...(master !== undefined && { master }),
    ...(group !== undefined && { group }),
    ...(linkLocal !== undefined && {
      afSpec: new Map([[AF_INET6, attributes([8, putU8(linkLocal === 'eui64' ? 0 : 1)])]]),
    }),
  };
}

function writeLink(out: AttrStream, data: Link, attrs: LinkAttrs): void {
  out.emit(formatLink(data));
  out.emit(formatLinkAttrs(attrs));
}

/** Netlink attributes one after the other, as bytes. */
export function attributes(...list: [type: number, data: Buffer][]): Buffer {
  const out = new AttrStream();
  for (const [type, data] of list) out.push(type, data);
  return Buffer.concat(out.bufs);
}

/** Reads only what is needed: newer kernels add attributes that the library's full parser does not know. */
function parseFacts(payload: Buffer): LinkFacts {
  const facts: LinkFacts = {
    index: readS32.call(payload, 4),
    name: '',
    mac: '',
    mtu: 0,
    up: parseLink(payload.subarray(0, LINK_BYTES)).flags?.up ?? false,
    master: 0,
    group: 0,
    kind: '',
  };
  parseAttributes(payload.subarray(LINK_BYTES), ({ type, data }) => {
    if (type === attribute.name) facts.name = text(data);
    if (type === attribute.address && data.length === 6) facts.mac = formatMac(data);
    if (type === attribute.mtu) facts.mtu = readU32.call(data, 0);
    if (type === attribute.master) facts.master = readU32.call(data, 0);
    if (type === attribute.group) facts.group = readU32.call(data, 0);
    if (type === attribute.info) facts.kind = parseKind(data);
  });
  return facts;
}

function parseKind(info: Buffer): string {
  let kind = '';
  parseAttributes(info, ({ type, data }) => {
    if (type === 1) kind = text(data);
  });
  return kind;
}

function text(data: Buffer): string {
  return data.toString('utf8').replace(/\0+$/, '');
}
