// Asks the kernel's socket diagnosis for what /proc does not tell: who is at the other end of a unix socket, and which sockets are MPTCP.
import { readFileSync } from 'node:fs';
import { KernelRefusal } from '#cni/netlink/kernel-refusal.ts';
import type { Inspection, UnixSocket } from '#agent/preflight/inspection.ts';
import { internetFamilies, SocketDiagnosis } from '#agent/runtime/socket-diagnosis.ts';

const familyUnix = 1;
const stateListen = 10;
/** UDIAG_SHOW_PEER and UDIAG_SHOW_RQLEN. */
const showPeerAndQueue = 0x4 | 0x10;
const UNIX_DIAG_PEER = 2;
const UNIX_DIAG_RQLEN = 4;
/** struct unix_diag_msg, before its attributes. */
const unixMessageBytes = 16;
const INET_DIAG_REQ_PROTOCOL = 3;
const protocolMptcp = 262;
/** Offset of `idiag_inode` in struct inet_diag_msg. */
const internetInodeOffset = 68;

/** Sockets of the network namespace that process `pid` lives in. */
export function readSockets(pid: number): Pick<Inspection, 'unixSockets' | 'mptcpInodes' | 'unreadNetlinkInodes'> {
  using diagnosis = new SocketDiagnosis(`/proc/${pid}/ns/net`);
  return {
    unixSockets: diagnosis.dump(allUnix()).map(parseUnixSocket),
    mptcpInodes: new Set(internetFamilies.flatMap((family) => mptcpInodes(diagnosis, family))),
    unreadNetlinkInodes: parseUnreadNetlink(readFileSync(`/proc/${pid}/net/netlink`, 'utf8')),
  };
}

/** struct unix_diag_req */
function allUnix(): Buffer {
  const question = Buffer.alloc(24);
  question.writeUInt8(familyUnix, 0);
  question.writeUInt32LE(0xffff_ffff, 4);
  question.writeUInt32LE(showPeerAndQueue, 12);
  return question;
}

/** One answer: struct unix_diag_msg with its attributes. */
export function parseUnixSocket(message: Buffer): UnixSocket {
  const found = attributes(message.subarray(unixMessageBytes));
  const listening = message.readUInt8(2) === stateListen;
  return {
    inode: message.readUInt32LE(4),
    listening,
    peer: found.get(UNIX_DIAG_PEER)?.readUInt32LE(0) ?? 0,
    waiting: listening ? (found.get(UNIX_DIAG_RQLEN)?.readUInt32LE(0) ?? 0) : 0,
  };
}

function attributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) break;
    found.set(bytes.readUInt16LE(at + 2), bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

/** struct inet_diag_req_v2 and one attribute, since the protocol's number does not fit into the struct. */
function mptcpInodes(diagnosis: SocketDiagnosis, family: number): number[] {
  const question = Buffer.alloc(56 + 8);
  question.writeUInt8(family, 0);
  question.writeUInt32LE(0xffff_ffff, 4);
  question.writeUInt16LE(8, 56);
  question.writeUInt16LE(INET_DIAG_REQ_PROTOCOL, 58);
  question.writeUInt32LE(protocolMptcp, 60);
  try {
    return diagnosis.dump(question).map((socket) => socket.readUInt32LE(internetInodeOffset));
  } catch (error) {
    if (error instanceof KernelRefusal && error.code === 'ENOENT') return []; // a kernel without MPTCP
    throw error;
  }
}

/** Inodes of the sockets in /proc/net/netlink whose answers were not read. */
export function parseUnreadNetlink(table: string): Set<number> {
  const sockets = table.split('\n').slice(1).map((line) => line.trim().split(/\s+/));
  return new Set(sockets.filter(([, , , , unread = '0']) => unread !== '0').map((columns) => Number(columns.at(-1))));
}
