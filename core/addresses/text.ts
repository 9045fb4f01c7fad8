// IP addresses as text and numbers: ip-num validates, this writes them as RFC 5952 and the kernel want them.
import { IPv4, IPv6 } from 'ip-num';
import { GodwitError } from '#core/errors.ts';

export type Family = 4 | 6;

/** An address with the prefix length of its subnet; host bits are kept. */
export interface Cidr {
  /** RFC 5952 or dotted text, without prefix. */
  address: string;
  prefix: number;
}

export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

export function bitsOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Number of an address; ERR_ADDRESS_INVALID for anything that is not exactly one (zones included). */
export function parseAddress(text: string): bigint {
  try {
    if (!/^[0-9a-fA-F:.]+$/.test(text)) throw new Error('characters that no address has');
    return familyOf(text) === 4 ? new IPv4(text).getValue() : new IPv6(text).getValue();
  } catch (error) {
    throw new GodwitError('ERR_ADDRESS_INVALID', `${text} is not an IP address`, { cause: error });
  }
}

/** `address/prefix`; the prefix may be missing only where `prefixIfMissing` is given. */
export function parseCidr(text: string, prefixIfMissing?: number): Cidr {
  const [address = '', prefixText, ...rest] = text.split('/');
  const value = parseAddress(address);
  const family = familyOf(address);
  const prefix = prefixText === undefined ? prefixIfMissing : Number(prefixText);
  const wellFormed = rest.length === 0 && (prefixText === undefined || /^\d{1,3}$/.test(prefixText));
  if (!wellFormed || prefix === undefined || prefix > bitsOf(family))
    throw new GodwitError('ERR_ADDRESS_INVALID', `${text} is not an address with a prefix length`);
  return { address: numberToText(value, family), prefix };
}

export function formatCidr({ address, prefix }: Cidr): string {
  return `${address}/${prefix}`;
}

export function numberToText(value: bigint, family: Family): string {
  return formatAddress(Buffer.from(value.toString(16).padStart(bitsOf(family) / 4, '0'), 'hex'));
}

/** 4 or 16 bytes in network order. */
export function addressBytes(address: string): Buffer {
  const digits = bitsOf(familyOf(address)) / 4;
  return Buffer.from(parseAddress(address).toString(16).padStart(digits, '0'), 'hex');
}

/** Text of 4 or 16 bytes; IPv6 by RFC 5952: lower case, no leading zeros, the first longest run of zeros shortened. */
export function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  const { start, length } = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

function longestZeroRun(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}
