// Options of single sockets, read and set through a descriptor that the agent takes from their process.
import { closeSync } from 'node:fs';
import type { OptionValues } from '#agent/attributes/attributes-image.ts';
import {
  datagramsOnly,
  socketOptions,
  streamSocket,
  typeOption,
  type SocketOption,
} from '#agent/attributes/socket-options.ts';
import { attributes } from '#agent/native/attributes.ts';

/** A socket of a process; `inode` tells whether two descriptors are one socket. */
export interface SocketDescriptor {
  fd: number;
  inode: number;
}

const optionNames = Object.keys(socketOptions);
const asked = (options: readonly SocketOption[]): Int32Array =>
  Int32Array.from(options.flatMap(({ level, option, bytes }) => [level, option, bytes]));
const all = asked([typeOption, ...Object.values(socketOptions)]);

export function socketsOf(pid: number): SocketDescriptor[] {
  const found = attributes.sockets(pid);
  return Array.from({ length: found.length / 2 }, (_, index) => ({
    fd: found[2 * index] ?? 0,
    inode: found[2 * index + 1] ?? 0,
  }));
}

/** All options of a socket in one piece; sockets that are alike have the same. */
export function packedOptions(pid: number, fd: number): Buffer {
  return withSocket(pid, fd, (own) => attributes.getOptions(own, all));
}

export function unpackOptions(packed: Buffer): OptionValues {
  const [type, ...values] = valuesIn(packed);
  const stream = type?.readInt32LE() === streamSocket;
  const known = optionNames.flatMap((name, index) => {
    const value = values[index];
    return value === undefined || value.length === 0 || (stream && datagramsOnly.has(name))
      ? []
      : [[name, value.toString('hex')] as const];
  });
  return Object.fromEntries(known);
}

/** Sets what differs; returns the names of what could not be set. */
export function putBackSocket(
  pid: number,
  fd: number,
  wanted: OptionValues,
  differences: Differences = new Map(),
): string[] {
  return withSocket(pid, fd, (own) =>
    differing(attributes.getOptions(own, all), wanted, differences).filter(
      (name) => !putBack(own, name, wanted[name] ?? ''),
    ),
  );
}

/** Found before: sockets that are alike and are to be alike differ in the same options. */
export type Differences = Map<OptionValues, Map<string, string[]>>;

function differing(packed: Buffer, wanted: OptionValues, differences: Differences): string[] {
  const known = differences.get(wanted) ?? new Map<string, string[]>();
  differences.set(wanted, known);
  const key = packed.toString('latin1');
  const found = known.get(key);
  if (found !== undefined) return found;
  const here = unpackOptions(packed);
  const names = Object.keys(wanted).filter((name) => here[name] !== wanted[name]);
  known.set(key, names);
  return names;
}

function putBack(own: number, name: string, wanted: string): boolean {
  const known = socketOptions[name];
  if (known === undefined || attributes.setOption(own, known.level, known.option, Buffer.from(wanted, 'hex')) !== 0)
    return false;
  return valuesIn(attributes.getOptions(own, asked([known])))[0]?.toString('hex') === wanted;
}

function valuesIn(packed: Buffer): Buffer[] {
  const values: Buffer[] = [];
  for (let at = 0; at < packed.length;) {
    const end = at + 1 + (packed[at] ?? 0);
    values.push(packed.subarray(at + 1, end));
    at = end;
  }
  return values;
}

function withSocket<T>(pid: number, fd: number, use: (own: number) => T): T {
  const own = attributes.take(pid, fd);
  try {
    return use(own);
  } finally {
    closeSync(own);
  }
}
