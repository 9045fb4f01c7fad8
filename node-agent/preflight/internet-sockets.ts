// Reads the TCP, UDP and raw sockets of a network namespace from /proc/PID/net.
import { readFileSync } from 'node:fs';
import { hasErrno } from '#core/errno.ts';

export interface InternetSocket {
  family: 4 | 6;
  localAddress: string;
  localPort: number;
  remoteAddress: string;
  remotePort: number;
  state: 'established' | 'listen' | 'time-wait' | 'other';
  inode: number;
}

const states: Record<string, InternetSocket['state']> = { '01': 'established', '06': 'time-wait', '0A': 'listen' };

/** Parses the text of one table. Addresses are plain text, IPv6 uncompressed (`0:0:...:1`). */
export function parseSocketTable(text: string, family: 4 | 6): InternetSocket[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', remote = '', state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
      if (inode === '') return [];
      const [localAddress, localPort] = endpoint(local);
      const [remoteAddress, remotePort] = endpoint(remote);
      return [
        {
          family,
          localAddress,
          localPort,
          remoteAddress,
          remotePort,
          state: states[state] ?? 'other',
          inode: Number(inode),
        },
      ];
    });
}

function endpoint(text: string): [address: string, port: number] {
  const [address = '', port = '0'] = text.split(':');
  return [address.length === 8 ? ipv4(address) : ipv6(address), Number.parseInt(port, 16)];
}

/** The kernel prints 32-bit words in host order, which is little-endian on the machines we run on. */
function littleEndianBytes(hex: string): number[] {
  return [...hex.matchAll(/../g)].map(([byte]) => Number.parseInt(byte, 16)).toReversed();
}

function ipv4(hex: string): string {
  return littleEndianBytes(hex).join('.');
}

function ipv6(hex: string): string {
  const bytes = [...hex.matchAll(/.{8}/g)].flatMap(([word]) => littleEndianBytes(word));
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (mapped) return bytes.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0));
  return groups.map((group) => group.toString(16)).join(':');
}

/** TCP sockets of the network namespace that `pid` lives in. */
export const readTcpSockets = (pid: number): InternetSocket[] => readTables(pid, 'tcp');

/** UDP, UDP-Lite and raw sockets; their state says little: it is that of TCP with the same number. */
export const readDatagramSockets = (pid: number): InternetSocket[] =>
  ['udp', 'udplite', 'raw'].flatMap((protocol) => readTables(pid, protocol));

function readTables(pid: number, protocol: string): InternetSocket[] {
  return [...parseSocketTable(readTable(pid, protocol), 4), ...parseSocketTable(readTable(pid, `${protocol}6`), 6)];
}

function readTable(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/net/${name}`, 'utf8');
  } catch (error) {
    if (hasErrno(error, ['ENOENT'])) return ''; // no IPv6 on this kernel, or the process ended
    throw error;
  }
}

/** Connections that a handover carries: alive, and to somewhere else than the namespace itself. */
export function liveConnections(sockets: readonly InternetSocket[]): InternetSocket[] {
  return sockets.filter(({ state, inode }) => inode !== 0 && (state === 'established' || state === 'other'));
}
