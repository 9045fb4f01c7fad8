// Addresses that sockets are bound to and that do not move with the container: CRIU needs them to exist on the target
// while it restores.
import { isIP } from 'node:net';
import { IPv6 } from 'ip-num';
import { type InternetSocket, readDatagramSockets, readTcpSockets } from '#agent/preflight/internet-sockets.ts';

/** Such addresses in the network namespace that `pid` lives in. */
export const readForeignAddresses = (pid: number, stable: readonly string[]): string[] =>
  foreignAddresses([...readTcpSockets(pid), ...readDatagramSockets(pid)], stable);

/** @param stable addresses that move with the container, without prefix. Loopback stays what it is. */
export function foreignAddresses(sockets: readonly InternetSocket[], stable: readonly string[]): string[] {
  const own = new Set(stable.map(canonical));
  const foreign = sockets
    .filter(({ inode }) => inode !== 0) // a program still has it
    .map(({ localAddress }) => canonical(localAddress))
    .filter((address) => !own.has(address) && !isNoneToLend(address));
  return [...new Set(foreign)];
}

/** One text for one address; IPv6 as eight groups. */
function canonical(address: string): string {
  return isIP(address) === 6 ? IPv6.fromString(address).toString() : address;
}

/**
 * Loopback, no address at all, and addresses of groups: sockets can be bound to them on any node. Link-local ones
 * belong to their device, so that lo would be of no use.
 */
function isNoneToLend(address: string): boolean {
  if (isIP(address) === 6) return /^(ff|fe[89ab])/.test(address) || /^(0:){7}[01]$/.test(address);
  const [first = 0] = address.split('.').map(Number);
  return address === '0.0.0.0' || first === 127 || (first >= 224 && first < 240) || address === '255.255.255.255';
}
