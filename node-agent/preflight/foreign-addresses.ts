// Addresses of live connections that do not move with the container: their sockets will be reset on the target.
import { isIP } from 'node:net';
import { IPv6 } from 'ip-num';
import { liveConnections, type TcpSocket } from '#agent/preflight/tcp-sockets.ts';

/** @param stable addresses that move with the container, without prefix. Loopback stays what it is. */
export function foreignAddresses(sockets: readonly TcpSocket[], stable: readonly string[]): string[] {
  const own = new Set(stable.map(canonical));
  const foreign = liveConnections(sockets)
    .map(({ localAddress }) => canonical(localAddress))
    .filter((address) => !own.has(address) && !isLoopback(address));
  return [...new Set(foreign)];
}

/** One text for one address; IPv6 as eight groups. */
function canonical(address: string): string {
  return isIP(address) === 6 ? IPv6.fromString(address).toString() : address;
}

function isLoopback(address: string): boolean {
  return (
    address.startsWith('127.') ||
    address === '0:0:0:0:0:0:0:1' ||
    address === '0.0.0.0' ||
    address === '0:0:0:0:0:0:0:0'
  );
}
