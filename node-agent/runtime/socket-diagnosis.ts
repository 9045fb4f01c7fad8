// The kernel's socket diagnosis in a network namespace: it tells what /proc does not, and walks only what it is asked
// for.
import { closeSync } from 'node:fs';
import { netlinkOpen, netlinkRequest } from '#cni/native/addon.ts';
import { enterNetns } from '#cni/link/netns.ts';
import { readReply } from '#cni/netlink/route-socket.ts';

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const FLAG_REQUEST_DUMP = 0x301;
const headerBytes = 16;

/** Address families of IPv4 and IPv6. */
export const internetFamilies = [2, 10] as const;

const protocolTcp = 6;

/**
 * Asks for the TCP sockets of a family: a struct inet_diag_req_v2.
 *
 * @param states a bit for each state that is wanted
 * @param extensions a bit for each attribute beyond the usual, counted from that of number 1
 */
export function tcpQuestion(family: number, states: number, extensions = 0): Buffer {
  const question = Buffer.alloc(56);
  question.writeUInt8(family, 0);
  question.writeUInt8(protocolTcp, 1);
  question.writeUInt8(extensions, 2);
  question.writeUInt32LE(states, 4);
  return question;
}

export class SocketDiagnosis implements Disposable {
  readonly #fd: number;

  /** @param netns path of the network namespace, e.g. `/proc/PID/ns/net`; ERR_CNI_NETNS when it is none */
  constructor(netns: string) {
    this.#fd = enterNetns(netns, () => netlinkOpen(NETLINK_SOCK_DIAG));
  }

  /**
   * All sockets that fit the question, one message of the kernel each; throws KernelRefusal.
   * @param question a `struct *_diag_req` of the family, with attributes where it has any
   */
  dump(question: Buffer): Buffer[] {
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(headerBytes + question.length, 0);
    header.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
    header.writeUInt16LE(FLAG_REQUEST_DUMP, 6);
    return readReply(netlinkRequest(this.#fd, Buffer.concat([header, question])));
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
