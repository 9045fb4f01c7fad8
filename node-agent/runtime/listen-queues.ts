// Connections that a program has not accepted yet, asked of the kernel's socket diagnosis: /proc/net/tcp walks all sockets of the
// machine (3.6 ms a table here), this only the listening ones (0.1 ms), and it is asked inside the freeze.
import { closeSync } from 'node:fs';
import { netlinkOpen, netlinkRequest } from '#cni/native/addon.ts';
import { enterNetns } from '#cni/link/netns.ts';
import { readReply } from '#cni/netlink/route-socket.ts';

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const FLAG_REQUEST_DUMP = 0x301;
const headerBytes = 16;
/** struct inet_diag_req_v2 */
const requestBytes = 56;
const families = [2, 10];
const protocolTcp = 6;
const stateListen = 1 << 10;
/** Offset of `idiag_rqueue` in struct inet_diag_msg: for a listening socket the length of its accept queue. */
const queueOffset = 56;

function request(family: number): Buffer {
  const message = Buffer.alloc(headerBytes + requestBytes);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  message.writeUInt16LE(FLAG_REQUEST_DUMP, 6);
  message.writeUInt8(family, headerBytes);
  message.writeUInt8(protocolTcp, headerBytes + 1);
  message.writeUInt32LE(stateListen, headerBytes + 4);
  return message;
}

export class ListenQueues {
  readonly #fd: number;

  /** @param netns path of the network namespace, e.g. `/proc/PID/ns/net`; ERR_CNI_NETNS when it is none */
  constructor(netns: string) {
    this.#fd = enterNetns(netns, () => netlinkOpen(NETLINK_SOCK_DIAG));
  }

  /** Connections waiting in all listening TCP sockets of the namespace. */
  waiting(): number {
    const sockets = families.flatMap((family) => readReply(netlinkRequest(this.#fd, request(family))));
    return sockets.reduce((sum, socket) => sum + socket.readUInt32LE(queueOffset), 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
