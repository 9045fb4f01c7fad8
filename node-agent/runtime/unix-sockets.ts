// What the kernel's socket diagnosis says of unix sockets: who is at the other end, and what waits.

const familyUnix = 1;
const stateListen = 10;
/** UDIAG_SHOW_PEER, UDIAG_SHOW_ICONS and UDIAG_SHOW_RQLEN. */
const shown = 0x4 | 0x8 | 0x10;
const UNIX_DIAG_PEER = 2;
const UNIX_DIAG_ICONS = 3;
const UNIX_DIAG_RQLEN = 4;
/** struct unix_diag_msg, before its attributes. */
const messageBytes = 16;

export interface UnixSocket {
  inode: number;
  listening: boolean;
  /** Inode of the socket at the other end; 0 when there is none. */
  peer: number;
  /** Connections that wait to be accepted, of a listening socket. */
  waiting: number;
  /** Inodes of the sockets that wait in it to be accepted; 0 for one that was closed. */
  connecting: readonly number[];
  /** What it has sent and nobody has read, of a socket that does not listen. */
  unsentBytes: number;
}

/** struct unix_diag_req */
export function unixQuestion(which: 'all' | 'listening'): Buffer {
  const question = Buffer.alloc(24);
  question.writeUInt8(familyUnix, 0);
  question.writeUInt32LE(which === 'all' ? 0xffff_ffff : 1 << stateListen, 4);
  question.writeUInt32LE(shown, 12);
  return question;
}

/** One answer: struct unix_diag_msg with its attributes. */
export function parseUnixSocket(message: Buffer): UnixSocket {
  const found = attributes(message.subarray(messageBytes));
  const listening = message.readUInt8(2) === stateListen;
  const queues = found.get(UNIX_DIAG_RQLEN);
  const connecting = found.get(UNIX_DIAG_ICONS);
  return {
    inode: message.readUInt32LE(4),
    listening,
    peer: found.get(UNIX_DIAG_PEER)?.readUInt32LE(0) ?? 0,
    waiting: listening ? (queues?.readUInt32LE(0) ?? 0) : 0,
    connecting: Array.from(
      { length: (connecting?.length ?? 0) / 4 },
      (_, index) => connecting?.readUInt32LE(4 * index) ?? 0,
    ),
    unsentBytes: listening ? 0 : (queues?.readUInt32LE(4) ?? 0),
  };
}

function attributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) break;
    found.set(bytes.readUInt16LE(at + 2), bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}
