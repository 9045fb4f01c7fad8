// Which addresses a network may give away, and the next free one.
import { GodwitError } from '#core/errors.ts';
import { bitsOf, familyOf, numberToText, parseAddress, parseCidr, type Cidr, type Family } from './text.ts';

export interface RangeConfig {
  subnet: string;
  rangeStart?: string | undefined;
  rangeEnd?: string | undefined;
  exclude?: string[] | undefined;
  gateway?: string | undefined;
}

export interface Range {
  family: Family;
  prefix: number;
  /** First and last address of the subnet, reserved ones included. */
  subnet: Span;
  /** First and last address that may be given away. */
  span: Span;
  excluded: Span[];
  gateway: string | undefined;
}

export interface Span {
  first: bigint;
  last: bigint;
}

/**
 * Checks and completes a range; ERR_CNI_CONFIG names what does not fit. The network and broadcast addresses are never
 * given away.
 */
export function parseRange(config: RangeConfig): Range {
  const { address, prefix } = parseCidr(config.subnet);
  const family = familyOf(address);
  const subnet = spanOf({ address, prefix });
  const usable =
    bitsOf(family) - prefix < 2
      ? subnet
      : { first: subnet.first + 1n, last: family === 4 ? subnet.last - 1n : subnet.last };
  const span = {
    first: inside(config.rangeStart, 'rangeStart', subnet, usable.first),
    last: inside(config.rangeEnd, 'rangeEnd', subnet, usable.last),
  };
  if (span.first > span.last)
    throw new GodwitError('ERR_CNI_CONFIG', `the range of ${config.subnet} ends before it starts`);
  const gateway =
    config.gateway === undefined ? undefined : numberToText(inside(config.gateway, 'gateway', subnet, 0n), family);
  const excluded = (config.exclude ?? []).map((text) => spanOf(parseCidr(text, bitsOf(family))));
  return { family, prefix, subnet, span, excluded, gateway };
}

function inside(text: string | undefined, field: string, subnet: Span, otherwise: bigint): bigint {
  if (text === undefined) return otherwise;
  const value = parseAddress(text);
  if (!contains(subnet, value)) throw new GodwitError('ERR_CNI_CONFIG', `${field} ${text} lies outside its subnet`);
  return value;
}

export function spanOf({ address, prefix }: Cidr): Span {
  const hostBits = BigInt(bitsOf(familyOf(address)) - prefix);
  const first = (parseAddress(address) >> hostBits) << hostBits;
  return { first, last: first + (1n << hostBits) - 1n };
}

export function contains({ first, last }: Span, value: bigint): boolean {
  return value >= first && value <= last;
}

/** The range whose subnet the address lies in. */
export function rangeOf(ranges: readonly Range[], address: string): Range | undefined {
  const family = familyOf(address);
  const value = parseAddress(address);
  return ranges.find((range) => range.family === family && contains(range.subnet, value));
}

/**
 * The next free address after `cursor` (the one given last, if any), so that an address rests as long as possible
 * before it is given again. Undefined when the range is full.
 */
export function nextFree(range: Range, taken: ReadonlySet<string>, cursor: string | undefined): string | undefined {
  const { first, last } = range.span;
  const after = cursor === undefined ? first : parseAddress(cursor) + 1n;
  const start = contains(range.span, after) ? after : first;
  return search(range, taken, start, last) ?? search(range, taken, first, start - 1n);
}

/** An address of the range, of which each has the same chance when `hash` is a hash. */
export function startingPoint({ span: { first, last }, family }: Range, hash: bigint): string {
  return numberToText(first + (hash % (last - first + 1n)), family);
}

function search(range: Range, taken: ReadonlySet<string>, from: bigint, to: bigint): string | undefined {
  for (let value = from; value <= to; value += 1n) {
    const hole = range.excluded.find((span) => contains(span, value));
    if (hole !== undefined) {
      value = hole.last;
      continue;
    }
    const text = numberToText(value, range.family);
    if (text !== range.gateway && !taken.has(text)) return text;
  }
  return undefined;
}
