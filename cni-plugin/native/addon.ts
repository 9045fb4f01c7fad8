// The typed face of the N-API addon: namespaces, netlink in one step, raw frames, sockets of others, files that survive
// a power cut.
import { close } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';

interface Addon {
  inNetns(netnsFd: number, call: () => void): void;
  netlinkOpen(protocol: number): number;
  netlinkRequest(fd: number, message: Buffer): Buffer;
  netlinkRequestOffLoop(fd: number, message: Buffer): Promise<Buffer>;
  writeDurably(directoryFd: number, bytes: Buffer, name: string): Promise<void>;
  packetOpen(ifIndex?: number, mac?: Buffer, receiveBytes?: number): number;
  packetSend(fd: number, ifIndex: number, frame: Buffer): void;
  packetReceive(fd: number, max: number): Buffer[];
  packetDrops(fd: number): number;
  /** Takes all TCP sockets of a process out of repair mode; how many were in it. */
  endTcpRepair(pid: number): number;
}

const addon: Addon = createRequire(import.meta.url)('../../build/godwit-links.node');

export const {
  netlinkOpen,
  netlinkRequest,
  netlinkRequestOffLoop,
  writeDurably,
  packetOpen,
  packetSend,
  packetReceive,
  packetDrops,
  endTcpRepair,
} = addon;

/**
 * Runs `call` inside the network namespace and returns what it returns. Only synchronous work: a promise would go on in
 * another namespace than it began in, so its type is refused.
 */
export function inNetns<T>(netnsFd: number, call: () => T extends Promise<unknown> ? never : T): T {
  let result: { value: T } | undefined;
  addon.inNetns(netnsFd, () => {
    result = { value: call() };
  });
  if (result === undefined) throw new TypeError('the call did not finish');
  return result.value;
}

/** Closes a packet or netlink socket on a pool thread: the kernel waits milliseconds for RCU in there. */
export const closeOffLoop: (fd: number) => Promise<void> = promisify(close);
