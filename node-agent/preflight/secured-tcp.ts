// TCP sockets for which the kernel holds keys: nobody can read them, so nobody can move them. The kernel's socket
// diagnosis tells of them to who may administer the network.
import { internetFamilies, tcpQuestion, type SocketDiagnosis } from '#agent/runtime/socket-diagnosis.ts';

const everyState = 0xffff_ffff;
/** Asked for because keys are told with it. */
const INET_DIAG_INFO = 2;
const INET_DIAG_MD5SIG = 18;
const INET_DIAG_ULP_INFO = 19;
const INET_ULP_INFO_NAME = 1;
/** Nested attributes have a flag beside their type. */
const typeMask = 0x3fff;
/** Length of struct inet_diag_msg, and the offset of its inode. */
const messageBytes = 72;
export const inodeOffset = 68;

/** What lies over TCP and keeps nothing that a move would lose: MPTCP's own part, which is looked for by itself. */
const harmless: ReadonlySet<string> = new Set(['mptcp']);

/** Inodes of the namespace's TCP sockets with keys, and whose these are. */
export function securedTcpSockets(diagnosis: SocketDiagnosis): Map<number, string> {
  return new Map(
    internetFamilies.flatMap((family) =>
      diagnosis.dump(tcpQuestion(family, everyState, 1 << (INET_DIAG_INFO - 1))).flatMap(securedTcp),
    ),
  );
}

/** @param message struct inet_diag_msg with its attributes */
export function securedTcp(message: Buffer): [inode: number, keys: string][] {
  const found = attributesIn(message.subarray(messageBytes));
  const layer = attributesIn(found.get(INET_DIAG_ULP_INFO) ?? Buffer.alloc(0))
    .get(INET_ULP_INFO_NAME)
    ?.toString('latin1')
    .replace(/\0.*$/s, '');
  const keys = [
    ...(found.has(INET_DIAG_MD5SIG) ? ['MD5 signatures'] : []),
    ...(layer === undefined || harmless.has(layer) ? [] : [layer === 'tls' ? 'TLS of the kernel' : layer]),
  ];
  return keys.length === 0 ? [] : [[message.readUInt32LE(inodeOffset), keys.join(' and ')]];
}

function attributesIn(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) break;
    found.set(bytes.readUInt16LE(at + 2) & typeMask, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}
