// MAC addresses: text, bytes, and the one that belongs to a lease for its whole life.
import { createHash } from 'node:crypto';
import { GodwitError } from '#core/errors.ts';

const macPattern = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** Six bytes of `02:00:5e:00:53:01`; ERR_ADDRESS_INVALID for anything else, also for group addresses. */
export function parseMac(text: string): Buffer {
  const lower = text.toLowerCase();
  const bytes = Buffer.from(lower.replaceAll(':', ''), 'hex');
  if (!macPattern.test(lower) || ((bytes[0] ?? 1) & 1) === 1)
    throw new GodwitError('ERR_ADDRESS_INVALID', `${text} is not the MAC address of one interface`);
  return bytes;
}

export function formatMac(bytes: Buffer): string {
  return bytes.toString('hex').replace(/..(?=.)/g, '$&:');
}

/** The MAC of a stable address: locally administered, the same on every node and for ever. `address` without prefix. */
export function stableMac(network: string, address: string): string {
  const hash = createHash('sha256').update(`${network}\0${address}`).digest();
  return formatMac(Buffer.concat([Buffer.of(0x02), hash.subarray(0, 5)]));
}
