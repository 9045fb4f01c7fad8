// Asks the kernel's socket diagnosis for what /proc does not tell: who is at the other end of a unix socket, which
// sockets are MPTCP, and which have keys.
import { readFileSync } from 'node:fs';
import { KernelRefusal } from '#cni/netlink/kernel-refusal.ts';
import type { Inspection } from '#agent/preflight/inspection.ts';
import { inodeOffset, securedTcpSockets } from '#agent/preflight/secured-tcp.ts';
import { internetFamilies, SocketDiagnosis } from '#agent/runtime/socket-diagnosis.ts';
import { parseUnixSocket, unixQuestion } from '#agent/runtime/unix-sockets.ts';
import { parseUnreadNetlink } from '#agent/runtime/unread-netlink.ts';

const INET_DIAG_REQ_PROTOCOL = 3;
const protocolMptcp = 262;

/** Sockets of the network namespace that process `pid` lives in. */
export function readSockets(
  pid: number,
): Pick<Inspection, 'unixSockets' | 'mptcpInodes' | 'securedTcp' | 'unreadNetlinkInodes'> {
  using diagnosis = new SocketDiagnosis(`/proc/${pid}/ns/net`);
  return {
    unixSockets: diagnosis.dump(unixQuestion('all')).map(parseUnixSocket),
    mptcpInodes: new Set(internetFamilies.flatMap((family) => mptcpInodes(diagnosis, family))),
    securedTcp: securedTcpSockets(diagnosis),
    unreadNetlinkInodes: parseUnreadNetlink(readFileSync(`/proc/${pid}/net/netlink`, 'utf8')),
  };
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
    return diagnosis.dump(question).map((socket) => socket.readUInt32LE(inodeOffset));
  } catch (error) {
    if (error instanceof KernelRefusal && error.code === 'ENOENT') return []; // a kernel without MPTCP
    throw error;
  }
}
