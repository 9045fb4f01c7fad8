// Sockets on addresses that do not move: CRIU needs the address to exist while it restores, then what is connected is
// destroyed. Listeners and unconnected sockets stay, on an address that nobody reaches.
import { execFile } from 'node:child_process';
import { isIP } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);
const prefixed = (address: string): string => (isIP(address) === 6 ? `${address}/128` : `${address}/32`);
const inside = (netns: string, ...argv: string[]) => run('nsenter', [`--net=${netns}`, ...argv]);

/** Holds the addresses on lo, so that restored sockets can be bound and connected. */
export async function adoptForeignAddresses(netns: string, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const nodad = isIP(address) === 6 ? ['nodad'] : [];
    await inside(netns, 'ip', 'address', 'replace', prefixed(address), 'dev', 'lo', ...nodad);
  }
}

/**
 * Destroys what is connected on the addresses (the program sees an error) and takes the addresses away. Safe to call
 * twice.
 */
export async function dropForeignAddresses(netns: string, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    await inside(netns, 'ss', '--kill', '--tcp', '--udp', 'src', isIP(address) === 6 ? `[${address}]` : address);
    await inside(netns, 'ip', 'address', 'del', prefixed(address), 'dev', 'lo').catch(() => undefined); // gone already
  }
}
