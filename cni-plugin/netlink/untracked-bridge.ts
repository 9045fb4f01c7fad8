// Frames of a stable bridge must not meet connection tracking: a flow that comes back to a node would find state of its
// first stay and be dropped.
import { closeSync } from 'node:fs';
import { HEADER_LENGTH, formatHeader, putU32 } from 'netlink/dist/structs.js';
import { netlinkOpen, netlinkRequest } from '#cni/native/addon.ts';
import { attributes } from './link-messages.ts';
import { createFlags, readReply } from './route-socket.ts';

const NETLINK_NETFILTER = 12;
const NFTABLES = 10;
const REQUEST = 1;
const ACK = 4;
const batch = { begin: 0x10, end: 0x11 } as const;
const command = { newTable: 0, deleteTable: 2, newChain: 3, newRule: 6 } as const;
/** Both IP versions; bridged packets show the bridge as the interface they came in on. */
const INET = 1;
/** The priority of netfilter's table `raw`, before connection tracking. */
const RAW = -300;
const NAME_BYTES = 16;
const META_INPUT_NAME = 6;

/**
 * In the current network namespace, installs a table of its own that exempts what comes in on the bridge; a table of an
 * earlier call is replaced in the same step. Throws KernelRefusal where the kernel has no nftables.
 */
export function exemptFromTracking(bridge: string): void {
  request(exemption(bridge));
}

/** Its undo, harmless when there is no such table. Throws KernelRefusal where the kernel has no nftables. */
export function trackAgain(bridge: string): void {
  request(
    Buffer.concat([
      message(batch.begin, 0, Buffer.alloc(0)),
      ...noTable(text(`godwit-${bridge}`), ACK),
      message(batch.end, 0, Buffer.alloc(0)),
    ]),
  );
}

function request(messages: Buffer): void {
  const socket = netlinkOpen(NETLINK_NETFILTER);
  try {
    readReply(netlinkRequest(socket, messages));
  } finally {
    closeSync(socket);
  }
}

/** A table is made before it is deleted: one that is not there cannot be. */
function noTable(table: Buffer, flags = 0): Buffer[] {
  return [
    nft(command.newTable, createFlags.create, attributes([1, table])),
    nft(command.deleteTable, flags, attributes([1, table])),
  ];
}

function exemption(bridge: string): Buffer {
  const table = text(`godwit-${bridge}`);
  const chain = text('prerouting');
  const hook = attributes([1, be32(0)], [2, be32(RAW)]);
  return Buffer.concat([
    message(batch.begin, 0, Buffer.alloc(0)),
    ...noTable(table),
    nft(command.newTable, createFlags.create, attributes([1, table])),
    nft(command.newChain, createFlags.create, attributes([1, table], [3, chain], [4, hook], [7, text('filter')])),
    nft(
      command.newRule,
      createFlags.create | createFlags.append | ACK,
      attributes([1, table], [2, chain], [4, cameInOn(bridge)]),
    ),
    message(batch.end, 0, Buffer.alloc(0)),
  ]);
}

/** Expressions: interface name equals the bridge's; then notrack. */
function cameInOn(bridge: string): Buffer {
  const name = Buffer.alloc(NAME_BYTES);
  name.write(bridge);
  return attributes(
    [1, expression('meta', attributes([2, be32(META_INPUT_NAME)], [1, be32(1)]))],
    [1, expression('cmp', attributes([1, be32(1)], [2, be32(0)], [3, attributes([1, name])]))],
    [1, attributes([1, text('notrack')])],
  );
}

function expression(name: string, data: Buffer): Buffer {
  return attributes([1, text(name)], [2, data]);
}

function nft(type: number, flags: number, body: Buffer): Buffer {
  return message((NFTABLES << 8) | type, flags, body);
}

/** A netfilter message: netlink header, family, version 0, and for the batch marks the subsystem. */
function message(type: number, flags: number, body: Buffer): Buffer {
  const isMark = type === batch.begin || type === batch.end;
  const payload = Buffer.concat([Buffer.of(isMark ? 0 : INET, 0, 0, isMark ? NFTABLES : 0), body]);
  const padding = Buffer.alloc(-payload.length & 3);
  return Buffer.concat([
    formatHeader({ length: HEADER_LENGTH + payload.length, type, flags: flags | REQUEST, seq: 1, port: 0 }),
    payload,
    padding,
  ]);
}

function be32(value: number): Buffer {
  return putU32(value >>> 0).swap32();
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}
